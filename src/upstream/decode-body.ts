import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { failed } from './failure.ts';
import type { UpstreamFailure } from './message.ts';

const DECODERS = new Map([
  ['gzip', promisify(gunzip)],
  ['x-gzip', promisify(gunzip)],
  ['br', promisify(brotliDecompress)],
  ['deflate', promisify(inflate)],
]);

/** What a body is coded with; `identity` where it is not. */
export function codingOf(contentEncoding: string | undefined): string {
  const coding = contentEncoding?.trim().toLowerCase() ?? '';
  return coding === '' ? 'identity' : coding;
}

/** A body without its content coding, at most `maxBytes` long. Stacked codings are refused: Atlas never sends them, bombs are made of them. */
export async function decodeBody(
  body: Buffer,
  coding: string,
  maxBytes: number,
): Promise<Buffer | UpstreamFailure> {
  if (coding.includes(','))
    return failed('UPSTREAM_TOO_LARGE', 'Atlas sent a body with several content codings.');
  const decoder = DECODERS.get(coding);
  if (decoder === undefined)
    return failed('UPSTREAM_BAD_BODY', 'Atlas sent a body with an unknown content coding.');
  try {
    return await decoder(body, { maxOutputLength: maxBytes });
  } catch (error) {
    const tooLarge = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    return tooLarge
      ? failed('UPSTREAM_TOO_LARGE', `Atlas sent a body of more than ${maxBytes} bytes.`)
      : failed('UPSTREAM_BAD_BODY', 'Atlas sent a body that does not decode.');
  }
}
