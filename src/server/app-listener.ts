import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import type { Hono } from 'hono';
import type { Clock } from '../lib/clock.ts';
import { type UnexpectedErrorEvent, unexpectedError } from '../lib/unexpected-error.ts';
import { createBodySlots } from './body-slots.ts';
import type { WhenOver } from './connection-slots.ts';
import { type BodyBindings, readBody } from './request-body.ts';

/** Stands in for the `Host` that HTTP/1.0 requests may omit. */
const DEFAULT_HOST = 'localhost';

/** Why a request with a body is rejected before routing. */
export type BodyError = 'overloaded' | 'too-large';

export interface AppListenerDependencies {
  readonly whenOver: WhenOver;
  readonly clock: Clock;
  /** Writes an error as the last response of the connection. */
  readonly refuse: (request: IncomingMessage, response: ServerResponse, why: BodyError) => void;
  readonly onUnexpectedError: (event: UnexpectedErrorEvent) => void;
}

/** Passes a listener's requests to a Hono app. */
export interface AppListener {
  /** Routes a request without reading its body. */
  route(request: IncomingMessage, response: ServerResponse): void;
  /** Reads the body first, bounded by the body slots, and passes it to the route as text. */
  routeWithBody(request: IncomingMessage, response: ServerResponse): void;
}

/** Puts a Hono app behind a Node server; its errors never become unhandled rejections. */
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
    { hostname: DEFAULT_HOST },
  );
  const report = (error: unknown) => onUnexpectedError(unexpectedError('a route', error));

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    await listener(request, response);
  };

  async function readAndRoute(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    if (body === 'gone') return;
    if (body === 'too-large') {
      // Node would keep reading the body until it closes the connection itself.
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
