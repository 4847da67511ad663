import { type Context, Hono } from 'hono';
import type { TokenResponse, Tokens } from '../gateway/auth/token-service.ts';
import { clientAddress } from './client-address.ts';
import { createMethodNotAllowed } from './method-not-allowed.ts';
import { type BodyBindings, bodyOf } from './request-body.ts';
import type { RoutedEvent } from './routed-event.ts';

const TOO_LARGE = { error: 'invalid_request', error_description: 'The body is too large.' };

function toResponse(context: Context, { status, body, retryAfterSeconds }: TokenResponse): Response {
  context.header('Cache-Control', 'no-store');
  if (retryAfterSeconds !== undefined) context.header('Retry-After', String(retryAfterSeconds));
  if (status === 401) context.header('WWW-Authenticate', 'Basic realm="atlas-gateway"');
  return body === undefined ? context.body(null, status) : context.json(body, status);
}

/**
 * Endpoints other than lists that Atlas clients call: tokens, their own IP address, and telemetry. The gateway issues its own tokens; the
 * others get inert responses. None of these requests is forwarded to Atlas.
 */
export function createOauthRoutes(tokens: Tokens, report: (event: RoutedEvent) => void): Hono<BodyBindings> {
  const app = new Hono<BodyBindings>();
  const route = (path: string, handle: Tokens['issue']) => {
    app.post(path, async (context) => {
      const body = await bodyOf(context);
      if (body === undefined) return context.json(TOO_LARGE, 413);
      const form = new URLSearchParams(body);
      const issued = await handle(context.req.header('authorization'), form, clientAddress(context));
      report({
        status: issued.status,
        method: context.req.method,
        path: context.req.path,
        ...(issued.caller === undefined ? {} : { caller: issued.caller }),
        ...(issued.reason === undefined ? {} : { reason: issued.reason }),
      });
      return toResponse(context, issued);
    });
    app.all(path, createMethodNotAllowed(['POST'], report));
  };
  route('/api/oauth/token', tokens.issue);
  route('/api/oauth/revoke', tokens.revoke);
  app.get('/api/private/ipinfo', (context) =>
    context.json({ currentIpv4Address: clientAddress(context) ?? '127.0.0.1' }),
  );
  app.post('/api/private/*', (context) => context.json({}));
  app.all('/api/private/ipinfo', createMethodNotAllowed(['GET', 'HEAD', 'POST'], report));
  return app;
}
