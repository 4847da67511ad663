import { timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, deflateRaw, deflateRawSync, inflateRaw, inflateRawSync } from 'node:zlib';
import { decrypt, deriveKeyFor, encrypt, IV_BYTES, TAG_BYTES } from './aes-gcm.ts';
import type { Random } from './random.ts';

/** Encrypts and authenticates data that is stored where others could read, change or move it. */
export interface Seal {
  /** `place` is where the sealed bytes will be stored; they open only there. */
  seal(place: string, plain: Buffer): Promise<Buffer>;
  /** Undefined if the bytes are foreign, damaged, of another format or key, or from another place. */
  open(place: string, sealed: Buffer): Promise<Buffer | undefined>;
  /** Ids of the current and the previous key; they reveal nothing about the keys. */
  readonly keyIds: { readonly current: string; readonly previous?: string };
}

/** The first byte: the format of the rest. */
const FORMAT = 1;
const KEY_ID_BYTES = 4;
/** Format, key id and initialization vector: unique for every sealed value. */
export const STAMP_BYTES = 1 + KEY_ID_BYTES + IV_BYTES;
const PLAIN = 0;
const DEFLATED = 1;
/** Smaller values are not compressed; values from `PACK_ASYNC_BYTES` on are compressed on another thread. */
const PACK_FROM_BYTES = 256;
const PACK_ASYNC_BYTES = 16_384;
const LEVEL = { level: constants.Z_BEST_SPEED };
const packAsync = promisify<Buffer, { level: number }, Buffer>(deflateRaw);
const unpackAsync = promisify<Buffer, { maxOutputLength: number }, Buffer>(inflateRaw);

/** Derives a 32-byte key for one purpose from the secret that gateways share. */
export const deriveKey = (secret: string, purpose: string): Buffer =>
  deriveKeyFor(`shared ${purpose}`, secret);

/**
 * Format: format (1 byte), key id (4 bytes), initialization vector (12 bytes), AES-256-GCM of (compression, 1 byte; compressed bytes), tag
 * (16 bytes). Everything before the cipher text is authenticated together with the place. Two keys can open: the current one, which seals,
 * and the previous or next one.
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
      plain.length < PACK_ASYNC_BYTES ? deflateRawSync(plain, LEVEL) : await packAsync(plain, LEVEL);
    return Buffer.concat([Buffer.of(DEFLATED), packed]);
  }

  async function unpack(packed: Buffer): Promise<Buffer | undefined> {
    const bytes = packed.subarray(1);
    if (packed[0] === PLAIN) return bytes;
    if (packed[0] !== DEFLATED) return undefined;
    const limit = { maxOutputLength: maxBytes };
    return bytes.length < PACK_ASYNC_BYTES / 4 ? inflateRawSync(bytes, limit) : unpackAsync(bytes, limit);
  }

  const envelope = (head: Buffer, key: Buffer, place: string) => ({
    key,
    iv: head.subarray(-IV_BYTES),
    authenticated: Buffer.concat([head, Buffer.from(place)]),
  });

  return {
    async seal(place, plain) {
      const head = Buffer.concat([Buffer.of(FORMAT), current.id, random.bytes(IV_BYTES)]);
      const packed = await pack(plain);
      const encryption = encrypt(envelope(head, current.key, place));
      return Buffer.concat([head, encryption.add(packed), encryption.end()]);
    },
    async open(place, sealed) {
      if (sealed.length < STAMP_BYTES + TAG_BYTES + 1 || sealed[0] !== FORMAT) return undefined;
      const head = sealed.subarray(0, STAMP_BYTES);
      const named = keys.find(({ id }) => timingSafeEqual(id, head.subarray(1, 1 + KEY_ID_BYTES)));
      if (named === undefined) return undefined;
      const packed = decrypt(envelope(head, named.key, place), sealed.subarray(STAMP_BYTES));
      return packed === undefined ? undefined : unpack(packed).catch(() => undefined);
    },
    keyIds: {
      current: current.id.toString('hex'),
      ...(keys[1] === undefined ? {} : { previous: keys[1].id.toString('hex') }),
    },
  };
}
