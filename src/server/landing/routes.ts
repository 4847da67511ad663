import { type Context, Hono } from 'hono';
import { accepts } from 'hono/accepts';
import type { Operation } from '../../atlas/catalog.ts';
import { createRenderedPage } from '../../cache/rendered-pages.ts';
import type { Access } from '../../gateway/auth/authentication.ts';
import type { ProjectNames } from '../../gateway/project-names.ts';
import type { Clock } from '../../lib/clock.ts';
import { isCrossSite } from '../admin/origin-check.ts';
import type { ServerEnv } from '../bindings.ts';
import { errorAnswer } from '../error-answer.ts';
import { createMethodNotAllowed } from '../method-not-allowed.ts';
import { answerRendered } from '../rendered-answer.ts';
import { type Reply, responseOf } from '../reply.ts';
import { bodyOf } from '../request-body.ts';
import type { ReportAnswer } from '../routed-event.ts';
import { ACCESS_PATH, createAccessCheck } from './access-check.ts';

/** Whether the landing page's form reads the body of such a request. */
export const readsForm = (method: string, path: string): boolean => method === 'POST' && path === ACCESS_PATH;

export interface LandingDependencies {
  readonly operations: readonly Operation[];
  readonly access: Pick<Access, 'authenticate' | 'acquireRequest'>;
  readonly projectNames: ProjectNames;
  readonly publicUrl: () => string;
  readonly clock: Clock;
}

interface LandingOptions extends LandingDependencies {
  readonly version: string;
  readonly report: ReportAnswer;
}

const CROSS_SITE = {
  status: 403,
  errorCode: 'CROSS_SITE_FORBIDDEN',
  detail: "This form can be sent only from the gateway's own page.",
} as const;
const TOO_LARGE = {
  status: 413,
  errorCode: 'PAYLOAD_TOO_LARGE',
  detail: 'The body is too large for a key.',
} as const;

/** Hono writes these answers on sockets too. */
const reply: Reply = (_context, answer) => responseOf(answer);

const prefersHtml = (context: Context<ServerEnv>) =>
  accepts(context, { header: 'Accept', supports: ['text/plain', 'text/html'], default: 'text/plain' }) ===
  'text/html';

/** The landing page for browsers at `/`, and what a key may read at `POST /access`. Other clients get what the next route answers. */
export function createLandingRoutes({
  operations,
  access,
  projectNames,
  publicUrl,
  clock,
  version,
  report,
}: LandingOptions): Hono<ServerEnv> {
  const app = new Hono<ServerEnv>();
  const check = createAccessCheck(operations, { ...access, projectNames, clock });
  /** Rendered for the URL that clients use, which is known only once the gateway listens. */
  let rendered: { readonly url: string; readonly page: ReturnType<typeof createRenderedPage> } | undefined;

  async function landingPage(): Promise<ReturnType<typeof createRenderedPage>> {
    const url = publicUrl();
    if (rendered?.url === url) return rendered.page;
    const { writeLandingPage } = await import('./page.tsx');
    const page = createRenderedPage(Buffer.from(writeLandingPage({ operations, publicUrl: url, version })));
    rendered = { url, page };
    return page;
  }

  async function setPolicy(context: Context<ServerEnv>): Promise<void> {
    const { landingPolicy } = await import('./content-policy.ts');
    context.header('Content-Security-Policy', landingPolicy());
  }

  app.get('/', async (context, next) => {
    context.header('Vary', 'Accept');
    if (!prefersHtml(context)) {
      await next();
      return undefined;
    }
    await setPolicy(context);
    return answerRendered(context, await landingPage(), {
      'Content-Type': 'text/html; charset=UTF-8',
      'Cache-Control': 'public, max-age=300',
    });
  });

  app.post(ACCESS_PATH, async (context) => {
    const requestId = context.get('requestId');
    if (isCrossSite((name) => context.req.header(name)))
      return reply(context, errorAnswer(CROSS_SITE, requestId));
    const body = await bodyOf(context);
    if (body === undefined) return reply(context, errorAnswer(TOO_LARGE, requestId));
    const key = (new URLSearchParams(body).get('key') ?? '').trim();
    const { status, result, retryAfterSeconds, ...who } = await check(key, context.get('identity').clientIp);
    const { writeAccessPage } = await import('./page.tsx');
    await setPolicy(context);
    context.header('Cache-Control', 'no-store');
    if (retryAfterSeconds !== undefined) context.header('Retry-After', String(retryAfterSeconds));
    const page = writeAccessPage(result, publicUrl());
    report(context, { status, bytes: Buffer.byteLength(page), ...who });
    return context.html(page, status);
  });
  app.all(ACCESS_PATH, createMethodNotAllowed(['POST'], { reply, report }));
  return app;
}
