import type { ServerResponse } from 'node:http';
import { type ApiError, renderApiError } from '../atlas/api-error.ts';

/** Writes an error of the gateway as the last response of a connection. */
export function writeLastError(
  response: ServerResponse,
  error: ApiError,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = renderApiError(error);
  response
    .writeHead(error.status, {
      'Content-Type': 'application/json',
      'Content-Length': body.length,
      'Cache-Control': 'no-store',
      'X-Error-Code': error.errorCode,
      Connection: 'close',
      ...headers,
    })
    .end(body);
}
