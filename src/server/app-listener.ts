import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import type { Hono } from 'hono';
import type { Clock } from '../lib/clock.ts';
import { type UnexpectedErrorEvent, unexpectedError } from '../lib/unexpected-error.ts';
import { createBodySlots } from './body-slots.ts';
import type { WhenOver } from './connection-slots.ts';
import { type BodyBindings, readBody } from './request-body.ts';

/** The host of a request that names none, as HTTP/1.0 allows. */
const UNNAMED_HOST = 'localhost';

/** Why a request with a body is refused before it is routed. */
export type BodyError = 'overloaded' | 'too-large';

export interface AppListenerDependencies {
  readonly whenOver: WhenOver;
  readonly clock: Clock;
  /** Writes the last answer of the connection. */
  readonly refuse: (request: IncomingMessage, response: ServerResponse, why: BodyError) => void;
  readonly onUnexpectedError: (event: UnexpectedErrorEvent) => void;
}

/** How a listener hands requests to a Hono app. */
export interface AppListener {
  /** A request whose body, if it has one, no route reads. */
  route(request: IncomingMessage, response: ServerResponse): void;
  /** A request whose body is read first, in a slot of its own, and handed to its route as text. */
  routeWithBody(request: IncomingMessage, response: ServerResponse): void;
}

/** Puts a Hono app behind a Node server; nothing that goes wrong in it reaches the process. */
export function createAppListener(
  app: Hono<BodyBindings>,
  { whenOver, clock, refuse, onUnexpectedError }: AppListenerDependencies,
): AppListener {
  const bodySlots = createBodySlots(whenOver, { clock });
  const bodies = new WeakMap<IncomingMessage, string>();
  const listener = getRequestListener(
    (request, env) => {
      const { incoming, outgoing } = env as HttpBindings;
      return app.fetch(request, { incoming, outgoing, body: bodies.get(incoming) });
    },
    { hostname: UNNAMED_HOST },
  );
  const report = (error: unknown) => onUnexpectedError(unexpectedError('a route', error));

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    await listener(request, response);
  };

  async function readAndRoute(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    if (body === 'gone') return;
    if (body === 'too-large') {
      // Node would read on while it ends the connection in its own time.
      response.once('finish', () => request.socket.destroy());
      refuse(request, response, 'too-large');
      return;
    }
    bodies.set(request, body.text);
    await handle(request, response);
  }

  return {
    route: (request, response) => void handle(request, response).catch(report),
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
