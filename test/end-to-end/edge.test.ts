import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { ACCEPT, linksOf, type Running, startGateway } from '../support/running.ts';

const PATH = linksOf(SAMPLE_PROJECTS.orders);
const HOST = 'Host: gateway\r\n';
const VERSION = `Accept: ${ACCEPT}\r\n`;

/** Everything a server answers to raw bytes until it closes. */
function raw(origin: string, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(origin);
    const socket = connect(Number(port), hostname, () => socket.write(bytes, 'latin1'));
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

describe('a request that two readers could understand differently is refused, and the connection closed', () => {
  let running: Running;
  beforeAll(async () => {
    running = await startGateway();
    await running.get(PATH);
    running.simulator.clearRequests();
  });
  afterAll(() => running.stop());

  test.each([
    ['no Host', `GET ${PATH} HTTP/1.1\r\n${VERSION}\r\n`, 400],
    ['two Host headers', `GET ${PATH} HTTP/1.1\r\n${HOST}Host: other\r\n${VERSION}\r\n`, 400],
    ['a target that names a host', `GET http://evil.example${PATH} HTTP/1.1\r\n${HOST}${VERSION}\r\n`, 400],
    ['a target that begins with a backslash', `GET /\\evil HTTP/1.1\r\n${HOST}\r\n`, 400],
    [
      'both lengths',
      `GET ${PATH} HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    [
      'two lengths',
      `GET ${PATH} HTTP/1.1\r\n${HOST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
      400,
    ],
    [
      'an unknown transfer coding',
      `GET ${PATH} HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    ['a space before the colon', `GET ${PATH} HTTP/1.1\r\nHost : gateway\r\n\r\n`, 400],
    [
      'a request in the body of another',
      `GET ${PATH} HTTP/1.1\r\n${HOST}${VERSION}Content-Length: 40\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: gateway\r\n\r\n`,
      400,
    ],
    ['a large header', `GET ${PATH} HTTP/1.1\r\n${HOST}X-Large: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['a long address', `GET /${'x'.repeat(10_000)} HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`, 414],
    ['an expectation', `GET ${PATH} HTTP/1.1\r\n${HOST}Expect: x\r\n\r\n`, 417],
    ['random bytes', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  ])('%s', async (_name, bytes, status) => {
    const answer = await raw(running.origin, bytes);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer.match(/HTTP\/1\.1 \d{3}/g)).toHaveLength(1);
    expect(answer).toContain('"errorCode"');
    expect(running.simulator.requests).toEqual([]);
    expect((await running.get(PATH)).status).toBe(200);
  });

  test('headers and parameters with the names of an object’s own properties do no harm', async () => {
    const reply = await running.get(PATH, { __proto__x: 'x', constructor: 'x' });
    expect(reply.status).toBe(200);
    expect((await running.get(`${PATH}?__proto__=1`)).status).toBe(400);
    expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain('x');
  });
});

test('a gateway that stops finishes what is under way and then closes', async () => {
  const running = await startGateway();
  running.simulator.faults.add({ target: 'privateLink', delayMs: 100 });
  const slow = running.get(PATH);
  await expect.poll(() => running.tokenRequests()).toBe(1);
  await running.stop();
  expect((await slow).status).toBe(200);
  await expect(running.get(PATH)).rejects.toThrow();
});
