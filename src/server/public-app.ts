import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Hono } from 'hono';
import type { Tokens } from '../gateway/auth/token-service.ts';
import { type GatewayError, gatewayError } from '../gateway/gateway-error.ts';
import type { createRequestHandler } from '../gateway/request-handler.ts';
import type { GatewayRequest } from '../gateway/resolve-request.ts';
import type { CompletedResponse } from '../gateway/response.ts';
import type { Clock } from '../lib/clock.ts';
import { type UnexpectedErrorEvent, unexpectedError } from '../lib/unexpected-error.ts';
import { type BodyError, createAppListener } from './app-listener.ts';
import { MAX_BODY_BYTES } from './body-slots.ts';
import { createWhenOver } from './connection-slots.ts';
import { checkEdge } from './edge.ts';
import { createMethodNotAllowed } from './method-not-allowed.ts';
import { createOauthRoutes } from './oauth-routes.ts';
import { describePublic } from './openapi.ts';
import { createDescriptionRoutes } from './openapi-routes.ts';
import type { BodyBindings } from './request-body.ts';
import { readHeaders, type SeenHeaders } from './request-headers.ts';
import type { RoutedEvent } from './routed-event.ts';
import { createUnexpectedErrorHandler, writeUnexpectedError } from './unexpected-error.ts';
import { createResponseWriter } from './write-response.ts';

export interface PublicAppDependencies {
  readonly requestHandler: ReturnType<typeof createRequestHandler>;
  readonly tokens: Tokens;
  /** The gateway's version. */
  readonly version: string;
  readonly report: (event: RoutedEvent) => void;
  readonly onUnexpectedError: (event: UnexpectedErrorEvent) => void;
  readonly clock: Clock;
  /** `begin` returns false when too many requests are in flight; `end` is called once for each `begin`, whatever it returned. */
  readonly inFlight: { begin(): boolean; end(): void };
}

const ABOUT = `This is an atlas-gateway: it serves the lists of the MongoDB Atlas Administration API v2 under /api/atlas/v2/.
All of them: <here>/openapi.json
Example: curl -H 'Accept: application/vnd.atlas.2023-02-01+json' <here>/api/atlas/v2/groups/{groupId}/streams/privateLinkConnections
`;

const OVERLOADED = gatewayError('OVERLOADED', 'Too many requests are in flight.', {
  retryAfterMs: 1_000,
});
const BODY_ERRORS: Readonly<Record<BodyError, GatewayError>> = {
  overloaded: OVERLOADED,
  'too-large': gatewayError('PAYLOAD_TOO_LARGE', `The body is larger than ${MAX_BODY_BYTES} bytes.`),
};

/** Paths that Hono routes for every method. */
const ROUTED: ReadonlySet<string> = new Set([
  '/',
  '/openapi.json',
  '/api/oauth/token',
  '/api/oauth/revoke',
  '/api/private/ipinfo',
]);
const PRIVATE = '/api/private/';

/** Lists are by far the most frequent requests, and their path prefix identifies them. */
const LISTS = '/api/atlas/';

const requestOf = (request: IncomingMessage): GatewayRequest & { readonly headers: SeenHeaders } => ({
  method: request.method ?? 'GET',
  target: request.url ?? '/',
  headers: readHeaders(request),
});

function isRouted(method: string, target: string): boolean {
  if (target.startsWith(LISTS)) return false;
  const path = target.split('?', 1)[0] ?? '';
  return ROUTED.has(path) || (method === 'POST' && path.startsWith(PRIVATE));
}

/**
 * Handles the public listener's requests. Lists bypass Hono's router: their responses exist as bytes already, and wrapping them in a
 * `Request` and a `Response` would cost more than serving them. All other requests go through Hono.
 */
export function createPublicApp({
  requestHandler,
  tokens,
  version,
  report,
  onUnexpectedError,
  clock,
  inFlight,
}: PublicAppDependencies): RequestListener {
  const write = createResponseWriter(() => clock.wall());
  const whenOver = createWhenOver();
  const app = new Hono<BodyBindings>();
  const readOnly = createMethodNotAllowed(['GET', 'HEAD'], report);
  app.get('/', (context) => context.text(ABOUT));
  app.all('/', readOnly);
  app.route(
    '/',
    createDescriptionRoutes(() => describePublic(version)),
  );
  app.all('/openapi.json', readOnly);
  app.route('/', createOauthRoutes(tokens, report));
  app.onError(createUnexpectedErrorHandler(onUnexpectedError));
  const { route, routeWithBody } = createAppListener(app, {
    whenOver,
    clock,
    onUnexpectedError,
    refuse: (request, response, why) =>
      sendLast(request, response, requestHandler.reject(requestOf(request), BODY_ERRORS[why])),
  });

  function send(request: IncomingMessage, response: ServerResponse, answer: CompletedResponse): void {
    try {
      write(request, response, answer);
    } catch (error) {
      onUnexpectedError(unexpectedError('writing a response', error, answer.requestId));
      writeUnexpectedError(response);
    }
  }

  /** Closes the connection, so that the unread rest of a rejected request cannot be parsed as another request. */
  function sendLast(request: IncomingMessage, response: ServerResponse, answer: CompletedResponse): void {
    response.setHeader('Connection', 'close');
    send(request, response, answer);
  }

  /** Answers a request that has a slot; true if the request keeps the slot until its response is written or its connection is closed. */
  function answer(
    request: IncomingMessage,
    response: ServerResponse,
    seen: GatewayRequest,
    hasBody: boolean,
  ): boolean {
    const answered = requestHandler.answer(seen);
    // The body of a write is not read, so the connection is closed after the response.
    const reply = hasBody ? sendLast : send;
    if (!(answered instanceof Promise)) {
      reply(request, response, answered);
      return false;
    }
    const release = whenOver(request, response, () => inFlight.end());
    void answered.then((late) => {
      reply(request, response, late);
      // Not when it is received: a client that does not read must not keep a slot of those that do.
      release();
    });
    return true;
  }

  return (request, response) => {
    const seen = requestOf(request);
    const { method, target, headers } = seen;
    const routed = isRouted(method, target);
    const takesBody = routed && method === 'POST';
    const error = checkEdge({ method, target, headers });
    if (error !== undefined) {
      sendLast(request, response, requestHandler.reject(seen, error));
      return;
    }
    if (takesBody) {
      routeWithBody(request, response);
      return;
    }
    // The few answers outside the catalog wait for nothing, and so take no slot.
    if (routed) {
      if (headers.hasBody) response.setHeader('Connection', 'close');
      route(request, response);
      return;
    }
    let keepsSlot = false;
    const hasSlot = inFlight.begin();
    try {
      if (hasSlot) keepsSlot = answer(request, response, seen, headers.hasBody);
      else send(request, response, requestHandler.reject(seen, OVERLOADED));
    } finally {
      if (!keepsSlot) inFlight.end();
    }
  };
}
