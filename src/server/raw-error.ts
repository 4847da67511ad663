import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ApiError, reasonOf } from '../atlas/api-error.ts';
import { errorAnswer } from './error-answer.ts';
import type { OpenConnections } from './open-connections.ts';

/** The largest request line and headers together. */
export const MAX_HEADER_BYTES = 16_384;

const MALFORMED: ApiError = {
  status: 400,
  errorCode: 'INVALID_REQUEST',
  detail: 'The request is not well-formed HTTP.',
};
const CONNECT_NOT_ALLOWED: ApiError = {
  status: 405,
  errorCode: 'METHOD_NOT_ALLOWED',
  detail: 'This gateway does not support CONNECT: use GET or HEAD.',
};
const PARSER_ERRORS: ReadonlyMap<string, ApiError> = new Map([
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

/** Whether rejected bytes are the body of the only request that waits for its response, and nothing of that response was sent. */
const isBodyOf = ([response, ...others]: readonly ServerResponse[]) =>
  response !== undefined && others.length === 0 && !response.headersSent && !response.req.complete;

export interface RawErrorDependencies {
  readonly connections: OpenConnections;
  /** Milliseconds since the Unix epoch, for `Date`. */
  readonly wall: () => number;
  readonly nextRequestId: () => string;
}

/** Answers what Node passes on without a response object, and closes the connection: its remaining bytes cannot be trusted. */
export interface RawErrors {
  /** A request that Node's parser rejected. */
  answerMalformed(error: Error & { code?: string }, socket: Duplex): void;
  answerConnect(socket: Duplex): void;
}

export function createRawErrors({ connections, wall, nextRequestId }: RawErrorDependencies): RawErrors {
  /** Writes an error as the last response of a connection. */
  function send(socket: Duplex, error: ApiError, more: Readonly<Record<string, string>> = {}): void {
    const { head, body, requestId } = errorAnswer(error, nextRequestId(), {
      ...more,
      Date: new Date(wall()).toUTCString(),
      Connection: 'close',
    });
    let text = `HTTP/1.1 ${error.status} ${reasonOf(error.status)}\r\n`;
    for (let index = 0; index < head.headers.length; index += 2)
      text += `${head.headers[index]}: ${head.headers[index + 1]}\r\n`;
    socket.end(`${text}X-Request-Id: ${requestId}\r\n\r\n${body.toString()}`);
  }

  return {
    answerMalformed(error, socket) {
      // A connection cannot be written to before its TLS handshake is complete.
      const unreachable = !socket.writable || error.code === 'ECONNRESET' || !connections.has(socket);
      const pending = connections.pending(socket);
      if (unreachable || (pending.length > 0 && !isBodyOf(pending))) {
        socket.destroy();
        return;
      }
      // The rejected body belongs to a request that was answered already: the client would take a second response for that of its next request.
      if (pending.length === 0 && connections.lastResponse(socket)?.getHeader('connection') === 'close') {
        socket.end();
        return;
      }
      send(socket, PARSER_ERRORS.get(error.code ?? '') ?? MALFORMED);
    },
    answerConnect(socket) {
      // While an earlier response is pending, the client would take this one for it, so the connection is closed instead.
      if (connections.pending(socket).length === 0) send(socket, CONNECT_NOT_ALLOWED, { Allow: 'GET, HEAD' });
      else socket.destroy();
    },
  };
}
