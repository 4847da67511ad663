import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtConfiguration, removeFolders, serveBuilt } from '../support/built.ts';
import { raw } from '../support/raw.ts';
import { type Running, startGateway, startSimulator } from '../support/running.ts';

const PATHS = ['/', '/metrics', '/openapi.json', '/status.json', '/nowhere'];
const PROBES = ['/healthz', '/readyz'];
const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1]);

afterAll(removeFolders);

describe('an admin listener on loopback, without a token', () => {
  let running: Running;
  let port: string;
  beforeAll(async () => {
    running = await startGateway();
    port = new URL(running.admin).port;
  });
  afterAll(() => running.stop());
  const get = (target: string, host: string, method = 'GET') =>
    raw(running.admin, `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);

  /** Foreign names, in all spellings, that can resolve to this host (DNS rebinding). */
  const foreign = () => [
    'attacker.example',
    `attacker.example:${port}`,
    'attacker.example.',
    `ATTACKER.example:${port}`,
    'localhost.attacker.example',
    'localhost.attacker.example.',
    '127.0.0.1.attacker.example',
    '127-0-0-1.attacker.example',
    'attackerlocalhost',
    '169.254.169.254',
    '[::2]',
    `[fe80::1]:${port}`,
    '[2001:db8::1]',
  ];
  const own = () => [
    'localhost',
    `localhost:${port}`,
    `LocalHost:${port}`,
    `127.0.0.1:${port}`,
    '127.0.0.1',
    `[::1]:${port}`,
    '[::1]',
    'gateway.localhost',
  ];

  test('92: under a foreign Host → 403 for everything but the probes, metrics included', async () => {
    for (const host of foreign()) {
      for (const path of PATHS) {
        const answer = await get(path, host);
        expect([host, path, statusOf(answer)]).toEqual([host, path, 403]);
        expect(answer).toContain('"errorCode":"HOST_FORBIDDEN"');
      }
      for (const path of ['/cache/purge', '/metrics'])
        expect([host, path, statusOf(await get(path, host, 'POST'))]).toEqual([host, path, 403]);
      expect([host, statusOf(await get('/metrics', host, 'HEAD'))]).toEqual([host, 403]);
    }
  });

  test('92: under a name of this machine → answered', async () => {
    for (const host of own())
      for (const path of PATHS.slice(0, -1))
        expect([host, path, statusOf(await get(path, host))]).toEqual([host, path, 200]);
  });

  test('92: a target that names a foreign host, whatever Host says → 403', async () => {
    for (const host of foreign()) {
      for (const path of PATHS) {
        const answer = await get(`http://${host}${path}`, 'localhost');
        expect([host, path, statusOf(answer)]).toEqual([host, path, 403]);
      }
    }
    expect(statusOf(await get(`http://localhost:${port}/metrics`, 'attacker.example'))).toBe(403);
    expect(statusOf(await get('http://localhost@attacker.example/metrics', 'localhost'))).toBe(403);
    expect(statusOf(await get(`http://localhost:${port}/metrics`, `localhost:${port}`))).toBe(200);
  });

  test('92: an invalid Host → refused', async () => {
    for (const host of ['', 'localhost@attacker.example', '127.0.0.1:80:80', 'a b', 'localhost:port', '[::1'])
      expect([host, [400, 403]]).toEqual([
        host,
        expect.arrayContaining([statusOf(await get('/metrics', host))]),
      ]);
  });

  test('92: the probes → answered under every name', async () => {
    for (const host of [...foreign(), ...own(), '10.1.2.3:9090'])
      for (const path of PROBES)
        expect([host, path, statusOf(await get(path, host))]).toEqual([host, path, 200]);
  });

  test('130: the probes over HTTP/1.0 without Host → answered, whatever the method of the check', async () => {
    for (const path of PROBES)
      for (const method of ['GET', 'HEAD', 'OPTIONS'])
        expect([
          method,
          path,
          statusOf(await raw(running.admin, `${method} ${path} HTTP/1.0\r\n\r\n`)),
        ]).toEqual([method, path, 200]);
  });

  test('130: anything else over HTTP/1.0 without Host → 403', async () => {
    for (const path of PATHS)
      expect([path, statusOf(await raw(running.admin, `GET ${path} HTTP/1.0\r\n\r\n`))]).toEqual([path, 403]);
  });

  test('130: HTTP/1.1 without Host, and two of them in either version → 400 and close, the probes too', async () => {
    const two = 'Host: localhost\r\nHost: localhost\r\n';
    for (const path of [...PROBES, ...PATHS])
      for (const request of [
        `GET ${path} HTTP/1.1\r\n\r\n`,
        `GET ${path} HTTP/1.1\r\n${two}\r\n`,
        `GET ${path} HTTP/1.0\r\n${two}\r\n`,
      ]) {
        const answer = await raw(running.admin, request);
        expect([request, statusOf(answer)]).toEqual([request, 400]);
        expect(answer).toContain('"errorCode":"INVALID_REQUEST"');
      }
  });
});

describe('an admin listener with a token', () => {
  let running: Running;
  beforeAll(async () => {
    running = await startGateway({
      config: { admin: { port: 0, token: { file: 'token' } } },
      files: { token: 'admin-canary-token-0123456789' },
    });
  });
  afterAll(() => running.stop());

  test('92: under any Host → metrics are open, everything else requires the token', async () => {
    const get = (path: string) =>
      raw(running.admin, `GET ${path} HTTP/1.1\r\nHost: gateway.example\r\nConnection: close\r\n\r\n`);
    expect(statusOf(await get('/metrics'))).toBe(200);
    expect(statusOf(await get('/status.json'))).toBe(401);
  });

  test('130: the probes over HTTP/1.0 without Host → answered', async () => {
    for (const path of PROBES)
      expect([path, statusOf(await raw(running.admin, `GET ${path} HTTP/1.0\r\n\r\n`))]).toEqual([path, 200]);
  });
});

test('130: the probes over HTTP/1.0 without Host while the gateway drains → readyz 503, healthz 200', async () => {
  const { simulator, atlas } = await startSimulator();
  const built = await serveBuilt(builtConfiguration(atlas, 'drain: { delay: 60s, deadline: 60s }'));
  const probe = async (path: string) => statusOf(await raw(built.admin, `GET ${path} HTTP/1.0\r\n\r\n`));
  built.child.kill('SIGTERM');
  await expect.poll(() => probe('/readyz')).toBe(503);
  expect(await probe('/healthz')).toBe(200);
  expect(statusOf(await raw(built.origin, 'GET /readyz HTTP/1.0\r\n\r\n'))).toBe(503);
  built.child.kill('SIGTERM');
  await built.ended;
  await simulator.close();
});
