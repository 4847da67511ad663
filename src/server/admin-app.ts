import type { RequestListener } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { renderApiError } from '../atlas/api-error.ts';
import { credentialsOf } from '../lib/auth-params.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { createDescriptionRoutes } from './description-routes.ts';
import { describeAdmin } from './openapi-admin.ts';
import { isBrowsers, isCrossSite, namesThisListener } from './same-site.ts';
import { createSessions, SESSION_MS } from './sessions.ts';

/** What a page is written with: the nonce of its own script and style, and whether somebody is signed in who may sign out. */
export interface PageView {
  readonly nonce: string;
  readonly signedIn: boolean;
}

/** The pages for people, each as a whole HTML document. */
export interface AdminPages {
  status(view: PageView): Promise<string>;
  /** `query` is the page's own: filters, order and page number, as they were sent. */
  connections(project: string, query: URLSearchParams, view: PageView): Promise<string>;
  /** `next` is where to go on after signing in. */
  signIn(form: { readonly next: string; readonly refused: boolean }, view: PageView): Promise<string>;
}

/** What is dropped: everything, or what a project or an operation holds. */
interface PurgeRequest {
  project?: string;
  operation?: string;
  soft: boolean;
}

export interface AdminDependencies {
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  /** Undefined where the gateway is ready; else why not. */
  readonly unready: () => string | undefined;
  readonly status: () => unknown;
  readonly pages: AdminPages;
  readonly knowsOperation: (name: string) => boolean;
  /** Whether the configuration names this project or organization, or something of it is held or was read. */
  readonly knowsProject: (id: string) => boolean;
  readonly purge: (scope: { project?: string; operation?: string; soft: boolean }) => void;
  /** Absent: the listener is on loopback and asks for none. */
  readonly token?: () => string;
  readonly clock: Clock;
  readonly random: Random;
  /** The version of the gateway, for the description of its endpoints. */
  readonly version: string;
}

const ID = /^[a-f0-9]{24}$/;
const MAX_BODY_BYTES = 4_096;
const SESSION_COOKIE = 'atlas_gateway_session';
/** Where somebody may be led after signing in: this listener's own pages only. */
const OWN_PAGE = /^\/(projects\/[a-f0-9]{24}\/private-link-connections)?$/;
const NONCE_BYTES = 16;

const policyFor = (nonce: string) =>
  [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    'img-src data:',
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ');

function error(context: Context, status: 400 | 401 | 403 | 404 | 413, errorCode: string, detail: string) {
  const body = renderApiError({ status, errorCode, detail });
  return context.body(body.toString(), status, {
    'Content-Type': 'application/json',
    'X-Error-Code': errorCode,
  });
}

function readScope(text: string): PurgeRequest | string {
  let parsed: unknown;
  try {
    parsed = text === '' ? {} : JSON.parse(text);
  } catch {
    return 'The body is not JSON.';
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    return 'The body must be an object.';
  const scope: PurgeRequest = { soft: false };
  for (const [name, value] of Object.entries(parsed)) {
    if (name === 'soft' && typeof value === 'boolean') scope.soft = value;
    else if (name === 'project' && typeof value === 'string' && ID.test(value)) scope.project = value;
    else if (name === 'operation' && typeof value === 'string') scope.operation = value;
    else
      return 'Write {"project": "24 hex digits", "operation": "operation id", "soft": true}, each of them optional.';
  }
  return scope;
}

const wantsPage = (context: Context) =>
  (context.req.method === 'GET' || context.req.method === 'HEAD') &&
  (context.req.header('accept') ?? '').includes('text/html');

/**
 * The admin listener's requests: metrics and probes for everyone, the rest for those who have the token, where there is one: as a bearer
 * token, or as a session of a browser that signed in with it. Where there is none, only under a name of this machine. What changes
 * something is taken from no other site's page.
 */
export function createAdminApp(
  { listensOn }: { readonly listensOn: string },
  {
    metrics,
    unready,
    status,
    pages,
    knowsOperation,
    knowsProject,
    purge,
    token,
    clock,
    random,
    version,
  }: AdminDependencies,
): RequestListener {
  const app = new Hono();
  const sessions = token === undefined ? undefined : createSessions({ token }, { clock, random });
  const limited = bodyLimit({
    maxSize: MAX_BODY_BYTES,
    onError: (context) => error(context, 413, 'PAYLOAD_TOO_LARGE', 'The body is too large.'),
  });

  const signedIn = (context: Context) => sessions?.holds(getCookie(context, SESSION_COOKIE) ?? '') === true;
  const hasToken = (context: Context) => {
    const presented = credentialsOf('bearer', context.req.header('authorization') ?? '');
    return presented !== undefined && sessions?.isToken(presented) === true;
  };

  /** A page, and nothing but it: its one script and style are known by a nonce that is never used again. */
  function page(context: Context, code: 200 | 401, write: (view: PageView) => Promise<string>) {
    const nonce = random.bytes(NONCE_BYTES).toString('base64');
    context.header('Content-Security-Policy', policyFor(nonce));
    return context.html(write({ nonce, signedIn: signedIn(context) }), code);
  }

  const refuseCrossSite = (context: Context) =>
    error(
      context,
      403,
      'CROSS_SITE_FORBIDDEN',
      "This is not taken from another site's page: use the gateway's own status page, or a client that is no browser.",
    );

  app.use('*', async (context, next) => {
    await next();
    context.header('X-Content-Type-Options', 'nosniff');
    context.header('Referrer-Policy', 'no-referrer');
    context.header('Cross-Origin-Resource-Policy', 'same-origin');
    context.header('Cache-Control', 'no-store');
  });
  app.get('/healthz', (context) => context.text('ok\n'));
  app.get('/readyz', (context) => {
    const reason = unready();
    return reason === undefined ? context.text('ready\n') : context.text(`${reason}\n`, 503);
  });
  app.get('/metrics', async (context) => {
    const { contentType, text } = await metrics();
    return context.body(text, 200, { 'Content-Type': contentType });
  });

  app.route(
    '/',
    createDescriptionRoutes(() => describeAdmin(version)),
  );

  app.use('*', async (context, next) => {
    if (sessions === undefined && !namesThisListener(context.req.header('host'), listensOn))
      return error(
        context,
        403,
        'HOST_FORBIDDEN',
        'Without an admin token this listener answers under the names of this machine only: ask for localhost, or configure admin.token.',
      );
    const header = (name: string) => context.req.header(name);
    const { method } = context.req;
    const changes = method !== 'GET' && method !== 'HEAD';
    if (changes && isCrossSite(header)) return refuseCrossSite(context);
    await next();
    return undefined;
  });

  if (sessions !== undefined) {
    app.post('/sign-in', limited, async (context) => {
      const form = await context.req.parseBody();
      const { token: presented, next: wanted } = form;
      const next = typeof wanted === 'string' && OWN_PAGE.test(wanted) ? wanted : '/';
      if (typeof presented !== 'string' || !sessions.isToken(presented.trim()))
        return page(context, 401, (view) => pages.signIn({ next, refused: true }, view));
      setCookie(context, SESSION_COOKIE, sessions.open(), {
        httpOnly: true,
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
      if (hasToken(context) || signedIn(context)) {
        await next();
        return undefined;
      }
      context.header('WWW-Authenticate', 'Bearer realm="atlas-gateway admin"');
      if (wantsPage(context)) {
        const { path } = context.req;
        const wanted = OWN_PAGE.test(path) ? path : '/';
        return page(context, 401, (view) => pages.signIn({ next: wanted, refused: false }, view));
      }
      return error(context, 401, 'UNAUTHENTICATED', 'Present the admin token: Authorization: Bearer ….');
    });
  }

  app.get('/', (context) => page(context, 200, (view) => pages.status(view)));
  app.get('/status.json', (context) => context.json(status()));
  app.get('/projects/:id{[a-f0-9]{24}}/private-link-connections', (context) => {
    const { searchParams } = new URL(context.req.url);
    return page(context, 200, (view) => pages.connections(context.req.param('id'), searchParams, view));
  });
  app.post('/cache/purge', limited, async (context) => {
    const header = (name: string) => context.req.header(name);
    // Forms of other sites cannot send this type: the second lock beside `isCrossSite`.
    if (isBrowsers(header) && !/^application\/json\b/i.test(header('content-type') ?? ''))
      return error(context, 400, 'INVALID_REQUEST', 'Send Content-Type: application/json.');
    const scope = readScope(await context.req.text());
    if (typeof scope === 'string') return error(context, 400, 'INVALID_REQUEST', scope);
    if (scope.operation !== undefined && !knowsOperation(scope.operation))
      return error(context, 404, 'UNKNOWN_OPERATION', 'There is no list operation of that name.');
    if (scope.project !== undefined && !knowsProject(scope.project))
      return error(
        context,
        404,
        'UNKNOWN_PROJECT',
        'Nothing is held of that project, nobody read it, and the configuration does not name it.',
      );
    purge(scope);
    return context.json({ purged: scope });
  });
  app.notFound((context) =>
    error(
      context,
      404,
      'UNKNOWN_OPERATION',
      'Ask /, /metrics, /healthz, /readyz, /status.json or /cache/purge.',
    ),
  );
  const listener = getRequestListener(app.fetch);
  return (request, response) => void listener(request, response);
}
