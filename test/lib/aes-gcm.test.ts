import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decrypt, deriveKeyFor, encrypt, IV_BYTES } from '../../src/lib/aes-gcm.ts';

const bytes = fc.uint8Array({ maxLength: 64 }).map((array) => Buffer.from(array));
const envelope = {
  key: deriveKeyFor('test', 'secret'),
  iv: Buffer.alloc(IV_BYTES, 7),
  authenticated: Buffer.from('place'),
};

function sealed(parts: readonly Buffer[]): Buffer {
  const encryption = encrypt(envelope);
  return Buffer.concat([...parts.map(encryption.add), encryption.end()]);
}

test('a message opens to what was added, in however many parts', () => {
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 5 }), (parts) => {
      expect(decrypt(envelope, sealed(parts))).toEqual(Buffer.concat(parts));
    }),
  );
});

test('a message with a changed byte, or cut short, does not open', () => {
  fc.assert(
    fc.property(bytes, fc.nat(), fc.integer({ min: 1, max: 255 }), (plain, place, change) => {
      const message = sealed([plain]);
      const at = place % message.length;
      expect(decrypt(envelope, message.subarray(0, at))).toBeUndefined();
      message.writeUInt8(message.readUInt8(at) ^ change, at);
      expect(decrypt(envelope, message)).toBeUndefined();
    }),
  );
});

test.each([
  ['key', { ...envelope, key: deriveKeyFor('other', 'secret') }],
  ['initialization vector', { ...envelope, iv: Buffer.alloc(IV_BYTES, 8) }],
  ['authenticated data', { ...envelope, authenticated: Buffer.from('elsewhere') }],
])('a message does not open with another %s', (_name, other) => {
  expect(decrypt(other, sealed([Buffer.from('plain')]))).toBeUndefined();
});
