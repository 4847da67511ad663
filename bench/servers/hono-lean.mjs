// Hono with as little as it takes: its router, a Map, c.body.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { keyOf, load, port } from './upstream.mjs';

const answers = new Map();
const app = new Hono();
app.get('/api/atlas/v2/*', async (c) => {
  const acceptEncoding = c.req.header('accept-encoding');
  const target = c.req.url.slice(c.req.url.indexOf('/api/'));
  const key = keyOf(target, acceptEncoding);
  let answer = answers.get(key);
  if (answer === undefined) {
    answer = await load(target, { accept: c.req.header('accept'), acceptEncoding });
    answers.set(key, answer);
  }
  const { body, headers, etag } = answer;
  return c.req.header('if-none-match') === etag
    ? c.body(null, 304, { ETag: etag })
    : c.body(body, 200, headers);
});
serve({ fetch: app.fetch, port, hostname: '127.0.0.1' });
