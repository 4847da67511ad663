import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Hono } from 'hono';
import { type GatewayError, gatewayError } from '../gateway/gateway-error.ts';
import type { createRequestHandler } from '../gateway/request-handler.ts';
import type { Clock } from '../lib/clock.ts';
import type { UnexpectedErrorEvent } from '../lib/unexpected-error.ts';
import { type BodyError, createAppListener } from './app-listener.ts';
import type { ServerEnv } from './bindings.ts';
import { BODY_TOO_LARGE } from './body-slots.ts';
import type { WhenOver } from './connection-slots.ts';
import { checkEdge, type PublicAddress, readEdgeRequest } from './edge.ts';
import { HEALTH_PATHS } from './health-routes.ts';
import { createHitPath } from './hit-path.ts';
import { type AnswerApi, OVERLOADED } from './in-flight-limit.ts';
import { readsForm } from './landing/routes.ts';
import { readsBody } from './oauth-routes.ts';
import { namesItsHostOnce } from './request-headers.ts';
import type { WriteResponse } from './write-response.ts';

export interface PublicListenerOptions {
  /** Whether hits bypass Hono's router; without it, everything is answered alike but slower. */
  readonly hitPath: boolean;
  readonly address: PublicAddress;
}

export interface PublicListenerDependencies {
  readonly answer: AnswerApi;
  readonly reject: ReturnType<typeof createRequestHandler>['reject'];
  readonly write: WriteResponse;
  readonly whenOver: WhenOver;
  readonly clock: Clock;
  readonly nextRequestId: () => string;
  readonly onUnexpectedError: (event: UnexpectedErrorEvent) => void;
}

const BODY_ERRORS: Readonly<Record<BodyError, GatewayError>> = {
  overloaded: OVERLOADED,
  'too-large': gatewayError('PAYLOAD_TOO_LARGE', BODY_TOO_LARGE),
};

/** Load balancers may probe over HTTP/1.0, which requires no `Host`. */
const isProbe = (request: IncomingMessage) =>
  HEALTH_PATHS.some((path) => path === request.url) && namesItsHostOnce(request);

/** Puts the public app behind a socket: edge checks first, then the hit path, then Hono. */
export function createPublicListener(
  app: Hono<ServerEnv>,
  { hitPath, address }: PublicListenerOptions,
  { answer, reject, write, whenOver, clock, nextRequestId, onUnexpectedError }: PublicListenerDependencies,
): RequestListener {
  const appListener = createAppListener(app, {
    whenOver,
    clock,
    nextRequestId,
    onUnexpectedError,
    refuse: (request, response, why) => refuse(request, response, BODY_ERRORS[why]),
  });
  const tryHitPath = hitPath ? createHitPath({ answer, write, app: appListener }) : () => false;

  /** Closes the connection, so that the unread rest of a rejected request cannot be parsed as another request. */
  function refuse(request: IncomingMessage, response: ServerResponse, error: GatewayError): void {
    response.setHeader('Connection', 'close');
    write(request, response, reject(readEdgeRequest(request, address), error));
  }

  return (request, response) => {
    const seen = readEdgeRequest(request, address);
    const error = isProbe(request) ? undefined : checkEdge(seen);
    if (error !== undefined) {
      refuse(request, response, error);
      return;
    }
    const { method, target, headers } = seen;
    const [path = ''] = target.split('?', 1);
    if (headers.hasBody && (readsBody(method, path) || readsForm(method, path))) {
      appListener.routeWithBody(request, response);
      return;
    }
    // The body of another request is not read, so the connection is closed after the response.
    if (headers.hasBody) response.setHeader('Connection', 'close');
    if (!tryHitPath(request, response, seen)) appListener.route(request, response);
  };
}
