import type { Context } from 'hono';
import { renderApiError } from '../../atlas/api-error.ts';
import { MAX_BODY_BYTES } from '../body-slots.ts';

type ErrorStatus = 400 | 401 | 403 | 404 | 413 | 429;

/** Answers with an error in Atlas's ApiError shape. */
export function errorResponse(
  context: Context,
  status: ErrorStatus,
  errorCode: string,
  detail: string,
): Response {
  const body = renderApiError({ status, errorCode, detail });
  return context.body(body.toString(), status, {
    'Content-Type': 'application/json',
    'X-Error-Code': errorCode,
  });
}

export const TOO_LARGE = `The body is larger than ${MAX_BODY_BYTES} bytes.`;
export const tooLarge = (context: Context): Response =>
  errorResponse(context, 413, 'PAYLOAD_TOO_LARGE', TOO_LARGE);
