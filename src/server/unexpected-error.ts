import type { ServerResponse } from 'node:http';
import type { Context } from 'hono';
import { renderApiError } from '../atlas/api-error.ts';
import { type UnexpectedErrorEvent, unexpectedError } from '../lib/unexpected-error.ts';
import { writeLastError } from './write-error.ts';

const ERROR = {
  status: 500 as const,
  errorCode: 'UNEXPECTED_ERROR',
  detail: "The gateway failed to handle this request. Its log contains the error's kind and place.",
};

/** Answers 500 if no headers were sent, else closes the connection. Never throws. */
export function writeUnexpectedError(response: ServerResponse): void {
  try {
    if (response.headersSent) response.destroy();
    else writeLastError(response, ERROR);
  } catch {
    response.destroy();
  }
}

/** For Hono's `onError`: an exception in a route fails only its own request. */
export const createUnexpectedErrorHandler =
  (onUnexpectedError: (event: UnexpectedErrorEvent) => void) =>
  (error: Error, context: Context): Response => {
    onUnexpectedError(unexpectedError(`${context.req.method} ${context.req.routePath}`, error));
    return context.body(renderApiError(ERROR).toString(), ERROR.status, {
      'Content-Type': 'application/json',
      'Cache-Control': 'no-store',
      'X-Error-Code': ERROR.errorCode,
    });
  };
