import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { testKey } from '../support/caller-keys.ts';
import { linksOf, type Running, startGateway } from '../support/running.ts';

const { orders } = SAMPLE_PROJECTS;
const GO_PROGRAM = 'test/clients/go';
const key = testKey(1);
const config = {
  callers: [
    { name: 'team', keys: [{ id: key.id, sha256: key.sha256, ha1: { file: 'ha1' } }], projects: [orders.id] },
  ],
  anonymous: undefined,
};

function isMissing(program: string, argument: string): boolean {
  const missing = spawnSync(program, [argument]).error !== undefined;
  if (missing)
    process.stderr.write(`skipped: ${program} is not installed, so the clients that need it are not tried\n`);
  return missing;
}
const noCurl = isMissing('curl', '--version');
const noOpenssl = isMissing('openssl', 'version');
const noGo = isMissing('go', 'version') || isGoSdkMissing();

/** Whether the SDK cannot be downloaded here. */
function isGoSdkMissing(): boolean {
  // go.sum holds the checksums; a checksum database need not be reachable as well.
  const { status } = spawnSync('go', ['mod', 'download'], {
    cwd: GO_PROGRAM,
    env: { ...process.env, GOSUMDB: 'off' },
  });
  if (status !== 0)
    process.stderr.write('skipped: the Atlas SDK for Go cannot be downloaded here, so it is not tried\n');
  return status !== 0;
}

/** Output and exit code of a program. */
function run(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
) {
  return new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    const child = spawn(program, args, { ...options, env: { ...process.env, ...options.env } });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

describe('over http', () => {
  let running: Running;
  beforeAll(async () => {
    running = await startGateway({ config, files: { ha1: key.ha1 } });
  });
  afterAll(() => running.stop());

  const curl = (...args: string[]) =>
    run('curl', [
      '--silent',
      '--include',
      '--header',
      'Accept: application/vnd.atlas.2023-10-01+json',
      ...args,
      '-X',
      'GET',
      `${running.origin}${linksOf(orders, '?pretty=true')}`,
    ]);

  test.skipIf(noCurl)('curl with --digest reads a list', async () => {
    const { out } = await curl('--user', `${key.id}:${key.secret}`, '--digest');
    expect(out).toMatch(/HTTP\/1.1 401[\s\S]*HTTP\/1.1 200 OK[\s\S]*"totalCount" : 42/);
  });

  test.skipIf(noCurl)('curl with a bearer key reads a list', async () => {
    expect((await curl('--header', `Authorization: ${key.bearer}`)).out).toMatch(
      /^HTTP\/1.1 200 OK[\s\S]*"totalCount" : 42/,
    );
  });

  test.skipIf(noCurl)('curl that trades its key for a token reads a list', async () => {
    const traded = await run('curl', [
      '--silent',
      '--user',
      `${key.id}:${key.secret}`,
      '--data',
      'grant_type=client_credentials',
      `${running.origin}/api/oauth/token`,
    ]);
    const { access_token: token } = JSON.parse(traded.out);
    expect((await curl('--header', `Authorization: Bearer ${token}`)).out).toMatch(/^HTTP\/1.1 200 OK/);
  });

  test.skipIf(noGo)(
    'the Atlas SDK for Go reads a list, with OAuth and with digest',
    async () => {
      const { out, err } = await run('go', ['run', '.'], {
        cwd: GO_PROGRAM,
        env: {
          GOSUMDB: 'off',
          GOFLAGS: '-mod=readonly',
          BASE_URL: running.origin,
          MONGODB_ATLAS_CLIENT_ID: key.id,
          MONGODB_ATLAS_CLIENT_SECRET: key.secret,
          GROUP_ID: orders.id,
        },
      });
      expect(err).not.toContain('Error');
      expect(out.trim().split('\n').sort()).toEqual(['digest 42 of 42', 'oauth 42 of 42']);
    },
    150_000,
  );
});

describe.skipIf(noOpenssl)('over https', () => {
  let running: Running;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-tls-'));
    const [cert, privateKey] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const made = spawnSync('openssl', [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '1',
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=IP:127.0.0.1',
      '-keyout',
      privateKey,
      '-out',
      cert,
    ]);
    expect(made.status).toBe(0);
    writeFileSync(join(folder, 'bundle'), readFileSync(cert));
    running = await startGateway({
      config: { ...config, listen: { port: 0, tls: { cert: { file: 'cert' }, key: { file: 'key' } } } },
      files: { ha1: key.ha1, cert: readFileSync(cert, 'utf8'), key: readFileSync(privateKey, 'utf8') },
    });
  });
  afterAll(async () => {
    await running.stop();
    rmSync(folder, { recursive: true });
  });

  test('the client of MongoDB’s MCP server mints a token, reads a list, asks for its address, leaves telemetry and revokes', async () => {
    const { out, err } = await run(
      process.execPath,
      ['test/clients/mcp-client.mjs', running.origin, key.id, key.secret, orders.id],
      { env: { NODE_EXTRA_CA_CERTS: join(folder, 'bundle') } },
    );
    expect(err).toBe('');
    expect(JSON.parse(out)).toEqual({ count: 42, total: 42, currentIpv4Address: '127.0.0.1' });
    expect(running.simulator.requests.filter(({ target }) => target.startsWith('/api/private'))).toEqual([]);
  });

  test.skipIf(noCurl)('links lead to https', async () => {
    const { out } = await run('curl', [
      '--silent',
      '--cacert',
      join(folder, 'bundle'),
      '--header',
      `Authorization: ${key.bearer}`,
      '--header',
      'Accept: application/vnd.atlas.2023-02-01+json',
      `${running.origin}${linksOf(orders)}`,
    ]);
    expect(out).toContain('"href":"https://127.0.0.1:');
  });
});
