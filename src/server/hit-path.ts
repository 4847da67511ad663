import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GatewayRequest } from '../gateway/resolve-request.ts';
import type { AppListener } from './app-listener.ts';
import type { AnswerApi } from './in-flight-limit.ts';
import type { WriteResponse } from './write-response.ts';

/** Lists are by far the most frequent requests, and this prefix identifies them. */
const LISTS = '/api/atlas/';

/** Takes a request that passed the edge; false if it is for Hono to route. */
export type HitPath = (request: IncomingMessage, response: ServerResponse, seen: GatewayRequest) => boolean;

/**
 * Answers lists in front of the Hono app: a hit exists as bytes already, and routing it costs more than serving it (see
 * docs/decisions/hit-path.md). The handler is called once. What it answers at once is written at once; a pending answer goes to the app,
 * whose route awaits it.
 */
export const createHitPath =
  ({ answer, write, app }: { answer: AnswerApi; write: WriteResponse; app: AppListener }): HitPath =>
  (incoming, outgoing, seen) => {
    if (!seen.target.startsWith(LISTS)) return false;
    const answered = answer(seen, { incoming, outgoing });
    if (answered instanceof Promise) app.route(incoming, outgoing, answered);
    else write(incoming, outgoing, answered);
    return true;
  };
