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
 * Where Node keeps a head that was made and not sent yet. It is not in Node's documentation, and used by much of what is built on it
 * (finalhandler and on-headers among others). `writeHead` looks at each header of each answer anew, which costs a tenth of an answer.
 */
interface PendingHead {
  _header: string | null;
}

function setHead(response: ServerResponse, head: string): void {
  (response as unknown as PendingHead)._header = head;
}

/** Whether this Node takes a head as it is: it says of a response that its headers are sent as soon as there is one. */
function takesHeads(): boolean {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  const before = response.headersSent;
  setHead(response, '');
  const empty = response.headersSent;
  setHead(response, 'HTTP/1.1 200 OK\r\n\r\n');
  return !before && !empty && response.headersSent;
}

const TAKES_HEADS = takesHeads();

/** A head of a connection that goes on, as it is sent but for the value of its last header. Throws where a header is none. */
function writeOut(status: number, { headers }: ResponseHead, wall: number): string {
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`;
  for (let index = 0; index < headers.length; index += 2) {
    const [name = '', value = ''] = headers.slice(index, index + 2);
    validateHeaderName(name);
    validateHeaderValue(name, value);
    text += `${name}: ${value}\r\n`;
  }
  text += `Date: ${new Date(wall).toUTCString()}\r\nConnection: keep-alive\r\nX-Request-Id: `;
  // One piece, not the tree of pieces that it was put together from.
  return Buffer.from(text, 'latin1').toString('latin1');
}

/** Writes answers. A kept head is put together once; `wall` gives the milliseconds since the Unix epoch for its `Date`. */
export function createResponseWriter(wall: () => number) {
  function writeHead(response: ServerResponse, { status, head, requestId }: CompletedResponse): void {
    // Only the plain case: a connection that is to be closed says so in its head.
    if (!TAKES_HEADS || !head.reusable || !response.shouldKeepAlive || response.hasHeader('connection')) {
      response.writeHead(status, [...head.headers, 'X-Request-Id', requestId]);
      return;
    }
    head.written ??= writeOut(status, head, wall());
    response.statusCode = status;
    setHead(response, `${head.written}${requestId}\r\n\r\n`);
  }

  return function write(request: IncomingMessage, response: ServerResponse, answer: CompletedResponse): void {
    const { body, text } = answer;
    writeHead(response, answer);
    if (request.method === 'HEAD' || body.length === 0) response.end();
    else if (text === undefined) response.end(body);
    // Node writes a text together with the head at once, a buffer after it.
    else response.end(text, 'latin1');
  };
}
