import { createHash } from 'node:crypto';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { hold } from './freshness.ts';
import { createMemoryTier } from './memory-tier.ts';

/** Content codings a rendering is kept in; `identity` is the plain one. */
export type Coding = 'identity' | 'br' | 'gzip';

/** A page as it is sent: its bytes by coding, and a strong entity tag for each, which differ as their bytes do (RFC 9110 section 8.8.3). */
export interface Rendering {
  body(coding: Coding): { readonly bytes: Buffer; readonly etag: string };
}

const MIN_COMPRESSED_BYTES = 1_024;
const BROTLI_QUALITY = 4;
const FOREVER = hold(0, { freshMs: Number.MAX_SAFE_INTEGER, staleWhileRevalidateMs: 0, staleIfErrorMs: 0 });
const OVERHEAD_BYTES = 512;

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

/** A body prepared once: hashed when it is made, compressed when a coding is first asked for. Too small a body is not compressed. */
export function createRendering(plain: Buffer): Rendering & { readonly compressible: boolean } {
  const tag = createHash('sha256').update(plain).digest('base64url').slice(0, 27);
  const made = new Map<Coding, { bytes: Buffer; etag: string }>([
    ['identity', { bytes: plain, etag: `"${tag}"` }],
  ]);
  return {
    compressible: plain.length >= MIN_COMPRESSED_BYTES,
    body(coding) {
      const known = made.get(coding);
      if (known !== undefined) return known;
      const fresh = { bytes: compress(plain, coding), etag: `"${tag}-${coding}"` };
      made.set(coding, fresh);
      return fresh;
    },
  };
}

/** Renderings by project and key, bounded in bytes like the lists they are made from. */
export function createRenderings(options: { maxBytes: number; projectShare: number }) {
  const tier = createMemoryTier<ReturnType<typeof createRendering>>(options, () => undefined);
  return {
    /** The rendering kept for `key`, or the one `render` makes, then kept. A key must never stand for two bodies. */
    get(project: string, key: string, render: () => Buffer): ReturnType<typeof createRendering> {
      const known = tier.get(project, key);
      if (known !== undefined) return known.value;
      const plain = render();
      const value = createRendering(plain);
      // Counted with room for both compressed forms, each shorter than the plain one.
      tier.set(project, key, { value, held: FOREVER, bytes: 2 * plain.length + OVERHEAD_BYTES, sequence: 0 });
      return value;
    },
    get bytes() {
      return tier.bytes;
    },
  };
}
