import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSystemClock } from '../../src/lib/clock.ts';
import { createSystemRandom } from '../../src/lib/random.ts';
import { createSimulator, type Simulator } from '../../src/simulator/server.ts';
import { SAMPLE_CREDENTIALS, SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { testKey } from '../support/caller-keys.ts';
import { ACCEPT, ask, linksOf } from '../support/running.ts';

const { orders } = SAMPLE_PROJECTS;
const { clientId, clientSecret } = SAMPLE_CREDENTIALS.serviceAccount;
/** A change must apply within a second; allow more on a busy machine. */
const SOON = { timeout: 3_000, interval: 20 };
const noOpenssl = spawnSync('openssl', ['version']).error !== undefined;
if (noOpenssl) process.stderr.write('skipped: openssl is not installed, so certificates are not swapped\n');

let folder: string;
let simulator: Simulator;
let atlas: string;
let stop: () => Promise<number | null>;
let output: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-reload-'));
  simulator = createSimulator({}, { clock: createSystemClock(), random: createSystemRandom() });
  atlas = await simulator.listen(0);
});
afterEach(async () => {
  expect(await stop()).toBe(0);
  await simulator.close();
  rmSync(folder, { recursive: true });
});

const keyLines = (keys: ReturnType<typeof testKey>[]) =>
  keys.map(({ id, sha256 }) => `      - { id: ${id}, sha256: '${sha256}' }\n`).join('');
const configuration = (
  keys: ReturnType<typeof testKey>[],
  listen = 'port: 0',
  operations = 'lists',
) => `listen: { ${listen} }
admin: { port: 0 }
drain: { delay: 0s }
upstream: { origin: '${atlas}' }
credentials:
  - name: sample
    serviceAccount: { clientId: { env: ID }, clientSecret: { file: mounted/secret } }
callers:
  - name: team
    keys:
${keyLines(keys)}    projects: all
    operations: ${operations}
`;

/** As Kubernetes mounts a secret: a symlink to a file in `..data`, which is itself a symlink that is replaced atomically. */
function mount(version: number, secret: string) {
  const mounted = join(folder, 'mounted');
  mkdirSync(join(mounted, `..v${version}`), { recursive: true });
  writeFileSync(join(mounted, `..v${version}`, 'secret'), secret);
  symlinkSync(`..v${version}`, join(mounted, '..next'));
  renameSync(join(mounted, '..next'), join(mounted, '..data'));
  if (version === 1) symlinkSync('..data/secret', join(mounted, 'secret'));
}

async function serve(text: string) {
  const path = join(folder, 'gateway.yaml');
  writeFileSync(path, text);
  const child = spawn(process.execPath, ['bin/atlas-gateway.js', 'serve', '--config', path], {
    env: { PATH: process.env['PATH'] ?? '', ID: clientId },
  });
  output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  stop = () => {
    child.kill('SIGTERM');
    return ended;
  };
  await expect.poll(() => output, { timeout: 10_000 }).toContain('listening on');
  const [origin = '', admin = ''] = output.match(/https?:\/\/[\d.:]+/g) ?? [];
  const statusFor = async (key: { bearer: string }, path_ = linksOf(orders)) =>
    (await ask(origin, path_, { headers: { accept: ACCEPT, authorization: key.bearer } })).status;
  const metrics = async () => (await ask(admin, '/metrics')).text;
  return { origin, path, statusFor, metrics };
}

test('69: valid and invalid changes of the configuration → keys are added and removed, an invalid file keeps the old configuration, no request is lost', async () => {
  const [one, two] = [testKey(1), testKey(2)];
  mount(1, `${clientSecret}\n`);
  const { path, statusFor, metrics } = await serve(configuration([one]));
  expect([await statusFor(one), await statusFor(two)]).toEqual([200, 401]);
  let going = true;
  const statuses: number[] = [];
  const traffic = (async () => {
    while (going) statuses.push(await statusFor(one));
  })();
  writeFileSync(path, configuration([one, two]));
  await expect.poll(() => statusFor(two), SOON).toBe(200);
  writeFileSync(path, 'callers: [\n');
  await expect.poll(metrics, SOON).toContain('atlas_gateway_config_last_reload_successful 0');
  expect(await metrics()).toContain('atlas_gateway_config_reloads_total{outcome="rejected"} 1');
  await expect.poll(() => output, SOON).toContain('is not valid YAML');
  expect([await statusFor(one), await statusFor(two)]).toEqual([200, 200]);
  going = false;
  await traffic;
  expect(new Set(statuses)).toEqual(new Set([200]));
  writeFileSync(path, configuration([two]));
  await expect.poll(() => statusFor(one), SOON).toBe(401);
  expect(await metrics()).toContain('atlas_gateway_config_last_reload_successful 1');
});

test('32: a policy that changes → applies to the next request, including cached lists', async () => {
  const key = testKey(1);
  mount(1, clientSecret);
  const { path, statusFor } = await serve(configuration([key]));
  expect(await statusFor(key)).toBe(200);
  writeFileSync(path, configuration([key], 'port: 0', '[Clusters]'));
  await expect.poll(() => statusFor(key), SOON).toBe(403);
});

test('54: a secret that Kubernetes replaces twice, or removes → used for the next token, or kept', async () => {
  const key = testKey(1);
  mount(1, 'a-secret-that-is-wrong');
  const { statusFor, metrics } = await serve(configuration([key]));
  expect(await statusFor(key)).toBe(503);
  mount(2, 'wrong-again-and-again');
  await expect.poll(metrics, SOON).toContain('atlas_gateway_config_reloads_total{outcome="applied"} 1');
  mount(3, `${clientSecret}\n`);
  await expect.poll(metrics, SOON).toContain('atlas_gateway_config_reloads_total{outcome="applied"} 2');
  await expect.poll(() => statusFor(key), { timeout: 10_000, interval: 100 }).toBe(200);
  unlinkSync(join(folder, 'mounted', '..data'));
  await expect.poll(metrics, SOON).toContain('atlas_gateway_config_reloads_total{outcome="partial"} 1');
  expect(await metrics()).toContain('atlas_gateway_config_last_reload_successful 0');
  await expect
    .poll(() => output, SOON)
    .toMatch(/serviceAccount\.clientSecret: the file .* cannot be read; .*the previous value stays in force/);
  expect(await statusFor(key)).toBe(200);
  expect(output).not.toContain(clientSecret);
});

test('54: a secret that is gone while a key is removed → the key is refused, and the secret stays in force', async () => {
  const [one, two] = [testKey(1), testKey(2)];
  mount(1, clientSecret);
  const { path, statusFor } = await serve(configuration([one, two]));
  expect([await statusFor(one), await statusFor(two)]).toEqual([200, 200]);
  unlinkSync(join(folder, 'mounted', '..data'));
  writeFileSync(path, configuration([two]));
  await expect.poll(() => statusFor(one), SOON).toBe(401);
  expect(await statusFor(two)).toBe(200);
});

test.skipIf(noOpenssl)('54: a certificate that is replaced → used for the next connection', async () => {
  const certify = (name: string) =>
    spawnSync('openssl', [
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
      `/CN=${name}`,
      '-keyout',
      join(folder, 'key.pem'),
      '-out',
      join(folder, 'cert.pem'),
    ]).status;
  expect(certify('first')).toBe(0);
  mount(1, clientSecret);
  const { origin } = await serve(
    configuration([testKey(1)], 'port: 0, tls: { cert: { file: cert.pem }, key: { file: key.pem } }'),
  );
  const shown = () =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(origin);
      const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().subject.CN);
        socket.destroy();
      });
      socket.on('error', reject);
    });
  expect(await shown()).toBe('first');
  expect(certify('second')).toBe(0);
  await expect.poll(shown, SOON).toBe('second');
});
