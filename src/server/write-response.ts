import {
  IncomingMessage,
  ServerResponse,
  STATUS_CODES,
  validateHeaderName,
  validateHeaderValue,
} from 'node:http';
import { Socket } from 'node:net';
import type { CompletedResponse, ResponseHead } from '../gateway/response.ts';

/**
 * Node's internal field for a head that is built but not sent yet. Undocumented, but widely relied on (by finalhandler and on-headers among
 * others). `writeHead` would validate every header of every response again, which costs a tenth of a cache hit.
 */
interface PendingHead {
  _header: string | null;
}

function setHead(response: ServerResponse, head: string): void {
  (response as unknown as PendingHead)._header = head;
}

/** Whether this version of Node accepts a prebuilt head: it then reports `headersSent` as soon as the head is set. */
function acceptsPrebuiltHeads(): boolean {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  const before = response.headersSent;
  setHead(response, '');
  const empty = response.headersSent;
  setHead(response, 'HTTP/1.1 200 OK\r\n\r\n');
  return !before && !empty && response.headersSent;
}

const ACCEPTS_PREBUILT_HEADS = acceptsPrebuiltHeads();

/** Serializes the head of a keep-alive response up to the value of its last header. Throws if a header is invalid. */
function serializeHead(status: number, { headers }: ResponseHead, wall: number): string {
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`;
  for (let index = 0; index < headers.length; index += 2) {
    const [name = '', value = ''] = headers.slice(index, index + 2);
    validateHeaderName(name);
    validateHeaderValue(name, value);
    text += `${name}: ${value}\r\n`;
  }
  text += `Date: ${new Date(wall).toUTCString()}\r\nConnection: keep-alive\r\nX-Request-Id: `;
  // Flattens the rope that V8 builds on concatenation.
  return Buffer.from(text, 'latin1').toString('latin1');
}

/** Writes responses. A reusable head is serialized once; `wall` returns the milliseconds since the Unix epoch for its `Date`. */
export function createResponseWriter(wall: () => number) {
  function writeHead(response: ServerResponse, { status, head, requestId }: CompletedResponse): void {
    // A prebuilt head says `keep-alive`, so it cannot be used for a connection that closes after the response.
    if (
      !ACCEPTS_PREBUILT_HEADS ||
      !head.reusable ||
      !response.shouldKeepAlive ||
      response.hasHeader('connection')
    ) {
      response.writeHead(status, [...head.headers, 'X-Request-Id', requestId]);
      return;
    }
    head.written ??= serializeHead(status, head, wall());
    response.statusCode = status;
    setHead(response, `${head.written}${requestId}\r\n\r\n`);
  }

  return function write(request: IncomingMessage, response: ServerResponse, answer: CompletedResponse): void {
    const { body, text } = answer;
    writeHead(response, answer);
    if (request.method === 'HEAD' || body.length === 0) response.end();
    else if (text === undefined) response.end(body);
    // Node sends a string in one write with the head, a buffer in a second one.
    else response.end(text, 'latin1');
  };
}
