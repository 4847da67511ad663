import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { renderApiError } from '../atlas/api-error.ts';
import type { FinishedAnswer } from '../gateway/answer.ts';
import { refuse } from '../gateway/refusal.ts';
import type { Tokens } from '../gateway/tokens.ts';
import type { createWay, GatewayRequest } from '../gateway/way.ts';
import type { Clock } from '../lib/clock.ts';
import { createDescriptionRoutes } from './description-routes.ts';
import { refuseAtEdge } from './edge.ts';
import { createOauthRoutes, type RoutedEvent } from './oauth-routes.ts';
import { describePublic } from './openapi.ts';
import { readHeaders } from './request-headers.ts';
import { createAnswerWriter } from './write-answer.ts';

export interface PublicAppDependencies {
  readonly way: ReturnType<typeof createWay>;
  readonly tokens: Tokens;
  /** The gateway's version. */
  readonly version: string;
  readonly report: (event: RoutedEvent) => void;
  readonly clock: Clock;
  /** `begin` is false where too many requests are under way. */
  readonly inFlight: { begin(): boolean; end(): void };
}

const ABOUT = `This is an atlas-gateway: it answers the lists of the MongoDB Atlas Administration API v2 under /api/atlas/v2/.
All of them: <here>/openapi.json
Example: curl -H 'Accept: application/vnd.atlas.2023-02-01+json' <here>/api/atlas/v2/groups/{groupId}/streams/privateLinkConnections
`;

const OVERLOADED = refuse('OVERLOADED', 'Too many requests are under way already.', { retryAfterMs: 1_000 });

/** Paths that Hono's router answers; all others are lists, or nothing. */
const ROUTED = /^\/(openapi\.json|api\/(oauth\/(token|revoke)|private\/.*))?$/;

const ROUTED_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST']);

/** Lists are by far the most that is asked for, and are known by the beginning of their path. */
const LISTS = '/api/atlas/';

/**
 * The public listener's requests. Lists are answered in front of Hono's router: the gateway has the whole answer as bytes, and building a
 * `Request` and a `Response` around them would cost more than the answer. What else there is goes through Hono.
 */
export function createPublicApp({
  way,
  tokens,
  version,
  report,
  clock,
  inFlight,
}: PublicAppDependencies): RequestListener {
  const write = createAnswerWriter(() => clock.wall());
  const app = new Hono();
  app.get('/', (context) => context.text(ABOUT));
  app.route(
    '/',
    createDescriptionRoutes(() => describePublic(version)),
  );
  app.route('/', createOauthRoutes(tokens, report));
  app.notFound((context) => {
    report({ status: 404 });
    const body = renderApiError({
      status: 404,
      errorCode: 'UNKNOWN_OPERATION',
      detail: 'There is nothing here; tokens are made with POST /api/oauth/token.',
    });
    return context.body(body.toString(), 404, {
      'Content-Type': 'application/json',
      'X-Error-Code': 'UNKNOWN_OPERATION',
    });
  });
  const listener = getRequestListener(app.fetch);

  function answerLate(
    request: IncomingMessage,
    response: ServerResponse,
    late: Promise<FinishedAnswer>,
  ): void {
    response.once('close', () => inFlight.end());
    void late.then((answer) => write(request, response, answer));
  }

  return (request, response) => {
    const { method = 'GET', url: target = '/' } = request;
    const headers = readHeaders(request);
    const seen: GatewayRequest = { method, target, headers };
    if (!inFlight.begin()) {
      write(request, response, way.refuse(seen, OVERLOADED));
      inFlight.end();
      return;
    }
    const routed = !target.startsWith(LISTS) && ROUTED.test(target.split('?', 1)[0] ?? '');
    const refusal = refuseAtEdge({ method, target, headers, takesBody: routed && method === 'POST' });
    if (refusal !== undefined) {
      // What is left of the request is not read, so nothing in it can be taken for another.
      response.setHeader('Connection', 'close');
      write(request, response, way.refuse(seen, refusal));
      inFlight.end();
      return;
    }
    if (routed && ROUTED_METHODS.has(method)) {
      response.once('close', () => inFlight.end());
      void listener(request, response);
      return;
    }
    const answer = way.answer(seen);
    if (answer instanceof Promise) {
      answerLate(request, response, answer);
      return;
    }
    write(request, response, answer);
    inFlight.end();
  };
}
