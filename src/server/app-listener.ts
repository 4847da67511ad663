import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import type { CompletedResponse } from '../gateway/response.ts';
import type { Clock } from '../lib/clock.ts';
import { type UnexpectedErrorEvent, unexpectedError } from '../lib/unexpected-error.ts';
import type { Bindings, ServerEnv } from './bindings.ts';
import { createBodySlots } from './body-slots.ts';
import type { WhenOver } from './connection-slots.ts';
import { errorAnswer } from './error-answer.ts';
import { responseOf } from './reply.ts';
import { readBody } from './request-body.ts';

/** Stands in for the `Host` that HTTP/1.0 requests may omit. */
const DEFAULT_HOST = 'localhost';

const INVALID_URL = {
  status: 400,
  errorCode: 'INVALID_REQUEST',
  detail: 'Host header and request target do not form a valid URL.',
} as const;

/** Why a request with a body is rejected before routing. */
export type BodyError = 'overloaded' | 'too-large';

export interface AppListenerDependencies {
  readonly whenOver: WhenOver;
  readonly clock: Clock;
  /** Writes an error as the last response of the connection. */
  readonly refuse: (request: IncomingMessage, response: ServerResponse, why: BodyError) => void;
  readonly nextRequestId: () => string;
  readonly onUnexpectedError: (event: UnexpectedErrorEvent) => void;
}

/** Passes a listener's requests to a Hono app. */
export interface AppListener {
  /** Routes a request without reading its body. `pending` is its answer if the hit path called the request handler. */
  route(request: IncomingMessage, response: ServerResponse, pending?: Promise<CompletedResponse>): void;
  /** Reads the body first, bounded by the body slots, and passes it to the route as text. */
  routeWithBody(request: IncomingMessage, response: ServerResponse): void;
}

/** Puts a Hono app behind a Node server; its errors never become unhandled rejections. */
export function createAppListener(
  app: Hono<ServerEnv>,
  { whenOver, clock, refuse, nextRequestId, onUnexpectedError }: AppListenerDependencies,
): AppListener {
  const bodySlots = createBodySlots(whenOver, { clock });
  const bindings = new WeakMap<object, Bindings>();

  /**
   * Removes them as well: a minor garbage collection treats the values of a `WeakMap` as reachable, and these refer to their keys, so that
   * what belongs to a request would stay until the next major one.
   */
  function takeBindings(incoming: object): Bindings {
    const found = bindings.get(incoming);
    bindings.delete(incoming);
    return found ?? {};
  }

  const listener = getRequestListener((request, { incoming }) => app.fetch(request, takeBindings(incoming)), {
    hostname: DEFAULT_HOST,
    // Node-server's own `Response` would send the copy that Hono makes of `RESPONSE_ALREADY_SENT` for HEAD a second time.
    overrideGlobalObjects: false,
    errorHandler: () => responseOf(errorAnswer(INVALID_URL, nextRequestId())),
  });
  const report = (error: unknown) => onUnexpectedError(unexpectedError('a route', error));

  async function handle(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    more: Pick<Bindings, 'body' | 'pending'>,
  ): Promise<void> {
    bindings.set(incoming, { incoming, outgoing, ...more });
    await listener(incoming, outgoing);
  }

  async function readAndRoute(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    if (body === 'gone') return;
    if (body === 'too-large') {
      // Node would keep reading the body until it closes the connection itself.
      response.once('finish', () => request.socket.destroy());
      refuse(request, response, 'too-large');
      return;
    }
    await handle(request, response, { body: body.text });
  }

  return {
    route: (request, response, pending) => void handle(request, response, { pending }).catch(report),
    routeWithBody(request, response) {
      const release = bodySlots.take(request, response);
      if (release === undefined) {
        refuse(request, response, 'overloaded');
        return;
      }
      // Released with the answer, not when it is received: see `open-connections` for what bounds unread answers.
      readAndRoute(request, response).catch(report).finally(release);
    },
  };
}
