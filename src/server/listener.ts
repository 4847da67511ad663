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
  /** The name of the port setting, for error messages. */
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
  /** Resolves to the origin it listens on. Rejects with a message for the operator where it cannot listen. */
  listen(): Promise<string>;
  /**
   * Keeps serving for `delayMs`, closing each connection after its response, until load balancers have taken it out of rotation. Then stops
   * accepting connections, closes idle ones at once and the others once their last response is written, or after `deadlineMs`.
   */
  drain(times: { delayMs: number; deadlineMs: number }): Promise<void>;
  readonly draining: boolean;
  /** Uses this certificate for new connections. Throws if it is not a valid certificate. */
  replaceTls(tls: TlsFiles): void;
}

const MAX_HEADER_BYTES = 16_384;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 15_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const MAX_HANDSHAKES = 1_000;
/**
 * Idle timeout of connections. Longer than the keep-alive timeouts of load balancers, so that the load balancer closes the connection first
 * and never sends a request on one that is being closed.
 */
const IDLE_MS = 120_000;
const MAX_CONNECTIONS = 20_000;

const MALFORMED = {
  status: 400,
  errorCode: 'INVALID_REQUEST',
  detail: 'The request is not well-formed HTTP.',
};
const CONNECT_NOT_ALLOWED = {
  status: 405,
  errorCode: 'METHOD_NOT_ALLOWED',
  detail: 'This gateway does not support CONNECT: use GET or HEAD.',
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

/** Writes an error as the last response of a connection that has no response object. */
function sendRawError(socket: Duplex, problemOf: typeof MALFORMED): void {
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

/** Answers a request that Node's parser rejected with an ApiError, and closes the connection: its remaining bytes cannot be trusted. */
function answerMalformed(
  error: Error & { code?: string },
  socket: Duplex,
  connections: OpenConnections,
): void {
  const last = connections.lastResponse(socket);
  const unanswered = last !== undefined && !last.writableEnded;
  // The request was accepted and its body timed out before any part of a response was sent.
  const bodyIsLate = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && last?.headersSent === false;
  // A connection cannot be written to before its TLS handshake is complete.
  const unreachable = !socket.writable || error.code === 'ECONNRESET' || !connections.has(socket);
  if (unreachable || (unanswered && !bodyIsLate)) {
    socket.destroy();
    return;
  }
  // The rejected body belongs to a request that was answered already: the client would take a second response for that of its next request.
  if (last?.getHeader('connection') === 'close') {
    socket.end();
    return;
  }
  sendRawError(socket, PARSER_ERRORS.get(error.code ?? '') ?? MALFORMED);
}

function explain(error: Error & { code?: string }, { host, port, setting }: ListenerOptions): Error {
  switch (error.code) {
    case 'EADDRINUSE':
      return new Error(
        `Port ${port} on ${host} is in use: stop the process that listens there, or set ${setting} to another port.`,
      );
    case 'EACCES':
      return new Error(
        `This user may not open port ${port} on ${host}: set ${setting} to a port above 1023.`,
      );
    default:
      return new Error(`Cannot listen on ${host}:${port} (${error.code ?? 'unknown'}): check ${setting}.`);
  }
}

/** Answers CONNECT. While an earlier response is pending, the client would take this one for it, so the connection is closed instead. */
function answerConnect(socket: Duplex, connections: OpenConnections): void {
  const last = connections.lastResponse(socket);
  if (last === undefined || last.writableEnded) sendRawError(socket, CONNECT_NOT_ALLOWED);
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
    // While draining, a keep-alive connection would be closed under its next request. After an upgrade offer (RFC 9110 section 7.8; ignored
    // by Node without an `upgrade` listener), Node drops any pipelined bytes: only closing the connection signals that to the client.
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
      detail: 'This gateway supports no expectation but 100-continue.',
    });
  });
  server.on('clientError', (error, socket) => answerMalformed(error, socket, connections));
  server.on('connect', (_request, socket) => answerConnect(socket, connections));
}

/** An HTTP/1.1 server with limits on sizes, connections and durations. */
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
    // `closeIdleConnections` closes them instead: no timer has to be rearmed per request.
    keepAliveTimeout: 0,
    connectionsCheckingInterval: 1_000,
    // The edge counts Host headers itself, so that the error is an ApiError.
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
        // `http.Server.close` would cut off responses that a slow client has not received yet, and leave connections open that
        // were never used.
        TcpServer.prototype.close.call(server, () => {
          cancel();
          resolve();
        });
        connections.closeWhenWritten();
      });
    },
  };
}
