import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { CompletedResponse } from '../../src/gateway/response.ts';
import { createResponseWriter } from '../../src/server/write-response.ts';

const BODY = Buffer.from('{"results":[]}');
let server: Server;
afterEach(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));

const answer = (more: Partial<CompletedResponse> = {}): CompletedResponse => ({
  status: 200,
  head: { headers: ['ETag', '"a"', 'Content-Length', String(BODY.length)] },
  body: BODY,
  text: BODY.toString('latin1'),
  requestId: 'r-1',
  ...more,
});

/** The bytes of the response to a request on a connection of its own. */
async function sent(given: CompletedResponse, request = 'GET / HTTP/1.1', closing = false): Promise<string> {
  const write = createResponseWriter({ onUnexpectedError: ({ kind }) => expect.unreachable(kind) });
  server = createServer({ keepAliveTimeout: 0 }, (incoming, response) => {
    if (closing) response.setHeader('Connection', 'close');
    write(incoming, response, given);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  let all = '';
  client.on('data', (bytes) => {
    all += bytes.toString('latin1');
  });
  const ended = new Promise<void>((resolve) => client.once('end', resolve));
  // The second request closes the connection, so that the first response is known to be complete.
  client.write(`${request}\r\nHost: x\r\n\r\n`);
  if (!closing && request.endsWith('1.1')) client.write('GET / HTTP/1.0\r\nHost: x\r\n\r\n');
  await ended;
  client.destroy();
  return all;
}

/** The first response, with its header lines sorted by name. */
function first(all: string): { status: string; headers: string[]; rest: string } {
  const end = all.indexOf('\r\n\r\n');
  const [status = '', ...lines] = all.slice(0, end).split('\r\n');
  return {
    status,
    headers: lines.filter((line) => !line.startsWith('Date')).sort(),
    rest: all.slice(end + 4),
  };
}

test('a repeated header is on lines of its own', async () => {
  const challenges = ['WWW-Authenticate', 'Digest qop="auth"', 'WWW-Authenticate', 'Bearer'];
  for (const closing of [false, true]) {
    const given = answer({ head: { headers: ['Content-Length', String(BODY.length), ...challenges] } });
    const { headers } = first(await sent(given, 'GET / HTTP/1.1', closing));
    expect(headers.filter((line) => line.startsWith('WWW-'))).toEqual([
      'WWW-Authenticate: Bearer',
      'WWW-Authenticate: Digest qop="auth"',
    ]);
    await new Promise((resolve) => server.close(resolve).closeAllConnections());
  }
});

test('each response has its own request id, though responses share a head', async () => {
  const given = answer();
  expect(await sent(given)).toContain('X-Request-Id: r-1\r\n');
  await new Promise((resolve) => server.close(resolve).closeAllConnections());
  expect(await sent({ ...given, requestId: 'r-2' })).toContain('X-Request-Id: r-2\r\n');
  expect(given.head.headers).not.toContain('X-Request-Id');
});

test('neither HEAD nor 304 has a body, and the next response follows at once', async () => {
  const head = first(await sent(answer(), 'HEAD / HTTP/1.1'));
  expect(head.rest.startsWith('HTTP/1.1 200 OK\r\n')).toBe(true);
  await new Promise((resolve) => server.close(resolve).closeAllConnections());
  const unchanged = answer({ status: 304, body: Buffer.alloc(0), text: undefined });
  const all = first(await sent({ ...unchanged, head: { headers: ['ETag', '"a"'] } }));
  expect(all.status).toBe('HTTP/1.1 304 Not Modified');
  expect(all.rest.startsWith('HTTP/1.1 304 Not Modified\r\n')).toBe(true);
});

test('a response that closes its connection has Connection: close', async () => {
  expect(first(await sent(answer(), 'GET / HTTP/1.1', true)).headers).toContain('Connection: close');
  await new Promise((resolve) => server.close(resolve).closeAllConnections());
  expect(first(await sent(answer(), 'GET / HTTP/1.0')).headers).toContain('Connection: close');
});
