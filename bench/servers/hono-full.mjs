// A typical Hono service: a middleware that logs requests with pino, one that counts and times them with prom-client,
// one that checks a bearer token, and a Map behind the router.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { bearerAuth } from 'hono/bearer-auth';
import { requestId } from 'hono/request-id';
import pino from 'pino';
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { answerFromMap } from './hono-map.mjs';
import { port } from './upstream.mjs';

const log = pino();
const registry = new Registry();
collectDefaultMetrics({ register: registry });
const labelNames = ['method', 'route', 'status'];
const requests = new Counter({
  name: 'requests_total',
  help: 'Requests.',
  labelNames,
  registers: [registry],
});
const durations = new Histogram({
  name: 'request_duration_seconds',
  help: 'Durations.',
  labelNames,
  registers: [registry],
});

const app = new Hono();
app.use(requestId());
app.use(async (c, next) => {
  const startedAt = performance.now();
  await next();
  log.info(
    {
      requestId: c.get('requestId'),
      method: c.req.method,
      path: c.req.path,
      status: c.res.status,
      durationMs: performance.now() - startedAt,
    },
    'request',
  );
});
app.use(async (c, next) => {
  const startedAt = performance.now();
  await next();
  const labels = { method: c.req.method, route: '/api/atlas/v2/*', status: String(c.res.status) };
  requests.inc(labels);
  durations.observe(labels, (performance.now() - startedAt) / 1_000);
});
app.get('/metrics', async (c) => c.text(await registry.metrics()));
app.use('/api/*', bearerAuth({ token: process.env.TOKEN }));
app.get('/api/atlas/v2/*', answerFromMap());
serve({ fetch: app.fetch, port, hostname: '127.0.0.1' });
