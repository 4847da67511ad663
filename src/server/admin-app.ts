import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { renderApiError } from '../atlas/api-error.ts';

export interface AdminDependencies {
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  /** Undefined where the gateway is ready; else why not. */
  readonly unready: () => string | undefined;
  readonly status: () => unknown;
  readonly knowsOperation: (name: string) => boolean;
  readonly purge: (scope: { project?: string; operation?: string; soft: boolean }) => void;
  /** Absent: the listener is on loopback and asks for none. */
  readonly token?: () => string;
}

const ID = /^[a-f0-9]{24}$/;
const MAX_BODY_BYTES = 4_096;

function error(context: Context, status: 400 | 401 | 404 | 413, errorCode: string, detail: string) {
  const body = renderApiError({ status, errorCode, detail });
  return context.body(body.toString(), status, {
    'Content-Type': 'application/json',
    'X-Error-Code': errorCode,
  });
}

const digest = (text: string) => createHash('sha256').update(text).digest();

function readScope(text: string): { project?: string; operation?: string; soft: boolean } | string {
  let parsed: unknown;
  try {
    parsed = text === '' ? {} : JSON.parse(text);
  } catch {
    return 'The body is not JSON.';
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    return 'The body must be an object.';
  const scope: { project?: string; operation?: string; soft: boolean } = { soft: false };
  for (const [name, value] of Object.entries(parsed)) {
    if (name === 'soft' && typeof value === 'boolean') scope.soft = value;
    else if (name === 'project' && typeof value === 'string' && ID.test(value)) scope.project = value;
    else if (name === 'operation' && typeof value === 'string') scope.operation = value;
    else
      return 'Write {"project": "24 hex digits", "operation": "operation id", "soft": true}, each of them optional.';
  }
  return scope;
}

/** The admin listener's requests: metrics and probes for everyone, the rest for those who have the token, where there is one. */
export function createAdminApp({
  metrics,
  unready,
  status,
  knowsOperation,
  purge,
  token,
}: AdminDependencies): RequestListener {
  const app = new Hono();
  app.get('/healthz', (context) => context.text('ok\n'));
  app.get('/readyz', (context) => {
    const reason = unready();
    return reason === undefined ? context.text('ready\n') : context.text(`${reason}\n`, 503);
  });
  app.get('/metrics', async (context) => {
    const { contentType, text } = await metrics();
    return context.body(text, 200, { 'Content-Type': contentType });
  });
  app.use('*', async (context, next) => {
    const presented = /^bearer +(\S+)$/i.exec(context.req.header('authorization') ?? '')?.[1] ?? '';
    if (token !== undefined && !timingSafeEqual(digest(presented), digest(token()))) {
      context.header('WWW-Authenticate', 'Bearer realm="atlas-gateway admin"');
      return error(context, 401, 'UNAUTHENTICATED', 'Present the admin token: Authorization: Bearer ….');
    }
    await next();
    return undefined;
  });
  app.get('/status.json', (context) => context.json(status(), 200, { 'Cache-Control': 'no-store' }));
  const limited = bodyLimit({
    maxSize: MAX_BODY_BYTES,
    onError: (context) => error(context, 413, 'PAYLOAD_TOO_LARGE', 'The body is too large.'),
  });
  app.post('/cache/purge', limited, async (context) => {
    const scope = readScope(await context.req.text());
    if (typeof scope === 'string') return error(context, 400, 'INVALID_REQUEST', scope);
    if (scope.operation !== undefined && !knowsOperation(scope.operation))
      return error(context, 404, 'UNKNOWN_OPERATION', 'There is no list operation of that name.');
    purge(scope);
    return context.json({ purged: scope });
  });
  app.notFound((context) =>
    error(
      context,
      404,
      'UNKNOWN_OPERATION',
      'Ask /metrics, /healthz, /readyz, /status.json or /cache/purge.',
    ),
  );
  const listener = getRequestListener(app.fetch);
  return (request, response) => void listener(request, response);
}
