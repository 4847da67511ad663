import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context } from 'hono';
import type { CompletedResponse } from '../gateway/response.ts';
import type { ServerEnv } from './bindings.ts';
import type { WriteResponse } from './write-response.ts';

/** Answers the request of a Hono context. */
export type Reply = (context: Context<ServerEnv>, answer: CompletedResponse) => Response;

/** The statuses whose responses have no body (RFC 9110 section 6.4.1). */
const BODILESS: ReadonlySet<number> = new Set([204, 304]);

/** An answer as Hono's routes return it. Its `Headers` join repeated ones, so on a socket it must not pass through here. */
export function responseOf({ status, head, body, requestId }: CompletedResponse): Response {
  const headers = new Headers();
  for (let index = 0; index < head.headers.length; index += 2)
    headers.append(head.headers[index] ?? '', head.headers[index + 1] ?? '');
  headers.set('X-Request-Id', requestId);
  return new Response(BODILESS.has(status) ? null : new Uint8Array(body), { status, headers });
}

/** On a socket, the writer writes the answer; under `app.fetch` it becomes a `Response`. */
export const createReply =
  (write: WriteResponse): Reply =>
  ({ env }, answer) => {
    if (env?.incoming === undefined || env.outgoing === undefined) return responseOf(answer);
    write(env.incoming, env.outgoing, answer);
    return RESPONSE_ALREADY_SENT;
  };
