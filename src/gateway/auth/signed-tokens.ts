import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { type JWTPayload, jwtVerify, SignJWT } from 'jose';
import type { Clock } from '../../lib/clock.ts';
import type { Random } from '../../lib/random.ts';

/** The claims of a token with a valid signature. */
export interface VerifiedToken {
  readonly keyId: string;
  readonly tokenId: string;
  /** Wall-clock milliseconds. */
  readonly expiresAt: number;
  /** SHA-256 of the secret that its key had; a token for another secret is rejected. */
  readonly keyHash: Buffer;
}

/** Signs and verifies tokens. A token is bound to the secret that its key had when the token was signed. */
export interface SignedTokens {
  /** Signs a token for a key with this SHA-256 of its secret. */
  sign(keyId: string, sha256: Buffer): Promise<string>;
  /** Undefined if the token is forged, expired, or bound to another secret. */
  verify(token: string): Promise<VerifiedToken | undefined>;
  /** Replaces the signing key, so that tokens of the previous one are invalid; returns false if it is the same key. */
  replaceSigningKey(key: Uint8Array): boolean;
}

export const TOKEN_ISSUER = 'atlas-gateway';
export const LIFETIME_SECONDS = 3_600;
/** Maximum clock skew between gateways. */
export const MAX_SKEW_MS = 60_000;
/** The claim that binds a token to the secret its key had. */
const KEY_CLAIM = 'key';
const FINGERPRINT_BYTES = 12;

/**
 * Whether a token in compact form ends with its HMAC (RFC 7515 section 3.1). Forged tokens are rejected here, because the full verification
 * is asynchronous and takes twenty times as long.
 */
function isSignedWith(key: Uint8Array, token: string): boolean {
  const end = token.lastIndexOf('.');
  // Compared as text: several spellings of base64url decode to the same bytes, and each would be a separate token.
  const expected = Buffer.from(createHmac('sha256', key).update(token.slice(0, end)).digest('base64url'));
  const given = Buffer.from(token.slice(end + 1));
  return given.length === expected.length && timingSafeEqual(given, expected);
}

const hashOf = (key: Uint8Array) => createHash('sha256').update(key).digest();

/** Distinguishes secrets under the same key id; reveals nothing about the secret without the signing key. */
const fingerprintOf = (signingKey: Uint8Array, sha256: Buffer): string =>
  createHmac('sha256', signingKey)
    .update(sha256)
    .digest()
    .subarray(0, FINGERPRINT_BYTES)
    .toString('base64url');

/** The issuer that a JWT claims, unverified: it only selects how to verify the token. */
export function readIssuer(token: string): string | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    if (typeof claims !== 'object' || claims === null || !('iss' in claims)) return undefined;
    return typeof claims.iss === 'string' ? claims.iss : undefined;
  } catch {
    return undefined;
  }
}

/** Signed JWTs (HS256) that are valid for an hour. `otherKey` verifies, too; `secretHash` returns the SHA-256 of a key's secret. */
export function createSignedTokens(
  {
    signingKey: firstKey,
    otherKey,
    secretHash,
  }: {
    signingKey: Uint8Array;
    otherKey: Uint8Array | undefined;
    secretHash: (keyId: string) => Buffer | undefined;
  },
  { clock, random }: { clock: Clock; random: Random },
): SignedTokens {
  let signingKey = firstKey;

  /** Accepts only the claims and the lifetime that gateways issue, in case someone else has the key. */
  function verifiedToken(payload: JWTPayload, key: Uint8Array): VerifiedToken | undefined {
    const { sub, jti, iat, exp } = payload;
    if (sub === undefined || jti === undefined || iat === undefined || exp === undefined) return undefined;
    if (exp - iat > LIFETIME_SECONDS || iat * 1_000 > clock.wall() + MAX_SKEW_MS) return undefined;
    const keyHash = secretHash(sub);
    if (keyHash === undefined || payload[KEY_CLAIM] !== fingerprintOf(key, keyHash)) return undefined;
    return { keyId: sub, tokenId: jti, expiresAt: exp * 1_000, keyHash };
  }

  async function verifyWith(key: Uint8Array, token: string): Promise<VerifiedToken | undefined> {
    if (!isSignedWith(key, token)) return undefined;
    try {
      const { payload } = await jwtVerify(token, key, {
        issuer: TOKEN_ISSUER,
        algorithms: ['HS256'],
        currentDate: new Date(clock.wall()),
      });
      return verifiedToken(payload, key);
    } catch {
      return undefined;
    }
  }

  return {
    sign(keyId, sha256) {
      const issuedAt = Math.floor(clock.wall() / 1_000);
      return new SignJWT({ [KEY_CLAIM]: fingerprintOf(signingKey, sha256) })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .setIssuer(TOKEN_ISSUER)
        .setSubject(keyId)
        .setJti(random.bytes(12).toString('base64url'))
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + LIFETIME_SECONDS)
        .sign(signingKey);
    },
    verify: async (token) =>
      (await verifyWith(signingKey, token)) ??
      (otherKey === undefined ? undefined : verifyWith(otherKey, token)),
    replaceSigningKey(key) {
      if (timingSafeEqual(hashOf(key), hashOf(signingKey))) return false;
      signingKey = key;
      return true;
    },
  };
}
