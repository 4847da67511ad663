import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { TokenAnswer, Tokens } from '../gateway/tokens.ts';
import { clientAddress } from './client-address.ts';

/** What is told of a request that Hono answered. */
export interface RoutedEvent {
  readonly status: number;
  readonly caller?: string;
  readonly reason?: string;
}

const MAX_FORM_BYTES = 16_384;
const MAX_TELEMETRY_BYTES = 1_048_576;
const TOO_LARGE = { error: 'invalid_request', error_description: 'The body is too large.' };

function answer(context: Context, { status, body, retryAfterSeconds }: TokenAnswer): Response {
  context.header('Cache-Control', 'no-store');
  if (retryAfterSeconds !== undefined) context.header('Retry-After', String(retryAfterSeconds));
  if (status === 401) context.header('WWW-Authenticate', 'Basic realm="atlas-gateway"');
  return body === undefined ? context.body(null, status) : context.json(body, status);
}

/**
 * What Atlas's clients ask beside lists: tokens, where their own address is, and somewhere to leave telemetry. Tokens are the gateway's
 * own; the rest is answered harmlessly. Nothing here reaches Atlas.
 */
export function createOauthRoutes(tokens: Tokens, report: (event: RoutedEvent) => void): Hono {
  const app = new Hono();
  const limited = bodyLimit({ maxSize: MAX_FORM_BYTES, onError: (context) => context.json(TOO_LARGE, 413) });
  const route = (path: string, handle: Tokens['trade']) => {
    app.post(path, limited, async (context) => {
      const form = new URLSearchParams(await context.req.text());
      const told = await handle(context.req.header('authorization'), form, clientAddress(context));
      report({
        status: told.status,
        ...(told.caller === undefined ? {} : { caller: told.caller }),
        ...(told.reason === undefined ? {} : { reason: told.reason }),
      });
      return answer(context, told);
    });
  };
  route('/api/oauth/token', tokens.trade);
  route('/api/oauth/revoke', tokens.revoke);
  app.get('/api/private/ipinfo', (context) =>
    context.json({ currentIpv4Address: clientAddress(context) ?? '127.0.0.1' }),
  );
  app.post(
    '/api/private/*',
    bodyLimit({ maxSize: MAX_TELEMETRY_BYTES, onError: (context) => context.body(null, 413) }),
    (context) => context.json({}),
  );
  return app;
}
