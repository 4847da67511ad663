import { createHash } from 'node:crypto';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { hold } from './freshness.ts';
import { createMemoryTier } from './memory-tier.ts';

/** Content codings a rendering is kept in; `identity` is the plain one. */
export type Coding = 'identity' | 'br' | 'gzip';

/** A page as it is sent in one coding, with its strong entity tag, which differs as the bytes do (RFC 9110 section 8.8.3). */
export interface Body<Prepared> {
  readonly bytes: Buffer;
  readonly etag: string;
  /** A short body as Latin-1 characters: written quicker than a buffer. */
  readonly text: string | undefined;
  /** What is prepared once to be sent with these bytes, and goes when they go. */
  prepared?: Prepared;
}

/** A page in the codings that were asked for. */
export interface Rendering<Prepared> {
  /** Whether other codings than `identity` are worth it. */
  readonly compressible: boolean;
  body(coding: Coding): Body<Prepared>;
}

const MIN_COMPRESSED_BYTES = 1_024;
/** Past it, copying the text costs more than a second write. */
const MAX_TEXT_BYTES = 16_384;
const BROTLI_QUALITY = 4;
const FOREVER = hold(0, { freshMs: Number.MAX_SAFE_INTEGER, staleWhileRevalidateMs: 0, staleIfErrorMs: 0 });
/** Counted for each page: keys, tags and prepared heads. */
const OVERHEAD_BYTES = 2_048;

function compress(plain: Buffer, coding: Coding): Buffer {
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

/** A body prepared once: hashed when it is made, compressed when a coding is first asked for. Too small a body is not compressed. */
export function createRendering<Prepared = never>(plain: Buffer): Rendering<Prepared> {
  const tag = createHash('sha256').update(plain).digest('base64url').slice(0, 27);
  const identity: Body<Prepared> = { bytes: plain, etag: `"${tag}"`, text: shortText(plain) };
  const made = new Map<Coding, Body<Prepared>>();
  return {
    compressible: plain.length >= MIN_COMPRESSED_BYTES,
    body(coding) {
      if (coding === 'identity') return identity;
      const known = made.get(coding);
      if (known !== undefined) return known;
      const bytes = compress(plain, coding);
      const fresh: Body<Prepared> = { bytes, etag: `"${tag}-${coding}"`, text: shortText(bytes) };
      made.set(coding, fresh);
      return fresh;
    },
  };
}

/** Renderings by project and key, bounded in bytes like the lists they are made from. */
export function createRenderings<Prepared>(options: { maxBytes: number; projectShare: number }) {
  const tier = createMemoryTier<Rendering<Prepared>>(options, () => undefined);
  return {
    /** The rendering kept for `key`, or the one `render` makes, then kept. A key must never stand for two bodies. */
    get(project: string, key: string, render: () => Buffer): Rendering<Prepared> {
      const known = tier.get(project, key);
      if (known !== undefined) return known.value;
      const plain = render();
      const value = createRendering<Prepared>(plain);
      // Counted with room for both compressed forms, each shorter than the plain one, and for texts.
      const forms = plain.length <= MAX_TEXT_BYTES ? 4 : 2;
      tier.set(project, key, {
        value,
        held: FOREVER,
        bytes: forms * plain.length + OVERHEAD_BYTES,
        sequence: 0,
      });
      return value;
    },
    get bytes() {
      return tier.bytes;
    },
  };
}
