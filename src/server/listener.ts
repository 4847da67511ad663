import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { Server as TcpServer } from 'node:net';
import { type Clock, pause } from '../lib/clock.ts';
import { type UnexpectedErrorEvent, unexpectedError } from '../lib/unexpected-error.ts';
import { type ListenAddress, listenOn } from './listen-address.ts';
import { type OpenConnections, trackConnections } from './open-connections.ts';
import { createRawErrors, MAX_HEADER_BYTES, type RawErrors } from './raw-error.ts';
import { hasHeader } from './request-headers.ts';
import { writeLastError, writeUnexpectedError } from './write-error.ts';

export interface ListenerOptions {
  readonly address: ListenAddress;
  /** Absent: plain http. */
  readonly tls?: TlsFiles | undefined;
  /** After how long without traffic a connection is closed; default: two minutes. */
  readonly idleMs?: number;
}

/** PEM texts. */
export interface TlsFiles {
  /** Certificate chain. */
  readonly cert: string;
  readonly key: string;
  /** If present, clients need a certificate that one of these has signed. Whether there are any is decided when the listener is created. */
  readonly clientCa?: string | undefined;
}

export interface ListenerDependencies {
  readonly clock: Clock;
  readonly nextRequestId: () => string;
  readonly onUnexpectedError: (event: UnexpectedErrorEvent) => void;
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

const EXPECTATION_FAILED = {
  status: 417,
  errorCode: 'EXPECTATION_FAILED',
  detail: 'This gateway supports no expectation but 100-continue.',
};
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

/** Options of Node for a certificate. */
const secureContext = ({ cert, key, clientCa }: TlsFiles) => ({
  ...{ cert, key, ca: clientCa },
  minVersion: 'TLSv1.2' as const,
});

/** Passes requests to the handler, and answers what never becomes one. */
function handleRequests(
  server: Server | TlsServer,
  handler: RequestListener,
  {
    connections,
    rawErrors,
    isDraining,
    nextRequestId,
    onUnexpectedError,
  }: ListenerDependencies & {
    connections: OpenConnections;
    rawErrors: RawErrors;
    isDraining: () => boolean;
  },
): void {
  server.on('request', (request, response) => {
    if (!connections.begin(request.socket, response)) {
      request.socket.destroy();
      return;
    }
    // While draining, a keep-alive connection would be closed under its next request. After an upgrade offer (RFC 9110 section 7.8; ignored
    // by Node without an `upgrade` listener), Node drops any pipelined bytes: only closing the connection signals that to the client.
    if (isDraining() || hasHeader(request, 'upgrade')) response.setHeader('Connection', 'close');
    try {
      handler(request, response);
    } catch (error) {
      const requestId = nextRequestId();
      onUnexpectedError(unexpectedError('a request', error, requestId));
      writeUnexpectedError(response, requestId);
    }
  });
  server.on('checkExpectation', (_request, response) => {
    writeLastError(response, EXPECTATION_FAILED, nextRequestId());
  });
  server.on('clientError', rawErrors.answerMalformed);
  server.on('connect', (_request, socket) => rawErrors.answerConnect(socket));
}

/** An HTTP/1.1 server with limits on sizes, connections and durations. */
export function createListener(
  options: ListenerOptions,
  handler: RequestListener,
  dependencies: ListenerDependencies,
): Listener {
  const { clock, nextRequestId } = dependencies;
  let draining = false;
  const bounds = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // `timeout` closes idle connections instead, and those of clients that stopped reading: one timer per connection, none per request.
    keepAliveTimeout: 0,
    connectionsCheckingInterval: 1_000,
    // Node 24 and later: a request without a body gets no stream machinery. Older ones ignore it.
    optimizeEmptyRequests: true,
    // The edge counts Host headers itself, so that the error is an ApiError.
    requireHostHeader: false,
  };
  const tlsServer: TlsServer | undefined =
    options.tls === undefined
      ? undefined
      : createTlsServer({
          ...bounds,
          ...secureContext(options.tls),
          requestCert: options.tls.clientCa !== undefined,
          handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
        });
  const server: Server | TlsServer = tlsServer ?? createServer(bounds);
  server.timeout = options.idleMs ?? IDLE_MS;
  server.maxConnections = MAX_CONNECTIONS;
  const connections = trackConnections(server, {
    tls: tlsServer !== undefined,
    maxHandshakes: MAX_HANDSHAKES,
  });
  const rawErrors = createRawErrors({ connections, wall: clock.wall, nextRequestId });
  handleRequests(server, handler, { ...dependencies, connections, rawErrors, isDraining: () => draining });
  return {
    get draining() {
      return draining;
    },
    listen: () => listenOn(server, tlsServer === undefined ? 'http' : 'https', options.address),
    replaceTls: (tls) => tlsServer?.setSecureContext(secureContext(tls)),
    async drain({ delayMs, deadlineMs }) {
      draining = true;
      connections.announceClose();
      if (!server.listening) return;
      if (delayMs > 0) await pause(clock, delayMs);
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
