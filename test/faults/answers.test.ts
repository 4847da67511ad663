import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRawErrors } from '../../src/server/raw-error.ts';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { raw } from '../support/raw.ts';
import { ACCEPT, linksOf, type Running, startGateway } from '../support/running.ts';

const { orders } = SAMPLE_PROJECTS;
const LIST = linksOf(orders);
const TOKEN = 'admin-canary-token-0123456789';
const HOST = 'Host: localhost\r\n';
const CLOSE = 'Connection: close\r\n';
const request = (method: string, target: string, more = '') =>
  `${method} ${target} HTTP/1.1\r\n${HOST}Accept: ${ACCEPT}\r\n${more}${CLOSE}\r\n`;

const headerOf = (answer: string, name: string) =>
  new RegExp(`^${name}: ([^\\r]*)\\r$`, 'im').exec(answer.slice(0, answer.indexOf('\r\n\r\n') + 2))?.[1];

/** What every answer has, every error, and every 405. */
function isComplete(answer: string): void {
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
  expect(Date.parse(headerOf(answer, 'Date') ?? '')).toBeGreaterThan(0);
  expect(headerOf(answer, 'X-Request-Id')).toMatch(/^[\w-]+$/);
  if (status >= 400) expect(headerOf(answer, 'Cache-Control')).toBe('no-store');
  expect([status, headerOf(answer, 'Allow') !== undefined]).toEqual([status, status === 405]);
}

describe('answers', () => {
  let running: Running;
  let locked: Running;
  beforeAll(async () => {
    running = await startGateway();
    locked = await startGateway({
      config: { anonymous: undefined, admin: { port: 0, token: { file: 'token' } } },
      files: { token: TOKEN },
    });
  });
  afterAll(async () => {
    await running.stop();
    await locked.stop();
  });
  const originOf = (listener: string) => (listener === 'admin' ? running.admin : running.origin);

  test.each<[string, string, number]>([
    ['malformed HTTP', 'GET / HTTP/1.1\r\nHost : x\r\n\r\n', 400],
    ['20 KB of headers', request('GET', '/', `X-Large: ${'x'.repeat(20_000)}\r\n`), 431],
    ['an expectation', request('GET', '/', 'Expect: x\r\n'), 417],
    ['CONNECT', `CONNECT atlas:443 HTTP/1.1\r\n${HOST}\r\n`, 405],
    ['two Host headers', request('GET', '/', HOST), 400],
    ['an invalid Host', 'GET / HTTP/1.1\r\nHost: [::1\r\nConnection: close\r\n\r\n', 400],
    ['GET *', request('GET', '*'), 400],
    ['OPTIONS *', request('OPTIONS', '*'), 400],
    ['a body of 20 KB', `${request('POST', '/api/oauth/token', 'Content-Length: 20000\r\n')}`, 413],
  ])(
    '134: %s on both listeners → Date, X-Request-Id, no-store, Allow for 405',
    async (_name, bytes, status) => {
      for (const listener of ['public', 'admin']) {
        const answer = await raw(originOf(listener), bytes);
        const statuses = listener === 'public' && _name === 'an invalid Host' ? [200, 400] : [status];
        expect(statuses.map(String)).toContain(answer.slice(9, 12));
        isComplete(answer);
      }
    },
  );

  test.each([
    request('GET', LIST),
    request('HEAD', LIST),
    request('GET', linksOf({ id: 'f'.repeat(24) })),
    request('GET', `${LIST}?unknown=1`),
    request('DELETE', LIST),
    request('GET', '/'),
    request('GET', '/openapi.json'),
    request('GET', '/nothing'),
    request('GET', '/api/nothing'),
    request('GET', '/api/private/ipinfo'),
    request('POST', '/api/oauth/token'),
    request('GET', '/', 'Content-Length: 2\r\n').concat('{}'),
  ])('134: %j on the public listener → complete', async (bytes) => {
    isComplete(await raw(running.origin, bytes));
    isComplete(await raw(locked.origin, bytes));
  });

  test.each([
    '/',
    '/metrics',
    '/healthz',
    '/readyz',
    '/status.json',
    '/openapi.json',
    '/nothing',
    '/sign-in',
    '/cache/purge',
  ])('134: %s on the admin listener → complete', async (path) => {
    for (const { admin } of [running, locked])
      for (const method of ['GET', 'HEAD', 'POST']) isComplete(await raw(admin, request(method, path)));
  });

  test('134: an error of Atlas’s own → no-store too', async () => {
    running.simulator.faults.add({ target: 'privateLink', status: 404, times: 1 });
    const answer = await raw(
      running.origin,
      request('GET', `${LIST}?itemsPerPage=3`, 'Cache-Control: no-cache\r\n'),
    );
    isComplete(answer);
  });

  test('134: a request that times out → 408 with Date, X-Request-Id and no-store', async () => {
    const socket = new PassThrough();
    const { answerMalformed } = createRawErrors({
      connections: {
        has: () => true,
        begin: () => true,
        lastResponse: () => undefined,
        pending: () => [],
        announceClose: () => undefined,
        closeWhenWritten: () => undefined,
      },
      wall: () => Date.UTC(2026, 0, 2, 3, 4, 5),
      nextRequestId: () => 'r-1',
    });
    answerMalformed(Object.assign(new Error('late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket);
    const answer = String(socket.read());
    expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(headerOf(answer, 'Date')).toBe('Fri, 02 Jan 2026 03:04:05 GMT');
    isComplete(answer);
  });

  const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'];
  const READS = ['GET', 'HEAD'];
  const PROBE = [...READS, 'OPTIONS'];

  test.each<[string, string, readonly string[]]>([
    ['public', '/', READS],
    ['public', '/openapi.json', READS],
    ['public', '/api/oauth/token', ['POST']],
    ['public', '/api/oauth/revoke', ['POST']],
    ['public', '/api/private/ipinfo', READS],
    ['public', '/api/private/unauth/telemetry/events', ['POST']],
    ['public', LIST, READS],
    ['admin', '/', READS],
    ['admin', '/metrics', READS],
    ['admin', '/healthz', PROBE],
    ['admin', '/readyz', PROBE],
    ['admin', '/status.json', READS],
    ['admin', '/openapi.json', READS],
    ['admin', `/projects/${orders.id}/private-link-connections`, READS],
    ['admin', '/cache/purge', ['POST']],
  ])('136: a wrong method on the %s listener’s %s → 405 with Allow', async (listener, path, allowed) => {
    for (const method of METHODS) {
      const answer = await raw(originOf(listener), request(method, path));
      expect([method, answer.startsWith('HTTP/1.1 405 ')]).toEqual([method, !allowed.includes(method)]);
      if (!allowed.includes(method)) expect(headerOf(answer, 'Allow')).toBe(allowed.join(', '));
    }
  });

  test('136: a wrong method on a path that needs no token → 405 without one; on sign-in with one', async () => {
    for (const path of ['/healthz', '/readyz', '/metrics', '/openapi.json'])
      expect(await raw(locked.admin, request('DELETE', path))).toMatch(/^HTTP\/1\.1 405 /);
    const signedIn = `Authorization: Bearer ${TOKEN}\r\n`;
    for (const path of ['/sign-in', '/sign-out'])
      expect(headerOf(await raw(locked.admin, request('PUT', path, signedIn)), 'Allow')).toBe('POST');
  });
});
