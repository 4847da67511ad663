import { Hono } from 'hono';
import type { ServerEnv } from './bindings.ts';

/** HAProxy before 2.2 probes with OPTIONS. */
export const PROBE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

export const HEALTH_PATHS = ['/healthz', '/readyz'] as const;

/** The liveness and readiness probes. `unready` returns why the gateway is not ready, undefined if it is. */
export function createHealthRoutes(unready: () => string | undefined): Hono<ServerEnv> {
  const app = new Hono<ServerEnv>();
  app.on(PROBE_METHODS, '/healthz', (context) => context.text('ok\n'));
  app.on(PROBE_METHODS, '/readyz', (context) => {
    const reason = unready();
    return reason === undefined ? context.text('ready\n') : context.text(`${reason}\n`, 503);
  });
  return app;
}
