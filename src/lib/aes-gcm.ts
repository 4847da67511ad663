import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';

/** Lengths of the initialization vector and the authentication tag (NIST SP 800-38D). */
export const IV_BYTES = 12;
export const TAG_BYTES = 16;
const CIPHER = 'aes-256-gcm';

/** What a message is encrypted with: a 32-byte key, an initialization vector that is never used twice, and what is only authenticated. */
export interface Envelope {
  readonly key: Buffer;
  readonly iv: Buffer;
  readonly authenticated: Buffer;
}

/** Encrypts one message, which may come in several parts. */
export interface Encryption {
  /** Returns the cipher text of the next part. */
  add(part: Buffer): Buffer;
  /** Returns what completes the cipher text, followed by the authentication tag. */
  end(): Buffer;
}

/** Derives a 32-byte key from a secret; keys of different purposes reveal nothing about each other (HKDF, RFC 5869). */
export const deriveKeyFor = (purpose: string, secret: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, '', `atlas-gateway ${purpose}`, 32));

/** Begins the encryption of one message. */
export function encrypt({ key, iv, authenticated }: Envelope): Encryption {
  const cipher = createCipheriv(CIPHER, key, iv).setAAD(authenticated);
  return {
    add: (part) => cipher.update(part),
    end: () => Buffer.concat([cipher.final(), cipher.getAuthTag()]),
  };
}

/** Decrypts a cipher text with its tag at the end; undefined if it is damaged or was encrypted with another envelope. */
export function decrypt({ key, iv, authenticated }: Envelope, sealed: Buffer): Buffer | undefined {
  if (sealed.length < TAG_BYTES) return undefined;
  const decipher = createDecipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES }).setAAD(authenticated);
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]);
  } catch {
    return undefined;
  }
}
