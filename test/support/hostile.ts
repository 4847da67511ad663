import { createServer as createTcp, type Socket } from 'node:net';
import { createServer as createTls, type TlsOptions } from 'node:tls';

/** The response of a misbehaving Atlas: bytes are written as they are; a function controls the socket itself. */
export type Misbehaviour = string | Buffer | ((socket: Socket, request: string) => void);

/** An upstream whose bytes are controlled by a test. It issues valid tokens unless `token` is set. */
export interface Hostile {
  readonly origin: string;
  /** The response to list requests from now on; undefined for a valid list. */
  list: Misbehaviour | undefined;
  token: Misbehaviour | undefined;
  /** The response to requests for the rate limits; undefined for an error. */
  limits: Misbehaviour | undefined;
  /** Requests so far for lists, tokens and rate limits, and connections. */
  readonly received: { lists: number; tokens: number; limits: number; connections: number };
  close(): Promise<void>;
  /** Listens again on the same port after `close`. */
  reopen(): Promise<void>;
}

/** A complete HTTP/1.1 response. */
export function answer(status: number, body: string | Buffer, headers: Record<string, string> = {}): Buffer {
  const lines = Object.entries({
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}`);
  return Buffer.concat([
    Buffer.from(`HTTP/1.1 ${status} Told\r\n${lines.join('\r\n')}\r\n\r\n`),
    Buffer.from(body),
  ]);
}

export const GOOD_LIST = '{"links":[],"results":[{"_id":"one"},{"_id":"two"}],"totalCount":2}';
const TOKEN = JSON.stringify({ access_token: 'hostile-token', expires_in: 3_600, token_type: 'Bearer' });

export async function startHostile(tls?: TlsOptions): Promise<Hostile> {
  const sockets = new Set<Socket>();
  const state: Hostile = {
    origin: '',
    list: undefined,
    token: undefined,
    limits: undefined,
    received: { lists: 0, tokens: 0, limits: 0, connections: 0 },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
    reopen: () => listen(Number(new URL(state.origin).port)).then(() => undefined),
  };
  function act(socket: Socket, request: string, misbehaviour: Misbehaviour): void {
    if (typeof misbehaviour === 'function') misbehaviour(socket, request);
    else socket.write(misbehaviour);
  }
  const serve = (socket: Socket) => {
    state.received.connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      // A TLS hello on a plain port.
      if (received.startsWith('\x16')) socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
      const end = received.indexOf('\r\n\r\n');
      if (end < 0) return;
      const isToken = received.startsWith('POST /api/oauth/token');
      if (isToken && !received.endsWith('grant_type=client_credentials')) return;
      const limits = received.startsWith('GET /api/atlas/v2/rateLimits');
      const request = received;
      received = '';
      if (isToken) {
        state.received.tokens++;
        act(socket, request, state.token ?? answer(200, TOKEN));
      } else if (limits) {
        state.received.limits++;
        act(socket, request, state.limits ?? answer(403, '{}'));
      } else {
        state.received.lists++;
        act(socket, request, state.list ?? answer(200, GOOD_LIST));
      }
    });
  };
  const server = tls === undefined ? createTcp(serve) : createTls(tls, serve);
  server.on('tlsClientError', () => undefined);
  const listen = (port: number) =>
    new Promise<number>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  const port = await listen(0);
  return Object.assign(state, { origin: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}` });
}
