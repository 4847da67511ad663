import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import { HEADER_PARAMETERS, type HeaderValues } from '../atlas/header-parameters.ts';
import type { IdentifyRequest } from '../gateway/request-identity.ts';
import type { GatewayRequest } from '../gateway/resolve-request.ts';
import type { CompletedResponse } from '../gateway/response.ts';
import type { Clock } from '../lib/clock.ts';
import type { UnexpectedErrorEvent } from '../lib/unexpected-error.ts';
import type { ServerEnv } from './bindings.ts';
import { createHealthRoutes, HEALTH_PATHS, PROBE_METHODS } from './health-routes.ts';
import type { AnswerApi } from './in-flight-limit.ts';
import { ACCESS_PATH } from './landing/access-check.ts';
import { createLandingRoutes, type LandingDependencies } from './landing/routes.ts';
import { createMethodNotAllowed } from './method-not-allowed.ts';
import { createOauthRoutes, OAUTH_PATHS, type TokenEndpoints } from './oauth-routes.ts';
import { createDescriptionRoutes } from './openapi-routes.ts';
import { createReply, responseOf } from './reply.ts';
import { readHeaders } from './request-headers.ts';
import type { ReportAnswer, RoutedEvent } from './routed-event.ts';
import { PAGE_HEADERS } from './security-headers.ts';
import { createUnexpectedErrorHandler } from './unexpected-error.ts';
import type { WriteResponse } from './write-response.ts';

export interface PublicAppDependencies {
  readonly answer: AnswerApi;
  readonly write: WriteResponse;
  readonly tokens: TokenEndpoints;
  /** Why the gateway is not ready; undefined if it is. */
  readonly unready: () => string | undefined;
  readonly landing: LandingDependencies;
  /** The gateway's version. */
  readonly version: string;
  readonly report: (event: RoutedEvent) => void;
  readonly identify: IdentifyRequest;
  readonly clock: Clock;
  readonly onUnexpectedError: (event: UnexpectedErrorEvent) => void;
}

/** For clients that are not browsers. */
const aboutText = (
  publicUrl: string,
) => `This is an atlas-gateway: it serves the reads of the MongoDB Atlas Administration API v2 under /api/atlas/v2/.
All of them: ${publicUrl}/openapi.json
Example: curl -H 'Accept: application/vnd.atlas.2023-01-01+json' -H "Authorization: Bearer $ATLAS_GATEWAY_KEY" ${publicUrl}/api/atlas/v2/groups
`;

/** Paths outside the API. */
const PAGES = ['/', '/openapi.json', ACCESS_PATH] as const;
const ROUTED = [...PAGES, ...HEALTH_PATHS, ...OAUTH_PATHS];

/** What a probe is answered is true for a moment. */
const noStore: MiddlewareHandler<ServerEnv> = async (context, next) => {
  await next();
  context.header('Cache-Control', 'no-store');
};

function headerValues(headerOf: (name: string) => string | undefined): HeaderValues | undefined {
  const sent = HEADER_PARAMETERS.flatMap((name) => {
    const value = headerOf(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return sent.length === 0 ? undefined : Object.fromEntries(sent);
}

/** The request as the handler reads it: from the socket, or under `app.fetch` from Hono's request. */
function requestOf({ env, req }: Context<ServerEnv>): GatewayRequest {
  if (env?.incoming !== undefined)
    return {
      method: req.method,
      target: env.incoming.url ?? '/',
      headers: readHeaders(env.incoming),
      peer: env.incoming.socket.remoteAddress,
    };
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
      parameters: headerValues((name) => req.header(name)),
      requestId: req.header('x-request-id'),
      traceparent: req.header('traceparent'),
      userAgent: req.header('user-agent'),
      forwardedFor: req.header('x-forwarded-for'),
    },
  };
}

/** Identifies the requests that routes answer; the request handler identifies its own. */
const createIdentification =
  (identify: IdentifyRequest, clock: Clock): MiddlewareHandler<ServerEnv> =>
  async (context, next) => {
    const identity = identify(requestOf(context));
    context.set('identity', identity);
    context.set('requestId', identity.requestId);
    context.set('startedAt', clock.now());
    context.header('X-Request-Id', identity.requestId);
    await next();
  };

/** Routes every path of the public listener. The request handler answers all but the few that are registered before it. */
export function createPublicApp({
  answer,
  write,
  tokens,
  unready,
  landing,
  version,
  report,
  identify,
  clock,
  onUnexpectedError,
}: PublicAppDependencies): Hono<ServerEnv> {
  const app = new Hono<ServerEnv>();
  const reply = createReply(write);
  const reportAnswer: ReportAnswer = (context, answer) => {
    const { method, path } = context.req;
    report({
      ...answer,
      method,
      path,
      identity: context.get('identity'),
      startedAt: context.get('startedAt'),
    });
  };
  const pageRules = {
    reply: (_: unknown, response: CompletedResponse) => responseOf(response),
    report: reportAnswer,
  };
  const readOnly = createMethodNotAllowed(['GET', 'HEAD'], pageRules);
  const probeOnly = createMethodNotAllowed(PROBE_METHODS, pageRules);
  for (const path of ROUTED) app.use(path, createIdentification(identify, clock));
  for (const path of [...PAGES, ...HEALTH_PATHS]) app.use(path, secureHeaders(PAGE_HEADERS));
  for (const path of HEALTH_PATHS) app.use(path, noStore);
  app.route('/', createLandingRoutes({ ...landing, version, report: reportAnswer }));
  app.get('/', (context) => context.text(aboutText(landing.publicUrl())));
  app.route('/', createDescriptionRoutes('public', version));
  for (const path of PAGES) app.all(path, readOnly);
  app.route('/', createHealthRoutes(unready));
  for (const path of HEALTH_PATHS) app.all(path, probeOnly);
  app.route('/', createOauthRoutes(tokens, { reply, report: reportAnswer }));
  const replyLater = async (context: Context<ServerEnv>, pending: Promise<CompletedResponse>) =>
    reply(context, await pending);
  app.all('*', (context) => {
    const answered = context.env?.pending ?? answer(requestOf(context), context.env);
    return answered instanceof Promise ? replyLater(context, answered) : reply(context, answered);
  });
  app.onError(createUnexpectedErrorHandler(reply, { onUnexpectedError }));
  return app;
}
