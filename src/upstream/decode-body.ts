import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { codeOfError } from '../lib/error-code.ts';
import { upstreamFailure } from './failure.ts';
import type { UpstreamFailure } from './message.ts';

const DECODERS = new Map([
  ['gzip', promisify(gunzip)],
  ['x-gzip', promisify(gunzip)],
  ['br', promisify(brotliDecompress)],
  ['deflate', promisify(inflate)],
]);

/** The content coding of a body; `identity` if the header is missing or empty. */
export function codingOf(contentEncoding: string | undefined): string {
  const coding = contentEncoding?.trim().toLowerCase() ?? '';
  return coding === '' ? 'identity' : coding;
}

/** A body may decode to this many bytes regardless of its encoded size, and beyond that to at most this multiple of the encoded size. */
const FREE_BYTES = 1_048_576;
const MAX_RATIO = 100;

/**
 * Decodes a body to at most `maxBytes` and within `MAX_RATIO`. Stacked content codings are rejected: Atlas never sends them, and
 * decompression bombs rely on them.
 */
export async function decodeBody(
  body: Buffer,
  coding: string,
  maxBytes: number,
): Promise<Buffer | UpstreamFailure> {
  if (coding.includes(','))
    return upstreamFailure('UPSTREAM_TOO_LARGE', 'Atlas sent a body with several content codings.');
  const decoder = DECODERS.get(coding);
  if (decoder === undefined)
    return upstreamFailure('UPSTREAM_BAD_BODY', 'Atlas sent a body with an unknown content coding.');
  const limit = Math.min(maxBytes, Math.max(FREE_BYTES, MAX_RATIO * body.length));
  try {
    return await decoder(body, { maxOutputLength: limit });
  } catch (error) {
    return codeOfError(error) === 'ERR_BUFFER_TOO_LARGE'
      ? upstreamFailure(
          'UPSTREAM_TOO_LARGE',
          `Atlas sent ${body.length} bytes that decode to more than ${limit}.`,
        )
      : upstreamFailure('UPSTREAM_BAD_BODY', 'Atlas sent a body that cannot be decoded.');
  }
}
