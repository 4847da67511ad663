import { Hono } from 'hono';
import { createRenderedPage } from '../cache/rendered-pages.ts';
import { chooseCoding, matchesEtag } from '../lib/content-coding.ts';
import type { ServerEnv } from './bindings.ts';

/** The document changes only with the gateway's version, but a rollout may happen at any time. */
const CACHE_CONTROL = 'public, max-age=300';

/** One copy of each representation in the type that Hono takes: a copy per response would multiply with every unread answer. */
const copies = new WeakMap<Buffer, Uint8Array<ArrayBuffer>>();

function sharedBytes(bytes: Buffer): Uint8Array<ArrayBuffer> {
  const known = copies.get(bytes) ?? new Uint8Array(bytes);
  copies.set(bytes, known);
  return known;
}

/** Serves the OpenAPI document of a listener at `/openapi.json`. It is read at the first request to keep startup fast. */
export function createDescriptionRoutes(listener: 'public' | 'admin', version: string): Hono<ServerEnv> {
  const app = new Hono<ServerEnv>();
  let loading: Promise<ReturnType<typeof createRenderedPage>> | undefined;
  async function load() {
    const { publicDocument, adminDocument } = await import('./openapi-documents.ts');
    const render = listener === 'public' ? publicDocument : adminDocument;
    return createRenderedPage(Buffer.from(render(version)));
  }
  app.get('/openapi.json', async (context) => {
    loading ??= load();
    const renderedPage = await loading;
    const coding = chooseCoding(context.req.header('accept-encoding'));
    const { bytes, etag } = await renderedPage.body(coding);
    const headers = { 'Cache-Control': CACHE_CONTROL, ETag: etag, Vary: 'Accept-Encoding' };
    if (matchesEtag(context.req.header('if-none-match'), etag)) return context.body(null, 304, headers);
    return context.body(sharedBytes(bytes), 200, {
      ...headers,
      'Content-Type': 'application/json',
      'Content-Length': String(bytes.length),
      ...(coding === 'identity' ? {} : { 'Content-Encoding': coding }),
    });
  });
  return app;
}
