import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CompletedResponse, ResponseHead } from '../gateway/response.ts';
import { type UnexpectedErrorEvent, unexpectedError } from '../lib/unexpected-error.ts';
import { writeUnexpectedError } from './write-error.ts';

/** Writes a response to a socket; never throws. */
export type WriteResponse = (
  request: IncomingMessage,
  response: ServerResponse,
  answer: CompletedResponse,
) => void;

/**
 * Writes a head with repeated headers on lines of their own. Given an array, Node neither copies nor indexes it; but Node 20 keeps only the
 * last of repeated headers if the response has others already.
 */
function writeHead(response: ServerResponse, status: number, headers: string[]): void {
  if (!response.hasHeader('Connection')) {
    response.writeHead(status, headers);
    return;
  }
  for (let index = 0; index < headers.length; index += 2)
    response.appendHeader(headers[index] ?? '', headers[index + 1] ?? '');
  response.writeHead(status);
}

/** The headers of one response. They are valid until the next call for this head: `writeHead` has serialized them by then. */
function headersFor(head: ResponseHead, requestId: string): string[] {
  head.written ??= [...head.headers, 'X-Request-Id', ''];
  head.written[head.headers.length + 1] = requestId;
  return head.written;
}

/** Creates the writer of all `/api` answers. */
export function createResponseWriter({
  onUnexpectedError,
}: {
  onUnexpectedError: (event: UnexpectedErrorEvent) => void;
}): WriteResponse {
  function write(
    { method }: IncomingMessage,
    response: ServerResponse,
    { status, head, body, text, requestId }: CompletedResponse,
  ): void {
    writeHead(response, status, headersFor(head, requestId));
    if (method === 'HEAD' || body.length === 0) response.end();
    else if (text === undefined) response.end(body);
    // Node sends a string in one write with the head, a buffer in a second one.
    else response.end(text, 'latin1');
  }

  return (request, response, answer) => {
    try {
      write(request, response, answer);
    } catch (error) {
      onUnexpectedError(unexpectedError('writing a response', error, answer.requestId));
      writeUnexpectedError(response, answer.requestId);
    }
  };
}
