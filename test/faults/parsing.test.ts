import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { raw } from '../support/raw.ts';
import { ACCEPT, ask, json, linksOf, type Running, startGateway } from '../support/running.ts';

const { orders, single } = SAMPLE_PROJECTS;
const PATH = linksOf(orders);
const HOST = 'Host: gateway\r\n';
const VERSION = `Accept: ${ACCEPT}\r\n`;
const get = (target: string, headers = '') => `GET ${target} HTTP/1.1\r\n${HOST}${VERSION}${headers}\r\n`;
const closing = (target: string) => get(target, 'Connection: close\r\n');
const idPath = (id: string) => `/api/atlas/v2/groups/${id}/streams/privateLinkConnections`;

describe('a request', () => {
  let running: Running;
  beforeAll(async () => {
    running = await startGateway({ config: { listen: { port: 0, publicUrl: 'https://public.example' } } });
    await running.get(PATH);
  });
  afterAll(() => running.stop());
  beforeEach(() => running.simulator.clearRequests());

  /** Expects one response with this status in the usual error format, no upstream request, and that the next request is answered. */
  async function isRefused(bytes: string, statuses: readonly number[]): Promise<void> {
    const answer = await raw(running.origin, bytes);
    expect(statuses.map(String)).toContain(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
    expect(answer.match(/HTTP\/1\.1 \d{3}/g)).toHaveLength(1);
    expect(answer).toContain('"errorCode"');
    expect(running.simulator.requests).toEqual([]);
    const next = await running.get(PATH);
    expect([next.status, json(next).totalCount]).toEqual([200, 42]);
  }

  test.each<[number, string, string, readonly number[]]>([
    [1, 'without Host', `GET ${PATH} HTTP/1.1\r\n${VERSION}\r\n`, [400]],
    [2, 'with two Host headers', get(PATH, 'Host: other\r\n'), [400]],
    [2, 'with the same Host twice', get(PATH, HOST), [400]],
    [3, 'for another host by an absolute target', get(`http://evil.example${PATH}`), [400]],
    [
      3,
      'for another host with the own name as its user',
      get(`http://gateway@evil.example${PATH}`, 'Connection: close\r\n'),
      [400],
    ],
    [3, 'for another port of its host', get(`http://gateway:81${PATH}`, 'Connection: close\r\n'), [400]],
    [
      3,
      'with dot segments in an absolute target',
      get(`http://gateway/api/../api/atlas/v2/groups`, 'Connection: close\r\n'),
      [400],
    ],
    [4, 'for //evil', closing('//evil/x'), [400, 404]],
    [4, 'for /\\evil', closing('/\\evil'), [400, 404]],
    [5, 'with %2f in an id', closing(idPath(`..%2f${orders.id}`)), [400]],
    [5, 'with %00 in an id', closing(idPath(`${orders.id}%00`)), [400]],
    [5, 'with a line break in an id', closing(idPath(`${orders.id}%0d%0aX-Odd:1`)), [400]],
    [5, 'with a path parameter in an id', closing(idPath(`${orders.id};x=1`)), [400]],
    [5, 'with %ff in an id', closing(idPath('%ff')), [400]],
    [
      6,
      'with dot segments',
      closing(`/api/atlas/v2/groups/${single.id}/../${orders.id}/streams/privateLinkConnections`),
      [400],
    ],
    [
      6,
      'with encoded dot segments',
      closing(`/api/atlas/v2/groups/%2e%2e/${orders.id}/streams/privateLinkConnections`),
      [400],
    ],
    [
      7,
      'with Content-Length and Transfer-Encoding',
      `${get(PATH, 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')}0\r\n\r\n`,
      [400],
    ],
    [7, 'with two lengths', `${get(PATH, 'Content-Length: 5\r\nContent-Length: 6\r\n')}hello`, [400]],
    [7, 'with an unknown transfer coding', `${get(PATH, 'Transfer-Encoding: xchunked\r\n')}0\r\n\r\n`, [400]],
    [
      7,
      'with a chunk extension of 20 KB',
      `POST /api/oauth/token HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n5;x=${'x'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n`,
      [400],
    ],
    [7, 'with a folded header', get(PATH, 'X-Folded: one\r\n two\r\nConnection: close\r\n'), [400]],
    [7, 'with a space before the colon', `GET ${PATH} HTTP/1.1\r\nHost : gateway\r\n\r\n`, [400]],
    [7, 'with bare line feeds', `GET ${PATH} HTTP/1.1\nHost: gateway\nAccept: ${ACCEPT}\n\n`, [400]],
    [
      8,
      'whose body holds another request, on a hit',
      `${get(PATH, 'Content-Length: 44\r\n')}GET /smuggled HTTP/1.1\r\nHost: gateway\r\n\r\n`,
      [400],
    ],
    [
      9,
      'of HTTP/1.0 with Transfer-Encoding',
      `GET ${PATH} HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      [400],
    ],
    [10, 'with 20 KB of headers', get(PATH, `X-Large: ${'x'.repeat(20_000)}\r\n`), [431]],
    [10, 'with an address of 20 KB', closing(`/${'x'.repeat(20_000)}`), [414, 431]],
    [10, 'with an address of 10 KB', closing(`/${'x'.repeat(10_000)}`), [414]],
    [12, 'by TRACE', `TRACE ${PATH} HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`, [405]],
    [12, 'by CONNECT of another host', `CONNECT evil.example:443 HTTP/1.1\r\n${HOST}\r\n`, [400, 405]],
    [
      12,
      'by a method that does not exist',
      `BREW ${PATH} HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`,
      [400, 405],
    ],
    [12, 'by DELETE', `DELETE ${PATH} HTTP/1.1\r\n${HOST}${VERSION}Connection: close\r\n\r\n`, [405]],
    [12, 'with an expectation', get(PATH, 'Expect: x\r\n'), [417]],
    [13, 'that is a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', [400]],
    [13, 'that is noise', '\x00\xff\x80\r\n\r\n', [400]],
  ])('%i: one %s → one refusal, no upstream request', (_row, _what, bytes, statuses) =>
    isRefused(bytes, statuses),
  );

  test('3: an absolute target that names the gateway → answered like its path', async () => {
    const listening = new URL(running.origin).host;
    for (const [authority, host] of [
      ['gateway', 'gateway'],
      ['GateWay:80', 'gateway'],
      [listening, 'gateway'],
      ['public.example', 'gateway'],
    ]) {
      const answer = await raw(
        running.origin,
        `GET http://${authority}${PATH}?itemsPerPage=1 HTTP/1.1\r\nHost: ${host}\r\n${VERSION}Connection: close\r\n\r\n`,
      );
      expect([authority, answer.slice(0, 12)]).toEqual([authority, 'HTTP/1.1 200']);
      expect(answer).toContain('"totalCount":42');
    }
    const root = await raw(running.origin, `GET http://gateway HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
    expect(root).toContain('This is an atlas-gateway');
    expect(root).toMatch(/All of them: https?:\/\/\S+\/openapi.json/);
  });

  test('3: on the admin listener too → answered like its path, or refused', async () => {
    const { host } = new URL(running.admin);
    const get = (url: string) =>
      raw(running.admin, `GET ${url} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(await get(`http://${host}/status.json`)).toMatch(/^HTTP\/1\.1 200 /);
    expect(await get('http://evil.example/status.json')).toMatch(/^HTTP\/1\.1 403 /);
  });

  test('7: a malformed request behind one that is pending → no response out of order', async () => {
    running.simulator.faults.add({ target: single.id, delayMs: 200, times: 1 });
    const pending = get(linksOf(single));
    for (const malformed of ['GET \x00 HTTP/1.1\r\n\r\n', `${get(PATH)}GET \x00 HTTP/1.1\r\n\r\n`])
      expect(await raw(running.origin, pending + malformed)).not.toContain('HTTP/1.1 400');
  });

  test('11: a body over the limit, with Content-Length or chunked → 413', async () => {
    for (const [origin, path] of [
      [running.origin, '/api/oauth/token'],
      [running.admin, '/cache/purge'],
    ] as const) {
      const host = `Host: ${new URL(origin).host}\r\n`;
      const large = 'x'.repeat(20_000);
      const announced = await raw(
        origin,
        `POST ${path} HTTP/1.1\r\n${host}Connection: close\r\nContent-Length: ${large.length}\r\n\r\n${large}`,
      );
      const chunked = await raw(
        origin,
        `POST ${path} HTTP/1.1\r\n${host}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`,
      );
      for (const answer of [announced, chunked]) expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    }
    expect((await running.get(PATH)).status).toBe(200);
  });

  test('13: bytes that never become a request → closed, and others are answered', async () => {
    const { hostname, port } = new URL(running.origin);
    const socket = connect(Number(port), hostname, () => socket.write(Buffer.alloc(70_000, 0x41)));
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.resume().on('close', resolve));
    expect((await running.get(PATH)).status).toBe(200);
  });

  test('14: __proto__ and constructor as header, parameter and JSON key → no harm', async () => {
    const answered = await raw(
      running.origin,
      get(PATH, '__proto__: x\r\nconstructor: y\r\nConnection: close\r\n'),
    );
    expect(answered).toMatch(/^HTTP\/1\.1 200 /);
    for (const name of ['__proto__', 'constructor', 'toString'])
      expect((await running.get(`${PATH}?${name}=1`)).status).toBe(400);
    const purge = (body: string) => ask(running.admin, '/cache/purge', { method: 'POST', body });
    for (const body of ['{"__proto__":{"soft":true}}', '{"constructor":{"prototype":{"x":1}}}'])
      expect((await purge(body)).status).toBe(400);
    expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain('x');
    expect(({} as Record<string, unknown>)['soft']).toBeUndefined();
  });
});
