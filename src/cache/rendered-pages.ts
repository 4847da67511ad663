import { createHash } from 'node:crypto';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { compactBuffer } from '../lib/compact-buffer.ts';
import { freshnessWindow } from './freshness.ts';
import { createMemoryTier } from './memory-tier.ts';

/** Content codings a rendering is kept in; `identity` is the plain one. */
export type ContentCoding = 'identity' | 'br' | 'gzip';

/** A page as it is sent in one coding, with its strong entity tag, which differs as the bytes do (RFC 9110 section 8.8.3). */
export interface Representation<CachedHead> {
  readonly bytes: Buffer;
  readonly etag: string;
  /** A short body as Latin-1 characters: written quicker than a buffer. */
  readonly text: string | undefined;
  /** What is prepared once to be sent with these bytes, and goes when they go. */
  cachedHead?: CachedHead;
}

/** A page in the codings that were asked for. */
export interface RenderedPage<CachedHead> {
  /** Whether other codings than `identity` are worth it. */
  readonly compressible: boolean;
  body(coding: ContentCoding): Representation<CachedHead>;
}

const MIN_COMPRESSED_BYTES = 1_024;
/** Past it, copying the text costs more than a second write. */
const MAX_TEXT_BYTES = 16_384;
const BROTLI_QUALITY = 4;
const FOREVER = freshnessWindow(0, {
  freshMs: Number.MAX_SAFE_INTEGER,
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 0,
});
/** Counted for a page that has been requested once, in addition to the length of its key: what the tier keeps for it. */
const PLACE_BYTES = 512;
/** Counted besides for a page that is kept, and for each of its forms beside the bytes: objects, tags, prepared heads. */
const PAGE_BYTES = 384;
const FORM_BYTES = 2_048;

function compress(plain: Buffer, coding: ContentCoding): Buffer {
  switch (coding) {
    case 'identity':
      return plain;
    case 'br':
      return brotliCompressSync(plain, {
        params: {
          [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
          [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
        },
      });
    case 'gzip':
      return gzipSync(plain);
  }
}

const shortText = (bytes: Buffer) => (bytes.length <= MAX_TEXT_BYTES ? bytes.toString('latin1') : undefined);

/** Bytes that a form of a page is counted with. */
const bytesOf = ({ bytes, text }: Representation<unknown>) => bytes.length + (text?.length ?? 0) + FORM_BYTES;
const placeBytes = (key: string) => PLACE_BYTES + key.length;
const keptBytes = (key: string, page: RenderedPage<unknown>) =>
  placeBytes(key) + PAGE_BYTES + bytesOf(page.body('identity'));

/**
 * A body prepared once: hashed when it is made, compressed when a coding is first asked for, of which `onMore` is told. Too small a body is
 * not compressed.
 */
export function createRenderedPage<CachedHead = never>(
  page: Buffer,
  onMore: (body: Representation<CachedHead>) => void = () => undefined,
): RenderedPage<CachedHead> {
  const plain = compactBuffer(page);
  const tag = createHash('sha256').update(plain).digest('base64url').slice(0, 27);
  const identity: Representation<CachedHead> = { bytes: plain, etag: `"${tag}"`, text: shortText(plain) };
  const made: Partial<Record<ContentCoding, Representation<CachedHead>>> = { identity };
  return {
    compressible: plain.length >= MIN_COMPRESSED_BYTES,
    body(coding) {
      const known = made[coding];
      if (known !== undefined) return known;
      const bytes = compactBuffer(compress(plain, coding));
      const fresh: Representation<CachedHead> = { bytes, etag: `"${tag}-${coding}"`, text: shortText(bytes) };
      made[coding] = fresh;
      onMore(fresh);
      return fresh;
    },
  };
}

/** Renderings by project and key, bounded in bytes like the lists they are made from. */
export function createRenderedPages<CachedHead>(options: { maxBytes: number; projectShare: number }) {
  const tier = createMemoryTier<RenderedPage<CachedHead> | undefined>(options, () => undefined);
  const entryOf = (value: RenderedPage<CachedHead> | undefined, bytes: number) => ({
    value,
    window: FOREVER,
    bytes,
    sequence: 0,
  });

  /** What grew by a form is counted anew, and kept no longer where it is too large by now. */
  function recount(project: string, key: string, value: RenderedPage<CachedHead>, more: number): void {
    const stored = tier.get(project, key);
    if (stored?.value !== value) return;
    if (!tier.set(project, key, entryOf(value, stored.bytes + more))) tier.delete(project, key);
  }

  return {
    /**
     * The rendering kept for `key`, or the one `render` makes. It is kept from the second time on: most lists are asked for once while they
     * are fresh, and a short page that is kept ready costs twice its bytes. A key must never stand for two bodies.
     */
    get(project: string, key: string, render: () => Buffer): RenderedPage<CachedHead> {
      const known = tier.get(project, key);
      if (known?.value !== undefined) return known.value;
      const value = createRenderedPage<CachedHead>(render(), (body) =>
        recount(project, key, value, bytesOf(body)),
      );
      const stored =
        known === undefined ? entryOf(undefined, placeBytes(key)) : entryOf(value, keptBytes(key, value));
      tier.set(project, key, stored);
      return value;
    },
    get bytes() {
      return tier.bytes;
    },
  };
}
