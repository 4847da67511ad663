import { type Context, Hono } from 'hono';
import type { TokenResponse, Tokens } from '../gateway/auth/token-service.ts';
import type { CompletedResponse } from '../gateway/response.ts';
import type { ServerEnv } from './bindings.ts';
import { createMethodNotAllowed } from './method-not-allowed.ts';
import type { Reply } from './reply.ts';
import { bodyOf } from './request-body.ts';
import type { ReportAnswer } from './routed-event.ts';

const TOKEN = '/api/oauth/token';
const REVOKE = '/api/oauth/revoke';
const ADDRESS = '/api/private/ipinfo';
/** Where Atlas clients send telemetry, with and without credentials. */
const TELEMETRY = ['/api/private/unauth/telemetry/events', '/api/private/v1.0/telemetry/events'] as const;
const POSTED: ReadonlySet<string> = new Set([TOKEN, REVOKE, ...TELEMETRY]);

/** The paths that these routes answer. */
export const OAUTH_PATHS = [TOKEN, REVOKE, ADDRESS, ...TELEMETRY] as const;

/** Whether one of these routes reads the body of such a request. */
export function readsBody(method: string, path: string): boolean {
  return method === 'POST' && POSTED.has(path);
}

/** What the token endpoints call. */
export type TokenEndpoints = Pick<Tokens, 'issue' | 'revoke'>;

/** A token response, or one of the same form. */
type OauthAnswer = Pick<TokenResponse, 'body' | 'retryAfterSeconds'> & { readonly status: number };

const TOO_LARGE: OauthAnswer = {
  status: 413,
  body: { error: 'invalid_request', error_description: 'The body is too large.' },
};

/** A token response as RFC 6749 section 5 describes it; like all tokens and errors, it must not be cached. */
function answerOf({ status, body, retryAfterSeconds }: OauthAnswer, requestId: string): CompletedResponse {
  const bytes = Buffer.from(body === undefined ? '' : JSON.stringify(body));
  const headers = ['Cache-Control', 'no-store', 'Content-Length', String(bytes.length)];
  if (body !== undefined) headers.push('Content-Type', 'application/json');
  if (retryAfterSeconds !== undefined) headers.push('Retry-After', String(retryAfterSeconds));
  if (status === 401) headers.push('WWW-Authenticate', 'Basic realm="atlas-gateway"');
  return { status, head: { headers }, body: bytes, requestId };
}

/**
 * Endpoints other than lists that Atlas clients call: tokens, their own IP address, and telemetry. The gateway issues its own tokens; the
 * others get inert responses. None of these requests is forwarded to Atlas.
 */
export function createOauthRoutes(
  tokens: TokenEndpoints,
  { reply, report }: { readonly reply: Reply; readonly report: ReportAnswer },
): Hono<ServerEnv> {
  const app = new Hono<ServerEnv>();
  const clientAddress = (context: Context<ServerEnv>) => context.get('identity').clientIp;
  const send = (context: Context<ServerEnv>, response: OauthAnswer) =>
    reply(context, answerOf(response, context.get('requestId')));
  const route = (path: string, handle: Tokens['issue']) => {
    app.post(path, async (context) => {
      const body = await bodyOf(context);
      if (body === undefined) return send(context, TOO_LARGE);
      const form = new URLSearchParams(body);
      const issued = await handle(context.req.header('authorization'), form, clientAddress(context));
      const answer = answerOf(issued, context.get('requestId'));
      const { status, caller, reason } = issued;
      report(context, {
        status,
        bytes: answer.body.length,
        ...(caller === undefined ? {} : { caller }),
        ...(reason === undefined ? {} : { reason }),
      });
      return reply(context, answer);
    });
    app.all(path, createMethodNotAllowed(['POST'], { reply, report }));
  };
  route(TOKEN, tokens.issue);
  route(REVOKE, tokens.revoke);
  app.get(ADDRESS, (context) =>
    send(context, {
      status: 200,
      body: { currentIpv4Address: clientAddress(context) ?? '127.0.0.1' },
    }),
  );
  app.all(ADDRESS, createMethodNotAllowed(['GET', 'HEAD'], { reply, report }));
  for (const path of TELEMETRY) {
    app.post(path, (context) => send(context, { status: 200, body: {} }));
    app.all(path, createMethodNotAllowed(['POST'], { reply, report }));
  }
  return app;
}
