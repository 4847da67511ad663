import { randomBytes } from 'node:crypto';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { decodeBody } from '../../src/upstream/decode-body.ts';

const MIB = 1_048_576;
const zeros = Buffer.alloc(8 * MIB);

describe.each([
  ['gzip', gzipSync],
  ['br', brotliCompressSync],
  ['deflate', deflateSync],
] as const)('a body in %s', (coding, encode) => {
  const decoded = async (body: Buffer, maxBytes = 32 * MIB) => {
    const result = await decodeBody(body, coding, maxBytes);
    return Buffer.isBuffer(result) ? result.length : result.code;
  };

  test('decodes to a mebibyte, regardless of its encoded size', async () => {
    expect(await decoded(encode(zeros.subarray(0, MIB)))).toBe(MIB);
  });

  test('is too large if it decodes to more than a mebibyte and more than a hundred times its encoded size', async () => {
    expect(await decoded(encode(zeros.subarray(0, MIB + 1)))).toBe('UPSTREAM_TOO_LARGE');
  });

  test('decodes to a hundred times its encoded size, up to the maximum', async () => {
    const encoded = encode(Buffer.concat([randomBytes(MIB / 8), zeros]));
    expect(await decoded(encoded)).toBe(MIB / 8 + zeros.length);
    expect(await decoded(encoded, 4 * MIB)).toBe('UPSTREAM_TOO_LARGE');
  });

  test('is invalid if it is truncated', async () => {
    const cut = encode(Buffer.from('text')).subarray(0, -3);
    expect(await decoded(cut)).toBe('UPSTREAM_BAD_BODY');
  });
});
