import { Hono } from 'hono';
import { createRenderedPage } from '../cache/rendered-pages.ts';
import { chooseCoding, matchesEtag } from '../lib/content-coding.ts';
import type { OpenApiDocument } from './openapi-document.ts';

/** The document changes only with the gateway's version, but a rollout may happen at any time. */
const CACHE_CONTROL = 'public, max-age=300';

/** One copy of each representation in the type that Hono takes: a copy per response would multiply with every unread answer. */
const copies = new WeakMap<Buffer, Uint8Array<ArrayBuffer>>();

function sharedBytes(bytes: Buffer): Uint8Array<ArrayBuffer> {
  const known = copies.get(bytes) ?? new Uint8Array(bytes);
  copies.set(bytes, known);
  return known;
}

/** Serves an OpenAPI document at `/openapi.json`. It is built at the first request to keep startup fast. */
export function createDescriptionRoutes(describe: () => OpenApiDocument): Hono {
  const app = new Hono();
  let renderedPage: ReturnType<typeof createRenderedPage> | undefined;
  app.get('/openapi.json', (context) => {
    renderedPage ??= createRenderedPage(Buffer.from(JSON.stringify(describe())));
    const coding = chooseCoding(context.req.header('accept-encoding'));
    const { bytes, etag } = renderedPage.body(coding);
    const headers = { 'Cache-Control': CACHE_CONTROL, ETag: etag, Vary: 'Accept-Encoding' };
    if (matchesEtag(context.req.header('if-none-match'), etag)) return context.body(null, 304, headers);
    return context.body(sharedBytes(bytes), 200, {
      ...headers,
      'Content-Type': 'application/json',
      'Content-Length': String(bytes.length),
      'X-Content-Type-Options': 'nosniff',
      ...(coding === 'identity' ? {} : { 'Content-Encoding': coding }),
    });
  });
  return app;
}
