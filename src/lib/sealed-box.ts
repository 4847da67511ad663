import { createCipheriv, createDecipheriv, hkdfSync, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, deflateRaw, deflateRawSync, inflateRaw, inflateRawSync } from 'node:zlib';
import type { Random } from './random.ts';

/** Turns what is kept where others could read it into bytes that say nothing and cannot be changed or moved, and back. */
export interface Seal {
  /** `place` is where the sealed bytes will be: they open nowhere else. */
  seal(place: string, plain: Buffer): Promise<Buffer>;
  /** Undefined where the bytes are foreign, damaged, of another form or key, or come from another place. */
  open(place: string, sealed: Buffer): Promise<Buffer | undefined>;
  /** Names of the key in use and of the one before, which say nothing of the keys. */
  readonly keyIds: { readonly current: string; readonly previous?: string };
}

/** The first byte: the form of what follows it. */
const FORM = 1;
const KEY_ID_BYTES = 4;
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** Form, key id and initialization vector: no two sealed values begin alike. */
export const STAMP_BYTES = 1 + KEY_ID_BYTES + IV_BYTES;
const CIPHER = 'aes-256-gcm';
const PLAIN = 0;
const DEFLATED = 1;
/** Less than this is not worth packing; more than this is packed on another thread. */
const PACK_FROM_BYTES = 256;
const PACK_BESIDE_BYTES = 16_384;
const LEVEL = { level: constants.Z_BEST_SPEED };
const packBeside = promisify<Buffer, { level: number }, Buffer>(deflateRaw);
const unpackBeside = promisify<Buffer, { maxOutputLength: number }, Buffer>(inflateRaw);

/** A key for one purpose, made of a secret: 32 bytes. */
export const deriveKey = (secret: string, priority: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, '', `atlas-gateway shared ${priority}`, 32));

/**
 * Sealed: form, 4 bytes of key id, 12 of initialization vector, AES-256-GCM of (how it is packed, the packed bytes), 16 of tag. Everything
 * before the cipher text is authenticated, and the place with it. Two keys open: the current one, which seals, and the one before or after it.
 */
export function createSeal(
  {
    encryptionKey,
    otherKey,
    maxBytes,
  }: { encryptionKey: string; otherKey: string | undefined; maxBytes: number },
  { random }: { random: Random },
): Seal {
  const keyOf = (secret: string) => ({
    id: deriveKey(secret, 'key id').subarray(0, KEY_ID_BYTES),
    key: deriveKey(secret, 'seal'),
  });
  const current = keyOf(encryptionKey);
  const keys = otherKey === undefined ? [current] : [current, keyOf(otherKey)];

  async function pack(plain: Buffer): Promise<Buffer> {
    if (plain.length < PACK_FROM_BYTES) return Buffer.concat([Buffer.of(PLAIN), plain]);
    const packed =
      plain.length < PACK_BESIDE_BYTES ? deflateRawSync(plain, LEVEL) : await packBeside(plain, LEVEL);
    return Buffer.concat([Buffer.of(DEFLATED), packed]);
  }

  async function unpack(packed: Buffer): Promise<Buffer | undefined> {
    const bytes = packed.subarray(1);
    if (packed[0] === PLAIN) return bytes;
    if (packed[0] !== DEFLATED) return undefined;
    const limit = { maxOutputLength: maxBytes };
    return bytes.length < PACK_BESIDE_BYTES / 4 ? inflateRawSync(bytes, limit) : unpackBeside(bytes, limit);
  }

  return {
    async seal(place, plain) {
      const head = Buffer.concat([Buffer.of(FORM), current.id, random.bytes(IV_BYTES)]);
      const packed = await pack(plain);
      const cipher = createCipheriv(CIPHER, current.key, head.subarray(-IV_BYTES));
      cipher.setAAD(Buffer.concat([head, Buffer.from(place)]));
      return Buffer.concat([head, cipher.update(packed), cipher.final(), cipher.getAuthTag()]);
    },
    async open(place, sealed) {
      if (sealed.length < STAMP_BYTES + TAG_BYTES + 1 || sealed[0] !== FORM) return undefined;
      const head = sealed.subarray(0, STAMP_BYTES);
      const named = keys.find(({ id }) => timingSafeEqual(id, head.subarray(1, 1 + KEY_ID_BYTES)));
      if (named === undefined) return undefined;
      const decipher = createDecipheriv(CIPHER, named.key, head.subarray(-IV_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(Buffer.concat([head, Buffer.from(place)]));
      decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
      try {
        const packed = Buffer.concat([
          decipher.update(sealed.subarray(STAMP_BYTES, -TAG_BYTES)),
          decipher.final(),
        ]);
        return await unpack(packed);
      } catch {
        return undefined;
      }
    },
    keyIds: {
      current: current.id.toString('hex'),
      ...(keys[1] === undefined ? {} : { previous: keys[1].id.toString('hex') }),
    },
  };
}
