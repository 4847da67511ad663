import type { Context } from 'hono';
import { renderApiError } from '../../atlas/api-error.ts';
import type { ServerEnv } from '../bindings.ts';
import { BODY_TOO_LARGE } from '../body-slots.ts';

type ErrorStatus = 400 | 401 | 403 | 404 | 413 | 429;

/** Answers with an error in Atlas's ApiError shape. */
export function errorResponse(
  context: Context<ServerEnv>,
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

export const tooLarge = (context: Context<ServerEnv>): Response =>
  errorResponse(context, 413, 'PAYLOAD_TOO_LARGE', BODY_TOO_LARGE);
