import type { ServerResponse } from 'node:http';
import type { Context } from 'hono';
import { renderApiError } from '../atlas/api-error.ts';
import { type UnexpectedErrorEvent, unexpectedError } from '../lib/unexpected-error.ts';
import { writeLastError } from './write-error.ts';

const ERROR = {
  status: 500 as const,
  errorCode: 'UNEXPECTED_ERROR',
  detail: "The gateway failed to answer this request. Its log has a line with the error's kind and place.",
};

/** Answers 500 where nothing of the answer has been sent, and closes the connection where something has. Never throws. */
export function writeUnexpectedError(response: ServerResponse): void {
  try {
    if (response.headersSent) response.destroy();
    else writeLastError(response, ERROR);
  } catch {
    response.destroy();
  }
}

/** For Hono's `onError`: an exception in a route fails its request only. */
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
