import { Hono } from 'hono';

/** HAProxy before 2.2 probes with OPTIONS. */
const PROBE_METHODS = ['GET', 'OPTIONS'];

/** The liveness and readiness probes. `unready` returns why the gateway is not ready, undefined if it is. */
export function createHealthRoutes(unready: () => string | undefined): Hono {
  const app = new Hono();
  app.on(PROBE_METHODS, '/healthz', (context) => context.text('ok\n'));
  app.on(PROBE_METHODS, '/readyz', (context) => {
    const reason = unready();
    return reason === undefined ? context.text('ready\n') : context.text(`${reason}\n`, 503);
  });
  return app;
}
