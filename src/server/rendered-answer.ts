import type { Context } from 'hono';
import type { createRenderedPage } from '../cache/rendered-pages.ts';
import { chooseCoding, matchesEtag } from '../lib/content-coding.ts';

/** One copy of each representation in the type that Hono takes: a copy per response would multiply with every unread answer. */
const copies = new WeakMap<Buffer, Uint8Array<ArrayBuffer>>();

function sharedBytes(bytes: Buffer): Uint8Array<ArrayBuffer> {
  const known = copies.get(bytes) ?? new Uint8Array(bytes);
  copies.set(bytes, known);
  return known;
}

/** Answers with a document that was rendered once: in the coding that the client accepts, or 304 if it has the document. */
export async function answerRendered(
  context: Context,
  page: ReturnType<typeof createRenderedPage>,
  more: Readonly<Record<'Content-Type' | 'Cache-Control', string>>,
): Promise<Response> {
  const coding = chooseCoding(context.req.header('accept-encoding'));
  const { bytes, etag } = await page.body(coding);
  context.header('Cache-Control', more['Cache-Control']);
  context.header('ETag', etag);
  context.header('Vary', 'Accept-Encoding', { append: true });
  if (matchesEtag(context.req.header('if-none-match'), etag)) return context.body(null, 304);
  return context.body(sharedBytes(bytes), 200, {
    'Content-Type': more['Content-Type'],
    'Content-Length': String(bytes.length),
    ...(coding === 'identity' ? {} : { 'Content-Encoding': coding }),
  });
}
