import type { MiddlewareHandler } from 'hono';
import { requestId } from 'hono/request-id';
import { validRequestId } from '../lib/request-id.ts';

/**
 * Sets the id of each request: its own `X-Request-Id` if that is valid. The limit of 0 makes Hono generate every id, because it accepts
 * other characters.
 */
export const requestIds = (nextRequestId: () => string): MiddlewareHandler =>
  requestId({
    limitLength: 0,
    generator: ({ req }) => validRequestId(req.header('x-request-id')) ?? nextRequestId(),
  });
