import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { testKey } from '../support/caller-keys.ts';
import { createCertificate } from '../support/certificate.ts';
import { linksOf, type Running, startGateway } from '../support/running.ts';
import { isMissing, print, run } from './programs.ts';

const { orders } = SAMPLE_PROJECTS;
const key = testKey(1);
const config = {
  callers: [
    { name: 'team', keys: [{ id: key.id, sha256: key.sha256, ha1: { file: 'ha1' } }], projects: [orders.id] },
  ],
  anonymous: undefined,
};

const noCurl = isMissing('curl', '--version');
const noOpenssl = isMissing('openssl', 'version');

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

  test.skipIf(noCurl)('curl with --http2 is answered over HTTP/1.1', async () => {
    const { out } = await curl('--header', `Authorization: ${key.bearer}`, '--http2');
    expect(out).toMatch(/^HTTP\/1.1 200 OK[\s\S]*"totalCount" : 42/);
    print('curl, http: bearer, digest, OAuth, and --http2');
  });
});

describe.skipIf(noOpenssl)('over https', () => {
  let running: Running;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-tls-'));
    const { cert, key: privateKey } = createCertificate();
    writeFileSync(join(folder, 'bundle'), cert);
    running = await startGateway({
      config: { ...config, listen: { port: 0, tls: { cert: { file: 'cert' }, key: { file: 'key' } } } },
      files: { ha1: key.ha1, cert, key: privateKey },
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

  test.skipIf(noCurl)('curl with --http2 gets links that lead to https', async () => {
    const { out } = await run('curl', [
      '--silent',
      '--cacert',
      join(folder, 'bundle'),
      '--header',
      `Authorization: ${key.bearer}`,
      '--header',
      'Accept: application/vnd.atlas.2023-02-01+json',
      '--http2',
      `${running.origin}${linksOf(orders)}`,
    ]);
    expect(out).toContain('"href":"https://127.0.0.1:');
    print('curl, https: bearer, with --http2');
  });
});
