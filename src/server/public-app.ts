import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { renderApiError } from '../atlas/api-error.ts';
import type { Answer } from '../gateway/answer.ts';
import { refuse } from '../gateway/refusal.ts';
import type { Tokens } from '../gateway/tokens.ts';
import type { createWay, GatewayRequest } from '../gateway/way.ts';
import { createDescriptionRoutes } from './description-routes.ts';
import { refuseAtEdge } from './edge.ts';
import { createOauthRoutes, type RoutedEvent } from './oauth-routes.ts';
import { describePublic } from './openapi.ts';

export interface PublicAppDependencies {
  readonly way: ReturnType<typeof createWay>;
  readonly tokens: Tokens;
  /** The gateway's version. */
  readonly version: string;
  readonly report: (event: RoutedEvent) => void;
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

function view(request: IncomingMessage): GatewayRequest {
  const { method = 'GET', url = '/', headers } = request;
  const mark = url.indexOf('?');
  return {
    method,
    path: mark < 0 ? url : url.slice(0, mark),
    query: mark < 0 ? '' : url.slice(mark + 1),
    header(name) {
      const value = headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
  };
}

function write(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, answer.headers);
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

/**
 * The public listener's requests. Lists are answered in front of Hono's router: the gateway has the whole answer as bytes, and building a
 * `Request` and a `Response` around them would cost more than the answer. What else there is goes through Hono.
 */
export function createPublicApp({
  way,
  tokens,
  version,
  report,
  inFlight,
}: PublicAppDependencies): RequestListener {
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

  return (request, response) => {
    const admitted = inFlight.begin();
    response.once('close', () => inFlight.end());
    const seen = view(request);
    if (!admitted) {
      write(request, response, way.refuse(seen, OVERLOADED));
      return;
    }
    const routed = ROUTED.test(seen.path);
    const refusal = refuseAtEdge(request, routed && request.method === 'POST');
    if (refusal !== undefined) {
      // What is left of the request is not read, so nothing in it can be taken for another.
      response.setHeader('Connection', 'close');
      write(request, response, way.refuse(seen, refusal));
      return;
    }
    if (routed && ROUTED_METHODS.has(request.method ?? '')) {
      void listener(request, response);
      return;
    }
    const answer = way.answer(seen);
    if (answer instanceof Promise) void answer.then((late) => write(request, response, late));
    else write(request, response, answer);
  };
}
