import type { ServerResponse } from 'node:http';
import type { ApiError } from '../atlas/api-error.ts';
import { errorAnswer, UNEXPECTED } from './error-answer.ts';

/** Writes an error of the gateway as the last response of a connection. */
export function writeLastError(
  response: ServerResponse,
  error: ApiError,
  requestId: string,
  more: Readonly<Record<string, string>> = {},
): void {
  const { status, head, body } = errorAnswer(error, requestId, { ...more, Connection: 'close' });
  response.writeHead(status, head.headers.concat('X-Request-Id', requestId)).end(body);
}

/** Answers 500 if no headers were sent, else closes the connection. Never throws. */
export function writeUnexpectedError(response: ServerResponse, requestId: string): void {
  try {
    if (response.headersSent) response.destroy();
    else writeLastError(response, UNEXPECTED, requestId);
  } catch {
    response.destroy();
  }
}
