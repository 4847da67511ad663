import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSystemClock } from '../../../src/lib/clock.ts';
import { createSystemRandom } from '../../../src/lib/random.ts';
import { createSimulator, type Simulator } from '../../../src/simulator/server.ts';
import { SAMPLE_CREDENTIALS, SAMPLE_PROJECTS } from '../../../src/simulator/world.ts';
import { say } from '../../support/command.ts';

const { serviceAccount, apiKey } = SAMPLE_CREDENTIALS;
const { orders, hidden } = SAMPLE_PROJECTS;
const ENV = {
  ID: serviceAccount.clientId,
  SECRET: serviceAccount.clientSecret,
  PUBLIC: apiKey.publicKey,
  PRIVATE: apiKey.privateKey,
  WRONG: 'canaryCANARYcanary',
};
const ACCOUNT = 'serviceAccount: { clientId: { env: ID }, clientSecret: { env: SECRET } }';
const KEY = 'apiKey: { publicKey: { env: PUBLIC }, privateKey: { env: PRIVATE } }';

let simulator: Simulator;
let atlas: string;
const clock = createSystemClock();
const random = createSystemRandom();

beforeEach(async () => {
  simulator = createSimulator({}, { clock, random });
  atlas = await simulator.listen(0);
});
afterEach(() => simulator.close());

/** Runs `check` on a configuration with these credentials, one per line. */
async function check(
  credentials: readonly string[],
  { flags = ['--online'], origin = atlas, more = '', isTerminal = false, timeout = '2s' } = {},
) {
  const lines = credentials.map((credential) => `  - { ${credential} }\n`).join('');
  const text = `upstream: { origin: '${origin}', timeout: ${timeout} }\ncredentials:\n${lines}anonymous: { projects: all }\n${more}`;
  const said = await say(['check', '--config', 'gateway.yaml', ...flags], {
    env: ENV,
    isTerminal,
    readFile: (path) => (path === 'gateway.yaml' ? text : readFileSync(path, 'utf8')),
  });
  for (const secret of [ENV.SECRET, ENV.PRIVATE, ENV.WRONG])
    expect(`${said.out}${said.err}`).not.toContain(secret);
  return said;
}

const targets = () => simulator.requests.map(({ target, status }) => `${status} ${target}`);
const LIST = '/api/atlas/v2/groups?itemsPerPage=1&pageNum=1';

test('without --online no request is sent', async () => {
  const { code, out } = await check([`name: one, ${ACCOUNT}`], { flags: [] });
  expect([code, simulator.requests.length]).toEqual([0, 0]);
  expect(out).toContain('The configuration is valid.');
  expect(out).not.toContain('Probing');
});

test('a service account is verified with a token and one request, and the token is revoked', async () => {
  const { code, out } = await check([`name: one, ${ACCOUNT}`]);
  expect(out).toMatch(/\n {2}ok {6}one: service account, \d+ ms\nAtlas accepts every credential\.\n$/);
  expect(code).toBe(0);
  expect(targets()).toEqual(['200 /api/oauth/token', `200 ${LIST}`, '200 /api/oauth/revoke']);
});

test('an API key is verified with one signed request', async () => {
  const { code, out } = await check([`name: one, ${KEY}`]);
  expect(out).toMatch(/\n {2}ok {6}one: API key, \d+ ms\n/);
  expect(code).toBe(0);
  expect(targets()).toEqual([`401 ${LIST}`, `200 ${LIST}`]);
});

test('a hundred checks leave no token behind', async () => {
  for (let count = 0; count < 101; count++) expect((await check([`name: one, ${ACCOUNT}`])).code).toBe(0);
});

test('each credential has a line, in the order of the configuration and not of the responses', async () => {
  simulator.faults.add({ target: '/api/oauth/token', delayMs: 150, times: 1 });
  const { code, out } = await check([
    `name: slow, ${ACCOUNT}`,
    `name: wrong, apiKey: { publicKey: { env: PUBLIC }, privateKey: { env: WRONG } }`,
    `name: key, ${KEY}`,
    ...Array.from({ length: 6 }, (_none, index) => `name: n${index}, ${KEY}`),
  ]);
  expect(
    [...out.matchAll(/^ {2}(ok|failed) +([a-z0-9]+):/gm)].map(
      ([, cacheStatus, name]) => `${cacheStatus} ${name}`,
    ),
  ).toEqual([
    'ok slow',
    'failed wrong',
    'ok key',
    ...Array.from({ length: 6 }, (_none, index) => `ok n${index}`),
  ]);
  expect(code).toBe(1);
  expect(out).toMatch(/\n1 failed\.\n$/);
});

describe('a failure is reported with its remedy', () => {
  test('a wrong client secret', async () => {
    const { code, out } = await check([
      'name: one, serviceAccount: { clientId: { env: ID }, clientSecret: { env: WRONG } }',
    ]);
    expect(code).toBe(1);
    expect(out).toContain(
      'the token endpoint answered 401. Compare the environment variable ID and the environment variable WRONG with Atlas; if the secret has expired or was deleted, create a new one.\n',
    );
  });

  test('a wrong private key', async () => {
    const { code, out } = await check([
      'name: one, apiKey: { publicKey: { env: PUBLIC }, privateKey: { env: WRONG } }',
    ]);
    expect(code).toBe(1);
    expect(out).toContain('Atlas rejects the key of credential one. Compare the environment variable PUBLIC');
  });

  test.each([
    [
      'an address that is not on the access list',
      { status: 403, errorCode: 'IP_ADDRESS_NOT_ON_ACCESS_LIST' },
      'Atlas answered 403 IP_ADDRESS_NOT_ON_ACCESS_LIST. Add this machine',
    ],
    [
      'a credential without permissions',
      { status: 403, errorCode: 'ACCESS_FORBIDDEN' },
      'Atlas answered 403 ACCESS_FORBIDDEN. In Atlas, check its roles',
    ],
    [
      'a rate limit',
      { status: 429, errorCode: 'RATE_LIMITED' },
      'Atlas answered 429 RATE_LIMITED. The Atlas rate limit is exhausted',
    ],
    ['an Atlas that fails', { status: 503 }, 'Atlas answered 503 UNEXPECTED_ERROR. Try again'],
    [
      'something that is not Atlas',
      { status: 302, body: '<script>alert(1)</script>' },
      'Atlas answered 302. Try again; if it persists, check that upstream.origin is Atlas',
    ],
    ['a connection that breaks', { wire: 'reset' }, 'failed before the response was complete'],
  ] as const)('%s', async (_what, fault, sentence) => {
    for (const credential of [ACCOUNT, KEY]) {
      simulator.faults.clear();
      // The first request of an API key only gets the challenge.
      if (credential === KEY) simulator.faults.add({ target: '/api/atlas/', times: 1 });
      simulator.faults.add({ target: '/api/atlas/', ...fault });
      const { code, out } = await check([`name: one, ${credential}`]);
      expect(code).toBe(1);
      expect(out).toContain(sentence);
      expect(out).not.toContain('script');
    }
  });

  test('a token endpoint that refuses a valid pair', async () => {
    simulator.faults.add({ target: '/api/oauth/token', status: 403 });
    const { out } = await check([`name: one, ${ACCOUNT}`]);
    expect(out).toContain(
      'the token endpoint answered 403. In Atlas, check its roles, its access list, and whether it already has 100 active tokens',
    );
  });

  test('an upstream without digest challenges', async () => {
    simulator.faults.add({ target: '/api/atlas/', status: 302, body: '' });
    const { code, out } = await check([`name: one, ${KEY}`]);
    expect(code).toBe(1);
    expect(out).toContain('Atlas answered 302 to credential one, without a digest challenge. Try again;');
  });

  test('a rate limit or an outage is not reported as a wrong key', async () => {
    simulator.faults.add({ target: '/api/atlas/', status: 503, times: 3 });
    simulator.faults.add({ target: '/api/atlas/', status: 429, times: 1 });
    expect((await check([`name: one, ${KEY}`])).out).toContain('Atlas answered 503 UNEXPECTED_ERROR. Try');
    expect((await check([`name: one, ${KEY}`])).out).toContain('The Atlas rate limit is exhausted');
  });

  test.each([
    ['a service account', ACCOUNT, '/api/oauth/token'],
    ['a service account', ACCOUNT, '/api/atlas/'],
    ['an API key', KEY, '/api/atlas/'],
  ])('%s whose first call is reset is not reported as failed', async (_what, credential, target) => {
    simulator.faults.add({ target, wire: 'reset', times: 1 });
    expect((await check([`name: one, ${credential}`])).code).toBe(0);
  });

  test('an Atlas that does not respond within upstream.timeout', async () => {
    simulator.faults.add({ target: '/api/', wire: 'hang' });
    const startedAt = clock.now();
    const { code, out } = await check([`name: one, ${ACCOUNT}`, `name: two, ${KEY}`], { timeout: '300ms' });
    expect(code).toBe(1);
    expect(clock.now() - startedAt).toBeLessThan(5_000);
    expect(out.match(/Atlas did not answer in time/g)).toHaveLength(2);
    expect(out).toContain('or raise upstream.timeout.');
  });

  test('an address where nothing listens', async () => {
    const { code, out } = await check([`name: one, ${ACCOUNT}`], { origin: 'http://127.0.0.1:1' });
    expect(code).toBe(1);
    expect(out).toContain(
      'Atlas cannot be reached (ECONNREFUSED). Check name resolution, firewall and proxy',
    );
  });

  const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
  if (!hasOpenssl)
    process.stdout.write('openssl is not installed: check --online is not tested with certificates\n');
  test.skipIf(!hasOpenssl)('an untrusted certificate', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-check-'));
    const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
    const subject = '-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1';
    const kind = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1';
    spawnSync('openssl', `req ${kind} ${subject} -keyout ${key} -out ${cert}`.split(' '));
    const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const { code, out } = await check([`name: one, ${ACCOUNT}`, `name: two, ${KEY}`], {
      origin: `https://127.0.0.1:${port}`,
    });
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
    expect(code).toBe(1);
    expect(
      out.match(
        /No trusted TLS connection to Atlas \(\w+\)\. A proxy may be intercepting TLS: set NODE_EXTRA_CA_CERTS/g,
      ),
    ).toHaveLength(2);
  });
});

describe('--projects', () => {
  test('reports the number of projects and organizations that a credential sees', async () => {
    const { code, out } = await check([`name: one, ${KEY}, projects: ['${orders.id}']`], {
      flags: ['--online', '--projects'],
    });
    expect(code).toBe(0);
    expect(out).toMatch(/ok {6}one: API key, \d+ ms, sees 8 projects and organizations\n/);
  });

  test('reports configured ids that a credential does not see', async () => {
    const { code, out } = await check(
      [`name: one, ${ACCOUNT}, projects: ['${orders.id}', '${hidden.id}']`, `name: two, ${KEY}`],
      { flags: ['--online', '--projects'] },
    );
    expect(code).toBe(1);
    expect(out).toContain(`. It does not see ${hidden.id}: give it a role there, or remove the ids.\n`);
    expect(out).toMatch(/ok {6}two/);
    expect(targets().filter((line) => line.includes('/revoke'))).toHaveLength(1);
  });

  test('reports callers with grants that no credential covers', async () => {
    const caller = `callers:\n  - { name: team, projects: ['${orders.id}', '${hidden.id}'] }\n`;
    const { code, out } = await check([`name: one, ${KEY}, projects: ['${orders.id}']`], {
      flags: ['--online', '--projects'],
      more: caller,
    });
    expect(code).toBe(1);
    expect(out).toContain(`failed  caller team: no credential sees ${hidden.id};`);
  });

  test('reports that Atlas does not list the visible projects', async () => {
    simulator.faults.add({ target: '/api/atlas/v2/orgs', status: 403, errorCode: 'ACCESS_FORBIDDEN' });
    const { code, out } = await check([`name: one, ${KEY}`], { flags: ['--online', '--projects'] });
    expect(code).toBe(1);
    expect(out).toContain('Atlas does not report which projects it sees');
  });
});

test('a terminal shows the progress, which is erased afterwards', async () => {
  const { out } = await check([`name: one, ${KEY}`, `name: two, ${ACCOUNT}`], { isTerminal: true });
  expect(out).toContain('\r\u001b[K  0 of 2 answered …');
  const lines = out.split('\r\u001b[K').filter((part) => part.endsWith('\n'));
  expect(lines.at(-1)).toMatch(
    /^ {2}ok {6}two: service account, \d+ ms\nAtlas accepts every credential\.\n$/,
  );
  const plain = await check([`name: one, ${KEY}`]);
  expect(plain.out).not.toContain('\u001b');
});

test('with an invalid configuration it exits with 2 and sends no request', async () => {
  const { code, err } = await check([
    'name: one, apiKey: { publicKey: { env: PUBLIC }, privateKey: { env: NOWHERE } }',
  ]);
  expect(code).toBe(2);
  expect(err).toContain('the environment variable NOWHERE is not set');
  expect(simulator.requests).toEqual([]);
});
