import { type Context, Hono } from 'hono';
import { requestId } from 'hono/request-id';
import { secureHeaders } from 'hono/secure-headers';
import type { GatewayRequest } from '../gateway/resolve-request.ts';
import type { CompletedResponse } from '../gateway/response.ts';
import type { UnexpectedErrorEvent } from '../lib/unexpected-error.ts';
import type { ServerEnv } from './bindings.ts';
import type { AnswerApi } from './in-flight-limit.ts';
import { ACCESS_PATH } from './landing/access-check.ts';
import { createLandingRoutes, type LandingDependencies } from './landing/routes.ts';
import { createMethodNotAllowed } from './method-not-allowed.ts';
import { createOauthRoutes, OAUTH_PATHS, type TokenEndpoints } from './oauth-routes.ts';
import { createDescriptionRoutes } from './openapi-routes.ts';
import { createReply, responseOf } from './reply.ts';
import { readHeaders } from './request-headers.ts';
import type { RoutedEvent } from './routed-event.ts';
import { PAGE_HEADERS } from './security-headers.ts';
import { createUnexpectedErrorHandler } from './unexpected-error.ts';
import type { WriteResponse } from './write-response.ts';

export interface PublicAppDependencies {
  readonly answer: AnswerApi;
  readonly write: WriteResponse;
  readonly tokens: TokenEndpoints;
  readonly landing: LandingDependencies;
  /** The gateway's version. */
  readonly version: string;
  readonly report: (event: RoutedEvent) => void;
  readonly nextRequestId: () => string;
  readonly onUnexpectedError: (event: UnexpectedErrorEvent) => void;
}

const ABOUT = `This is an atlas-gateway: it serves the lists of the MongoDB Atlas Administration API v2 under /api/atlas/v2/.
All of them: <here>/openapi.json
Example: curl -H 'Accept: application/vnd.atlas.2023-02-01+json' <here>/api/atlas/v2/groups/{groupId}/streams/privateLinkConnections
`;

/** Paths outside the API. */
const PAGES = ['/', '/openapi.json', ACCESS_PATH] as const;

/** The request as the handler reads it: from the socket, or under `app.fetch` from Hono's request. */
function requestOf({ env, req }: Context<ServerEnv>): GatewayRequest {
  if (env?.incoming !== undefined)
    return { method: req.method, target: env.incoming.url ?? '/', headers: readHeaders(env.incoming) };
  const { pathname, search } = new URL(req.url);
  return {
    method: req.method,
    target: pathname + search,
    headers: {
      authorization: req.header('authorization'),
      accept: req.header('accept'),
      acceptEncoding: req.header('accept-encoding'),
      ifNoneMatch: req.header('if-none-match'),
      cacheControl: req.header('cache-control'),
      pragma: req.header('pragma'),
    },
  };
}

/** Routes every path of the public listener. The request handler answers all but the few that are registered before it. */
export function createPublicApp({
  answer,
  write,
  tokens,
  landing,
  version,
  report,
  nextRequestId,
  onUnexpectedError,
}: PublicAppDependencies): Hono<ServerEnv> {
  const app = new Hono<ServerEnv>();
  const reply = createReply(write);
  const readOnly = createMethodNotAllowed(['GET', 'HEAD'], {
    reply: (_, response) => responseOf(response),
    report,
  });
  // The request handler numbers its requests itself.
  for (const path of [...PAGES, ...OAUTH_PATHS]) app.use(path, requestId({ generator: nextRequestId }));
  for (const path of PAGES) app.use(path, secureHeaders(PAGE_HEADERS));
  app.route('/', createLandingRoutes({ ...landing, version, report }));
  app.get('/', (context) => context.text(ABOUT));
  app.route('/', createDescriptionRoutes('public', version));
  for (const path of PAGES) app.all(path, readOnly);
  app.route('/', createOauthRoutes(tokens, { reply, report }));
  const replyLater = async (context: Context<ServerEnv>, pending: Promise<CompletedResponse>) =>
    reply(context, await pending);
  app.all('*', (context) => {
    const answered = context.env?.pending ?? answer(requestOf(context), context.env);
    return answered instanceof Promise ? replyLater(context, answered) : reply(context, answered);
  });
  app.onError(createUnexpectedErrorHandler(reply, { onUnexpectedError }));
  return app;
}
