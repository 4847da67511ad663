import { type ApiError, renderApiError } from '../atlas/api-error.ts';
import type { CompletedResponse } from '../gateway/response.ts';

export const UNEXPECTED: ApiError = {
  status: 500,
  errorCode: 'UNEXPECTED_ERROR',
  detail: "The gateway failed to handle this request. Its log contains the error's kind and place.",
};

/** An error of the gateway that does not come from the request handler, ready to be written. `more`: headers by name. */
export function errorAnswer(
  error: ApiError,
  requestId: string,
  more: Readonly<Record<string, string>> = {},
): CompletedResponse {
  const body = renderApiError(error);
  const { status, errorCode } = error;
  const headers = [
    ...['Content-Type', 'application/json'],
    ...['Content-Length', String(body.length)],
    ...['Cache-Control', 'no-store'],
    ...['X-Error-Code', errorCode],
    ...['X-Content-Type-Options', 'nosniff'],
    ...Object.entries(more).flat(),
  ];
  return { status, head: { headers }, body, errorCode, requestId };
}
