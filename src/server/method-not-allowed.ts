import type { Context } from 'hono';
import { renderApiError } from '../atlas/api-error.ts';
import type { RoutedEvent } from './routed-event.ts';

/** Answers 405 with `Allow` (RFC 9110 section 15.5.6); the last handler of a path that supports other methods. */
export function createMethodNotAllowed(methods: readonly string[], report: (event: RoutedEvent) => void) {
  const allow = methods.join(', ');
  const body = renderApiError({
    status: 405,
    errorCode: 'METHOD_NOT_ALLOWED',
    detail: `This path supports only ${allow}.`,
  }).toString();
  return ({ req, body: respond }: Context): Response => {
    report({ status: 405, method: req.method, path: req.path, errorCode: 'METHOD_NOT_ALLOWED' });
    return respond(body, 405, {
      Allow: allow,
      'Cache-Control': 'no-store',
      'Content-Type': 'application/json',
      'X-Error-Code': 'METHOD_NOT_ALLOWED',
    });
  };
}
