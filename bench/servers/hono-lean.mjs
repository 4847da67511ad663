// Minimal Hono: router, a Map, c.body.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { answerFromMap } from './hono-map.mjs';
import { port } from './upstream.mjs';

const app = new Hono();
app.get('/api/atlas/v2/*', answerFromMap());
serve({ fetch: app.fetch, port, hostname: '127.0.0.1' });
