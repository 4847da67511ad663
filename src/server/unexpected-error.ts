import type { Context } from 'hono';
import { type UnexpectedErrorEvent, unexpectedError } from '../lib/unexpected-error.ts';
import type { ServerEnv } from './bindings.ts';
import { errorAnswer, UNEXPECTED } from './error-answer.ts';
import type { Reply } from './reply.ts';

/** For Hono's `onError`: an exception in a route fails only its own request. */
export const createUnexpectedErrorHandler =
  (reply: Reply, { onUnexpectedError }: { onUnexpectedError: (event: UnexpectedErrorEvent) => void }) =>
  (error: Error, context: Context<ServerEnv>): Response => {
    const requestId = context.get('requestId');
    onUnexpectedError(unexpectedError(`${context.req.method} ${context.req.routePath}`, error, requestId));
    return reply(context, errorAnswer(UNEXPECTED, requestId));
  };
