import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import { createAttemptLimit } from '../../lib/attempt-limit.ts';
import { credentialsOf } from '../../lib/auth-params.ts';
import { networkOf } from '../../lib/client-network.ts';
import type { Clock } from '../../lib/clock.ts';
import { compactText } from '../../lib/compact-buffer.ts';
import type { Random } from '../../lib/random.ts';
import type { AuthResult, AuthScheme, CallerKeys } from './key-auth.ts';

/** A response of the token endpoint, in the format of OAuth (RFC 6749 section 5). */
export interface TokenResponse {
  readonly status: 200 | 400 | 401 | 429;
  /** Absent: no body. */
  readonly body?: Readonly<Record<string, string | number>>;
  readonly retryAfterSeconds?: number;
  /** For the log. */
  readonly caller?: string;
  readonly reason?: string;
}

/** Issues, verifies and revokes tokens for caller keys. */
export interface Tokens {
  /** `address`: the client's, if known. */
  issue(authorization: string | undefined, form: URLSearchParams, address?: string): Promise<TokenResponse>;
  revoke(authorization: string | undefined, form: URLSearchParams, address?: string): Promise<TokenResponse>;
  readonly scheme: AuthScheme;
  /** Applies the revocation of a token at another gateway. */
  applyRevocation(tokenId: string): void;
  /** Replaces the caller keys. Tokens of a key that was removed, or whose secret changed, become invalid. */
  replaceKeys(entries: readonly CallerKeys[]): void;
  /** Replaces the signing key. Tokens signed with the previous one become invalid. */
  replaceSigningKey(key: Uint8Array): void;
}

const ISSUER = 'atlas-gateway';
const LIFETIME_SECONDS = 3_600;
/** The claim that binds a token to the secret its key had. */
const KEY_CLAIM = 'key';
const FINGERPRINT_BYTES = 12;
const MAX_VERIFIED = 10_000;
/** Wrong secrets per minute, for each key id and each client address; all unknown ids share one limit. */
const FAILURES = { max: 60, windowMs: 60_000, maxKeys: 10_000 };
/** Maximum clock skew between gateways. */
const MAX_SKEW_MS = 60_000;
/** Tokens that one key can revoke per hour, the lifetime of a token; this bounds the revocations stored for it. */
const REVOCATIONS = { max: 5_000, windowMs: LIFETIME_SECONDS * 1_000, maxKeys: 10_000 };

const INVALID_CLIENT: TokenResponse = {
  status: 401,
  body: { error: 'invalid_client', error_description: 'Invalid credentials provided.' },
  reason: 'wrong-secret',
};

/** Id and secret of Basic credentials, percent-encoded (RFC 6749 section 2.3.1) or, as Atlas and its clients do it, not encoded. */
function readBasic(authorization: string | undefined): { id: string; secret: string } | undefined {
  const encoded = credentialsOf('basic', authorization ?? '');
  if (encoded === undefined || !/^[A-Za-z0-9+/=_-]{1,1024}$/.test(encoded)) return undefined;
  try {
    const pair = decodeURIComponent(Buffer.from(encoded, 'base64').toString('latin1'));
    const colon = pair.indexOf(':');
    return colon < 0 ? undefined : { id: pair.slice(0, colon), secret: pair.slice(colon + 1) };
  } catch {
    return undefined;
  }
}

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

/** A caller key in the form that token verification needs. */
interface KnownKey {
  readonly entry: CallerKeys;
  readonly sha256: Buffer;
  readonly expiresAt: number;
}

/** The claims of a token with a valid signature. */
interface VerifiedToken {
  readonly keyId: string;
  readonly tokenId: string;
  /** Wall-clock milliseconds. */
  readonly expiresAt: number;
  /** SHA-256 of the secret that its key had; a token for another secret is rejected. */
  readonly keyHash: Buffer;
}

const hashOf = (key: Uint8Array) => createHash('sha256').update(key).digest();

/** Distinguishes secrets under the same key id; reveals nothing about the secret without the signing key. */
const fingerprintOf = (signingKey: Uint8Array, { sha256 }: KnownKey): string =>
  createHmac('sha256', signingKey)
    .update(sha256)
    .digest()
    .subarray(0, FINGERPRINT_BYTES)
    .toString('base64url');

export interface TokensOptions {
  /** Signs new tokens; it never leaves the process. */
  readonly signingKey: Uint8Array;
  /** Another key whose tokens are also accepted, for key rotation. */
  readonly otherKey?: Uint8Array | undefined;
  /** Called when a token is revoked here, with the wall-clock milliseconds at which it would have expired. */
  readonly onRevoke?: ((tokenId: string, expiresAt: number) => void) | undefined;
}

/** One-hour tokens (signed JWTs) for caller keys. */
export function createTokens(
  { signingKey: firstKey, otherKey, onRevoke }: TokensOptions,
  { clock, random }: { clock: Clock; random: Random },
): Tokens {
  let signingKey = firstKey;
  let byId = new Map<string, KnownKey>();
  const failuresById = createAttemptLimit(FAILURES, clock);
  const failuresByAddress = createAttemptLimit(FAILURES, clock);
  /** Revoked tokens by id, with the wall-clock milliseconds until which they are stored: at least until they have expired. */
  const revoked = new Map<string, number>();
  const revocations = createAttemptLimit(REVOCATIONS, clock);
  /**
   * Tokens whose signature was verified: verification is asynchronous, while a known token is accepted synchronously. Expiry, revocation
   * and changed keys are checked every time. As with keys, the seeded hash by which it is found reveals nothing about a nearly correct token.
   */
  const verified = new LRUCache<string, VerifiedToken>({ max: MAX_VERIFIED });
  const nowSeconds = () => Math.floor(clock.wall() / 1_000);

  const tooMany = (waitMs: number, description: string): TokenResponse => ({
    status: 429,
    body: { error: 'slow_down', error_description: description },
    retryAfterSeconds: Math.ceil(waitMs / 1_000),
    reason: 'too-many-attempts',
  });

  /** Counts a wrong secret. A correct one is never counted or rejected, so guessing at a key does not lock out its owner. */
  function rejectGuess(id: string, address: string | undefined): TokenResponse {
    const waitMs = Math.max(
      failuresById.count(byId.has(id) ? id : 'unknown'),
      address === undefined ? 0 : failuresByAddress.count(networkOf(address)),
    );
    return waitMs > 0 ? tooMany(waitMs, 'Too many attempts.') : INVALID_CLIENT;
  }

  function client(
    authorization: string | undefined,
    address: string | undefined,
  ): { id: string; name: string; fingerprint: string } | TokenResponse {
    const pair = readBasic(authorization);
    if (pair === undefined) return { ...INVALID_CLIENT, reason: 'malformed' };
    const known = byId.get(pair.id);
    // Compared even for unknown ids and past the limit, so that the response time does not reveal why a request was rejected.
    const correct = timingSafeEqual(
      createHash('sha256').update(pair.secret).digest(),
      known?.sha256 ?? Buffer.alloc(32),
    );
    if (known === undefined || !correct) return rejectGuess(pair.id, address);
    if (clock.wall() >= known.expiresAt) return { ...INVALID_CLIENT, reason: 'expired' };
    return {
      id: pair.id,
      name: known.entry.caller.name,
      fingerprint: fingerprintOf(signingKey, known),
    };
  }

  function addRevoked(tokenId: string, until: number): void {
    for (const [oldest, oldestUntil] of revoked) {
      if (clock.wall() < oldestUntil) break;
      revoked.delete(oldest);
    }
    revoked.set(tokenId, until);
  }

  const read = async (token: string) =>
    (await readWith(token, signingKey)) ?? (otherKey === undefined ? undefined : readWith(token, otherKey));

  async function readWith(token: string, key: Uint8Array): Promise<VerifiedToken | undefined> {
    if (!isSignedWith(key, token)) return undefined;
    try {
      const { payload } = await jwtVerify(token, key, {
        issuer: ISSUER,
        algorithms: ['HS256'],
        currentDate: new Date(clock.wall()),
      });
      return verifiedToken(payload, key);
    } catch {
      return undefined;
    }
  }

  /** Accepts only the claims and the lifetime that gateways issue, in case someone else has the key. */
  function verifiedToken(payload: JWTPayload, key: Uint8Array): VerifiedToken | undefined {
    const { sub, jti, iat, exp } = payload;
    if (sub === undefined || jti === undefined || iat === undefined || exp === undefined) return undefined;
    if (exp - iat > LIFETIME_SECONDS || iat * 1_000 > clock.wall() + MAX_SKEW_MS) return undefined;
    const known = byId.get(sub);
    if (known === undefined || payload[KEY_CLAIM] !== fingerprintOf(key, known)) return undefined;
    return { keyId: sub, tokenId: jti, expiresAt: exp * 1_000, keyHash: known.sha256 };
  }

  function authenticate(found: VerifiedToken | undefined): AuthResult {
    if (found === undefined) return { type: 'unauthenticated', reason: 'bad-token' };
    const known = byId.get(found.keyId);
    if (known === undefined || !known.sha256.equals(found.keyHash))
      return { type: 'unauthenticated', reason: 'unknown-key' };
    const wall = clock.wall();
    if (wall >= found.expiresAt || wall >= known.expiresAt || revoked.has(found.tokenId))
      return { type: 'unauthenticated', reason: 'expired' };
    return { type: 'caller', caller: known.entry.caller };
  }

  return {
    async issue(authorization, form, address) {
      const known = client(authorization, address);
      if ('status' in known) return known;
      if (form.get('grant_type') !== 'client_credentials') {
        return {
          status: 400,
          body: {
            error: 'unsupported_grant_type',
            error_description: 'Only client_credentials is supported.',
          },
          caller: known.name,
          reason: 'grant-type',
        };
      }
      const issuedAt = nowSeconds();
      const token = await new SignJWT({ [KEY_CLAIM]: known.fingerprint })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .setIssuer(ISSUER)
        .setSubject(known.id)
        .setJti(random.bytes(12).toString('base64url'))
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + LIFETIME_SECONDS)
        .sign(signingKey);
      return {
        status: 200,
        body: { access_token: token, expires_in: LIFETIME_SECONDS, token_type: 'Bearer' },
        caller: known.name,
      };
    },
    async revoke(authorization, form, address) {
      const known = client(authorization, address);
      if ('status' in known) return known;
      const found = await read(form.get('token') ?? '');
      // An invalid token, or one of another key, gets the same response (RFC 7009 section 2.2).
      if (found?.keyId === known.id && !revoked.has(found.tokenId)) {
        const waitMs = revocations.count(known.id);
        if (waitMs > 0) return tooMany(waitMs, 'Too many revocations.');
        addRevoked(found.tokenId, found.expiresAt);
        onRevoke?.(found.tokenId, found.expiresAt);
      }
      return { status: 200, caller: known.name };
    },
    scheme(authorization) {
      const token = credentialsOf('bearer', authorization);
      if (token === undefined) return undefined;
      const known = verified.get(token);
      if (known !== undefined) return authenticate(known);
      if (!/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(token) || readIssuer(token) !== ISSUER) return undefined;
      return read(token).then((found) => {
        if (found !== undefined) verified.set(compactText(token), found);
        return authenticate(found);
      });
    },
    applyRevocation: (tokenId) => addRevoked(tokenId, clock.wall() + LIFETIME_SECONDS * 1_000 + MAX_SKEW_MS),
    replaceSigningKey(key) {
      if (timingSafeEqual(hashOf(key), hashOf(signingKey))) return;
      signingKey = key;
      verified.clear();
    },
    replaceKeys(entries) {
      byId = new Map(
        entries.flatMap((entry) =>
          entry.keys.map(
            ({ id, sha256, expiresAt = Number.POSITIVE_INFINITY }) =>
              [id, { entry, sha256, expiresAt }] as const,
          ),
        ),
      );
    },
  };
}

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
