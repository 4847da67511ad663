import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { accepts } from 'hono/accepts';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { secureHeaders } from 'hono/secure-headers';
import { credentialsOf } from '../../lib/auth-params.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Random } from '../../lib/random.ts';
import type { UnexpectedErrorEvent } from '../../lib/unexpected-error.ts';
import type { SignInEvent } from '../../observability/events.ts';
import type { MetricsFormat } from '../../observability/metrics.ts';
import type { ServerEnv } from '../bindings.ts';
import { clientAddress } from '../client-address.ts';
import { createHealthRoutes, PROBE_METHODS } from '../health-routes.ts';
import { createMethodNotAllowed } from '../method-not-allowed.ts';
import { createDescriptionRoutes } from '../openapi-routes.ts';
import { type Reply, responseOf } from '../reply.ts';
import { bodyOf } from '../request-body.ts';
import { requestIds } from '../request-id.ts';
import { ADMIN_PAGE_HEADERS, PAGE_HEADERS } from '../security-headers.ts';
import { createUnexpectedErrorHandler } from '../unexpected-error.ts';
import { errorResponse, tooLarge } from './error-response.ts';
import { isCrossSite, namesThisListener } from './origin-check.ts';
import { createPurgeRoute, type PurgeDependencies } from './purge-route.ts';
import { createSessions, SESSION_MS } from './sessions.ts';
import { createSignInLimit } from './sign-in-limit.ts';

/** The CSP nonce of a page's script and style, and whether to show the sign-out button. */
export interface PageView {
  readonly nonce: string;
  readonly signedIn: boolean;
}

/** `next` is the page to redirect to after signing in. */
export interface SignInForm {
  readonly next: string;
  readonly refused: 'wrong-token' | 'too-many-attempts' | undefined;
}

/** The pages, each as a complete HTML document. */
export interface AdminPages {
  /** `query` contains what the page is narrowed down to, unvalidated. */
  status(query: URLSearchParams, view: PageView): Promise<string>;
  /** `query` contains the page's own parameters, unvalidated: filters, order and page number. */
  connections(project: string, query: URLSearchParams, view: PageView): Promise<string>;
  signIn(form: SignInForm, view: PageView): Promise<string>;
}

export interface AdminDependencies extends PurgeDependencies {
  readonly metrics: (
    format: MetricsFormat,
  ) => Promise<{ readonly contentType: string; readonly text: string }>;
  /** Why the gateway is not ready; undefined if it is. */
  readonly unready: () => string | undefined;
  readonly status: () => unknown;
  readonly pages: AdminPages;
  /** The admin token in force; undefined where the listener is on loopback and requires none. */
  readonly token: () => string | undefined;
  readonly onUnexpectedError: (event: UnexpectedErrorEvent) => void;
  readonly observe: (event: SignInEvent) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly nextRequestId: () => string;
  /** The version of the gateway, for the OpenAPI document. */
  readonly version: string;
}

const SESSION_COOKIE = 'atlas_gateway_session';
/** Allowed redirect targets after signing in: only this listener's own pages. */
const OWN_PAGE = /^\/(projects\/[a-f0-9]{24}\/private-link-connections)?$/;
const NONCE_BYTES = 16;
const READS = ['GET', 'HEAD'];
const CONNECTIONS = '/projects/:id{[a-f0-9]{24}}/private-link-connections';

/** Paths that need no token, and what they support. */
const OPEN_PATHS = {
  '/healthz': PROBE_METHODS,
  '/readyz': PROBE_METHODS,
  '/metrics': READS,
  '/openapi.json': READS,
};
/** The other paths, and what they support. */
const TOKEN_PATHS = {
  '/sign-in': ['POST'],
  '/sign-out': ['POST'],
  '/': READS,
  '/status.json': READS,
  [CONNECTIONS]: READS,
  '/cache/purge': ['POST'],
};

/** The authorities that a request names: `Host`, and that of an absolute-form target, which takes precedence (RFC 9112 section 3.2.2). */
const authoritiesOf = ({ req }: Context<ServerEnv>): readonly (string | undefined)[] => [
  req.header('host'),
  new URL(req.url).host,
];

/** Whether the target is a URL, not a path: the listener replaces one of its own by the path. */
const namesAnotherHost = ({ env }: Context<ServerEnv>) => env?.incoming?.url?.startsWith('/') === false;

/** Prometheus asks for OpenMetrics with a higher quality than for its older format; everyone else gets that one. */
const metricsFormatOf = (context: Context<ServerEnv>): MetricsFormat =>
  accepts(context, {
    header: 'Accept',
    supports: ['text/plain', 'application/openmetrics-text'],
    default: 'text/plain',
  }) === 'text/plain'
    ? 'prometheus'
    : 'openmetrics';

function refuseOtherMethods(app: Hono<ServerEnv>, paths: Readonly<Record<string, readonly string[]>>): void {
  for (const [path, methods] of Object.entries(paths))
    app.all(path, createMethodNotAllowed(methods, { reply }));
}

const wantsPage = (context: Context<ServerEnv>) =>
  (context.req.method === 'GET' || context.req.method === 'HEAD') &&
  (context.req.header('accept') ?? '').includes('text/html');

const notFound = (context: Context<ServerEnv>) =>
  errorResponse(
    context,
    404,
    'NOT_FOUND',
    'Not found: this listener serves /, /metrics, /healthz, /readyz, /status.json and /cache/purge.',
  );

const rejectCrossSite: MiddlewareHandler<ServerEnv> = async (context, next) => {
  const { method } = context.req;
  const isUnsafe = method !== 'GET' && method !== 'HEAD';
  if (isUnsafe && isCrossSite((name) => context.req.header(name)))
    return errorResponse(
      context,
      403,
      'CROSS_SITE_FORBIDDEN',
      "Requests from another site's page are not allowed: use the gateway's own status page, or a client that is not a browser.",
    );
  await next();
  return undefined;
};

/** Hono writes the answers of this listener on sockets too. */
const reply: Reply = (_context, answer) => responseOf(answer);
const pageHeaders = secureHeaders(ADMIN_PAGE_HEADERS);

/**
 * Routes every path of the admin listener. Metrics and probes are open; all else requires the admin token if one is configured, as a bearer
 * token or as a browser session opened with it. Without a token, only requests to a loopback name or the listener's own address are
 * answered, which defeats DNS rebinding. Unsafe methods are rejected if they come from another site's page.
 */
export function createAdminApp(
  { listensOn, isSecure = false }: { readonly listensOn: string; readonly isSecure?: boolean },
  {
    metrics,
    unready,
    status,
    pages,
    knowsOperation,
    knowsProject,
    purge,
    token,
    onUnexpectedError,
    observe,
    clock,
    random,
    nextRequestId,
    version,
  }: AdminDependencies,
): Hono<ServerEnv> {
  const app = new Hono<ServerEnv>();
  const sessions = createSessions({ token }, { clock, random });
  const isOpen = () => token() === undefined;

  const signInLimit = createSignInLimit(clock);

  const signedIn = (context: Context<ServerEnv>) => sessions.holds(getCookie(context, SESSION_COOKIE) ?? '');
  const bearerOf = (context: Context<ServerEnv>) =>
    credentialsOf('bearer', context.req.header('authorization') ?? '');

  /** Compares a presented token with the admin token, unless the attempt limit is reached. */
  function tryToken(
    context: Context<ServerEnv>,
    presented: string,
  ): 'right' | NonNullable<SignInForm['refused']> {
    const address = clientAddress(context);
    let waitMs = signInLimit.waitMs(address);
    if (waitMs === 0 && sessions.isToken(presented)) return 'right';
    if (waitMs === 0) waitMs = signInLimit.countFailure(address);
    const reason = waitMs === 0 ? 'wrong-token' : 'too-many-attempts';
    if (waitMs > 0) context.header('Retry-After', String(Math.ceil(waitMs / 1_000)));
    observe({ type: 'admin-sign-in-refused', reason, clientIp: address });
    return reason;
  }

  /** Responds with a page whose Content-Security-Policy allows only its own script and style, by a single-use nonce. */
  async function page(
    context: Context<ServerEnv>,
    code: 200 | 401 | 429,
    write: (view: PageView) => Promise<string>,
  ): Promise<Response> {
    const nonce = random.bytes(NONCE_BYTES).toString('base64');
    context.set('secureHeadersNonce', nonce);
    await pageHeaders(context, async () => {
      context.res = await context.html(write({ nonce, signedIn: signedIn(context) }), code);
    });
    return context.res;
  }

  /** The sign-in and sign-out routes exist only if a token is configured. */
  const onlyWithToken: MiddlewareHandler<ServerEnv> = async (context, next) => {
    if (isOpen()) return notFound(context);
    await next();
    return undefined;
  };

  app.use('*', requestIds(nextRequestId), secureHeaders(PAGE_HEADERS), async (context, next) => {
    await next();
    context.header('Cache-Control', 'no-store');
  });
  // Before the check of names: probes send a pod's address as Host, and what they are answered reveals nothing.
  app.route('/', createHealthRoutes(unready));
  app.use('*', async (context, next) => {
    if (isOpen() && !authoritiesOf(context).every((name) => namesThisListener(name, listensOn)))
      return errorResponse(
        context,
        403,
        'HOST_FORBIDDEN',
        'Without an admin token this listener answers only to names of this machine: use localhost, or configure admin.token.',
      );
    if (namesAnotherHost(context))
      return errorResponse(context, 400, 'INVALID_REQUEST', 'The request target names another host.');
    await next();
    return undefined;
  });
  app.get('/metrics', async (context) => {
    const { contentType, text } = await metrics(metricsFormatOf(context));
    return context.body(text, 200, { 'Content-Type': contentType, Vary: 'Accept' });
  });

  app.route('/', createDescriptionRoutes('admin', version));
  refuseOtherMethods(app, OPEN_PATHS);

  app.use('*', rejectCrossSite);

  app.use('/sign-in', onlyWithToken);
  app.use('/sign-out', onlyWithToken);
  app.post('/sign-in', async (context) => {
    const body = await bodyOf(context);
    if (body === undefined) return tooLarge(context);
    const form = new URLSearchParams(body);
    const wanted = form.get('next') ?? '/';
    const next = OWN_PAGE.test(wanted) ? wanted : '/';
    const outcome = tryToken(context, (form.get('token') ?? '').trim());
    if (outcome !== 'right')
      return page(context, outcome === 'wrong-token' ? 401 : 429, (view) =>
        pages.signIn({ next, refused: outcome }, view),
      );
    setCookie(context, SESSION_COOKIE, sessions.open(), {
      httpOnly: true,
      secure: isSecure,
      sameSite: 'Strict',
      path: '/',
      maxAge: SESSION_MS / 1_000,
    });
    return context.redirect(next, 303);
  });
  app.post('/sign-out', (context) => {
    sessions.close(getCookie(context, SESSION_COOKIE) ?? '');
    deleteCookie(context, SESSION_COOKIE, { path: '/' });
    return context.redirect('/', 303);
  });
  app.use('*', async (context, next) => {
    const presented = isOpen() ? undefined : bearerOf(context);
    const outcome = presented === undefined ? undefined : tryToken(context, presented);
    if (isOpen() || outcome === 'right' || signedIn(context)) {
      await next();
      return undefined;
    }
    if (outcome === 'too-many-attempts')
      return errorResponse(
        context,
        429,
        'TOO_MANY_ATTEMPTS',
        'Too many wrong tokens were presented: retry later.',
      );
    context.header('WWW-Authenticate', 'Bearer realm="atlas-gateway admin"');
    if (wantsPage(context)) {
      const { path } = context.req;
      const wanted = OWN_PAGE.test(path) ? path : '/';
      return page(context, 401, (view) => pages.signIn({ next: wanted, refused: undefined }, view));
    }
    return errorResponse(context, 401, 'UNAUTHENTICATED', 'Send the admin token: Authorization: Bearer ….');
  });

  app.get('/', (context) => {
    const { searchParams } = new URL(context.req.url);
    return page(context, 200, (view) => pages.status(searchParams, view));
  });
  app.get('/status.json', (context) => context.json(status()));
  app.get(CONNECTIONS, (context) => {
    const { searchParams } = new URL(context.req.url);
    return page(context, 200, (view) => pages.connections(context.req.param('id'), searchParams, view));
  });
  app.route('/', createPurgeRoute({ knowsOperation, knowsProject, purge }));
  refuseOtherMethods(app, TOKEN_PATHS);
  app.notFound(notFound);
  app.onError(createUnexpectedErrorHandler(reply, { onUnexpectedError }));
  return app;
}
