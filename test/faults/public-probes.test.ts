import { afterAll, beforeAll, expect, test } from 'vitest';
import { raw } from '../support/raw.ts';
import { ask, type Running, startGateway } from '../support/running.ts';

let running: Running;
beforeAll(async () => {
  running = await startGateway({ config: { anonymous: undefined } });
});
afterAll(() => running.stop());

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
const PROBES = [
  ['/healthz', 'ok\n'],
  ['/readyz', 'ready\n'],
] as const;

test.each(PROBES)(
  '130: %s of the public listener → answered without a key, and not logged',
  async (path, text) => {
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      const reply = await ask(running.origin, path, { method });
      expect([method, reply.status, reply.text]).toEqual([method, 200, method === 'HEAD' ? '' : text]);
      expect(reply.headers).toMatchObject({
        'cache-control': 'no-store',
        'x-request-id': expect.any(String),
      });
    }
    const refused = await ask(running.origin, path, { method: 'POST' });
    expect([refused.status, refused.headers['allow']]).toEqual([405, 'GET, HEAD, OPTIONS']);
  },
);

test('130: the probes of the public listener over HTTP/1.0 without Host → answered, other paths 400', async () => {
  for (const [path] of PROBES) {
    expect([path, statusOf(await raw(running.origin, `GET ${path} HTTP/1.0\r\n\r\n`))]).toEqual([path, 200]);
    for (const request of [
      `GET ${path} HTTP/1.1\r\n\r\n`,
      `GET ${path} HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n`,
    ])
      expect([request, statusOf(await raw(running.origin, request))]).toEqual([request, 400]);
  }
  expect(statusOf(await raw(running.origin, 'GET / HTTP/1.0\r\n\r\n'))).toBe(400);
});
