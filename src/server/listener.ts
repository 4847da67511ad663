import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { type AddressInfo, Server as TcpServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { renderApiError } from '../atlas/api-error.ts';
import type { Clock } from '../lib/clock.ts';
import { type UnexpectedErrorEvent, unexpectedError } from '../lib/unexpected-error.ts';
import { closeIdleConnections } from './idle-connections.ts';
import { type OpenConnections, trackConnections } from './open-connections.ts';
import { writeUnexpectedError } from './unexpected-error.ts';
import { writeLastError } from './write-error.ts';

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  /** The setting to change when the port is taken. */
  readonly setting: string;
  /** Certificate chain and private key, PEM; absent: plain http. */
  readonly tls?: TlsFiles;
}

/** PEM texts. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** A listening socket. */
export interface Listener {
  /** Resolves to the origin it listens on. Rejects with a sentence for people where it cannot. */
  listen(): Promise<string>;
  /**
   * Goes on answering for `delayMs`, each answer the last of its connection, so that load balancers notice in time; then takes no new
   * connection, closes idle ones at once, and each of the others as soon as its last answer is written, or when `deadlineMs` have gone by.
   */
  drain(times: { delayMs: number; deadlineMs: number }): Promise<void>;
  readonly draining: boolean;
  /** From now on new connections get this certificate. Throws where it is none. */
  replaceTls(tls: TlsFiles): void;
}

const MAX_HEADER_BYTES = 16_384;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 15_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const MAX_HANDSHAKES = 1_000;
/**
 * A connection on which nothing moves for so long is closed: a reader that does not read, is gone, or has no more questions. Longer than load
 * balancers keep theirs, so that it is they who close them.
 */
const IDLE_MS = 120_000;
const MAX_CONNECTIONS = 20_000;

const BROKEN = { status: 400, errorCode: 'INVALID_REQUEST', detail: 'The request is not well-formed HTTP.' };
const NO_PROXY = {
  status: 405,
  errorCode: 'METHOD_NOT_ALLOWED',
  detail: 'This gateway is no proxy for connections: use GET or HEAD.',
};
const PARSER_ERRORS = new Map([
  [
    'HPE_HEADER_OVERFLOW',
    {
      status: 431,
      errorCode: 'HEADERS_TOO_LARGE',
      detail: `The request line and headers are larger than ${MAX_HEADER_BYTES} bytes.`,
    },
  ],
  [
    'ERR_HTTP_REQUEST_TIMEOUT',
    { status: 408, errorCode: 'REQUEST_TIMEOUT', detail: 'The request took too long to arrive.' },
  ],
]);

/** An error as the last answer of a connection that has no response object. */
function sendRawError(socket: Duplex, problemOf: typeof BROKEN): void {
  const body = renderApiError(problemOf);
  const head = [
    `HTTP/1.1 ${problemOf.status} Error`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    `X-Error-Code: ${problemOf.errorCode}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body.toString()}`);
}

/** Answers what Node's parser refuses, in the shape of every other error, and closes: what follows on the connection cannot be trusted. */
function answerBroken(error: Error & { code?: string }, socket: Duplex, connections: OpenConnections): void {
  const last = connections.lastResponse(socket);
  const unanswered = last !== undefined && !last.writableEnded;
  // A body that does not arrive: its request is under way, and nothing of an answer has been sent.
  const bodyIsLate = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && last?.headersSent === false;
  // Before its TLS handshake is finished, a connection cannot be written to.
  const unreachable = !socket.writable || error.code === 'ECONNRESET' || !connections.has(socket);
  if (unreachable || (unanswered && !bodyIsLate)) {
    socket.destroy();
    return;
  }
  // The refused body of a request that is answered already: a second answer would be taken for the next request's.
  if (last?.getHeader('connection') === 'close') {
    socket.end();
    return;
  }
  sendRawError(socket, PARSER_ERRORS.get(error.code ?? '') ?? BROKEN);
}

function explain(error: Error & { code?: string }, { host, port, setting }: ListenerOptions): Error {
  switch (error.code) {
    case 'EADDRINUSE':
      return new Error(
        `Port ${port} on ${host} is in use: stop what listens there, or set ${setting} to another port.`,
      );
    case 'EACCES':
      return new Error(
        `Port ${port} on ${host} may not be opened by this user: set ${setting} to a port above 1023.`,
      );
    default:
      return new Error(`Cannot listen on ${host}:${port} (${error.code ?? 'unknown'}): check ${setting}.`);
  }
}

/** Answers an attempt to open a tunnel. Where an earlier answer is still due, this one would be taken for it. */
function answerConnect(socket: Duplex, connections: OpenConnections): void {
  const last = connections.lastResponse(socket);
  if (last === undefined || last.writableEnded) sendRawError(socket, NO_PROXY);
  else socket.destroy();
}

function connectionClosing(
  server: Server | TlsServer,
  handler: RequestListener,
  {
    connections,
    isDraining,
    onUnexpectedError,
  }: {
    connections: OpenConnections;
    isDraining: () => boolean;
    onUnexpectedError: (event: UnexpectedErrorEvent) => void;
  },
): void {
  server.on('request', (request, response) => {
    if (!connections.begin(request.socket, response)) {
      request.socket.destroy();
      return;
    }
    // While draining, a kept connection would be closed under its next request. After an upgrade offer (RFC 9110 section 7.8; without an
    // `upgrade` listener Node ignores it), Node drops what the client has sent behind the request: only closing tells the client so.
    if (isDraining() || request.headers.upgrade !== undefined) response.setHeader('Connection', 'close');
    try {
      handler(request, response);
    } catch (error) {
      onUnexpectedError(unexpectedError('a request', error));
      writeUnexpectedError(response);
    }
  });
  server.on('checkExpectation', (_request, response) => {
    writeLastError(response, {
      status: 417,
      errorCode: 'EXPECTATION_FAILED',
      detail: 'This gateway meets no expectations.',
    });
  });
  server.on('clientError', (error, socket) => answerBroken(error, socket, connections));
  server.on('connect', (_request, socket) => answerConnect(socket, connections));
}

/** An HTTP/1.1 server with bounds on what a client may send and on how long it may take. */
export function createListener(
  options: ListenerOptions,
  handler: RequestListener,
  { clock, onUnexpectedError }: { clock: Clock; onUnexpectedError: (event: UnexpectedErrorEvent) => void },
): Listener {
  let draining = false;
  const bounds = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Connections between requests are closed with all others on which nothing moves: no timer is wound up with each request.
    keepAliveTimeout: 0,
    connectionsCheckingInterval: 1_000,
    // The edge counts Host headers itself, so that the answer has the shape of every other error.
    requireHostHeader: false,
  };
  const tlsServer: TlsServer | undefined =
    options.tls === undefined
      ? undefined
      : createTlsServer({
          ...bounds,
          ...options.tls,
          minVersion: 'TLSv1.2',
          handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
        });
  const server: Server | TlsServer = tlsServer ?? createServer(bounds);
  closeIdleConnections(server, { idleMs: IDLE_MS, tls: tlsServer !== undefined }, { clock });
  server.maxConnections = MAX_CONNECTIONS;
  const connections = trackConnections(server, {
    tls: tlsServer !== undefined,
    maxHandshakes: MAX_HANDSHAKES,
  });
  connectionClosing(server, handler, { connections, isDraining: () => draining, onUnexpectedError });
  return {
    get draining() {
      return draining;
    },
    listen: () =>
      new Promise((resolve, reject) => {
        server.once('error', (error) => reject(explain(error, options)));
        server.listen(options.port, options.host, () => {
          const { address, family, port } = server.address() as AddressInfo;
          resolve(
            `${tlsServer === undefined ? 'http' : 'https'}://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
          );
        });
      }),
    replaceTls: (tls) => tlsServer?.setSecureContext({ ...tls, minVersion: 'TLSv1.2' }),
    async drain({ delayMs, deadlineMs }) {
      draining = true;
      connections.announceClose();
      if (!server.listening) return;
      if (delayMs > 0) await new Promise<void>((resolve) => void clock.after(delayMs, resolve));
      await new Promise<void>((resolve) => {
        const cancel = clock.after(deadlineMs, () => server.closeAllConnections());
        // An HTTP server's own `close` also cuts off answers that a slow reader has not received yet, and with it
        // connections that were never used stay open.
        TcpServer.prototype.close.call(server, () => {
          cancel();
          resolve();
        });
        connections.closeWhenWritten();
      });
    },
  };
}
