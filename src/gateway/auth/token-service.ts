import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { createAttemptLimit } from '../../lib/attempt-limit.ts';
import { credentialsOf } from '../../lib/auth-params.ts';
import { networkOf } from '../../lib/client-network.ts';
import type { Clock } from '../../lib/clock.ts';
import { compactText } from '../../lib/compact-buffer.ts';
import type { Random } from '../../lib/random.ts';
import type { AuthResult, AuthScheme, CallerKeys } from './key-auth.ts';

/** What the token endpoint answers, in OAuth's form (RFC 6749 section 5). */
export interface TokenResponse {
  readonly status: 200 | 400 | 401 | 429;
  /** Absent: no body. */
  readonly body?: Readonly<Record<string, string | number>>;
  readonly retryAfterSeconds?: number;
  /** For the log. */
  readonly caller?: string;
  readonly reason?: string;
}

/** Tokens that keys are traded for, at the gateway's own token endpoint. */
export interface Tokens {
  /** `address`: the client's, where it is known. */
  issue(authorization: string | undefined, form: URLSearchParams, address?: string): Promise<TokenResponse>;
  revoke(authorization: string | undefined, form: URLSearchParams, address?: string): Promise<TokenResponse>;
  readonly scheme: AuthScheme;
  /** A token was revoked at another gateway. */
  applyRevocation(tokenId: string): void;
  /** From now on these keys count. Tokens of keys that are gone, or whose secret is another one, do not. */
  replaceKeys(entries: readonly CallerKeys[]): void;
  /** From now on tokens are signed with this key; those signed with the one before end. */
  replaceSigningKey(key: Uint8Array): void;
}

const ISSUER = 'atlas-gateway';
const LIFE_SECONDS = 3_600;
/** The claim that ties a token to the secret its key had. */
const KEY_CLAIM = 'key';
const FINGERPRINT_BYTES = 12;
const MAX_REMEMBERED = 10_000;
/** Wrong secrets a minute, for a key id and for a client address; all unknown ids share one such allowance. */
const FAILURES = { max: 60, windowMs: 60_000, maxKeys: 10_000 };
/** By how much the clocks of gateways may differ. */
const MAX_SKEW_MS = 60_000;
/** Tokens that one key can revoke in an hour, which is how long a token lives: so many are remembered for it at most. */
const REVOCATIONS = { max: 5_000, windowMs: LIFE_SECONDS * 1_000, maxKeys: 10_000 };

const INVALID_CLIENT: TokenResponse = {
  status: 401,
  body: { error: 'invalid_client', error_description: 'Invalid credentials provided.' },
  reason: 'wrong-secret',
};

/** Id and secret of a Basic pair; percent-encoded as RFC 6749 section 2.3.1 says, or not, as Atlas and its clients do. */
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
 * Whether a token in compact form ends with its HMAC (RFC 7515 section 3.1). What anybody can make up is turned away here: reading it as a
 * token, which is asynchronous, takes twenty times as long.
 */
function isSignedWith(key: Uint8Array, token: string): boolean {
  const end = token.lastIndexOf('.');
  // As text: several spellings of base64url decode to the same bytes, and each would be a token of its own.
  const expected = Buffer.from(createHmac('sha256', key).update(token.slice(0, end)).digest('base64url'));
  const given = Buffer.from(token.slice(end + 1));
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** A caller key as tokens need it. */
interface KnownKey {
  readonly entry: CallerKeys;
  readonly sha256: Buffer;
  readonly expiresAt: number;
}

/** What a token with a right signature says. */
interface VerifiedToken {
  readonly keyId: string;
  readonly tokenId: string;
  /** Wall-clock milliseconds. */
  readonly endsAt: number;
  /** SHA-256 of the secret that its key had; a token of another secret is refused. */
  readonly keyHash: Buffer;
}

const hashOf = (key: Uint8Array) => createHash('sha256').update(key).digest();

/** Tells a key's secret from another one under the same id; says nothing of the secret without the signing key. */
const fingerprintOf = (signingKey: Uint8Array, { sha256 }: KnownKey): string =>
  createHmac('sha256', signingKey)
    .update(sha256)
    .digest()
    .subarray(0, FINGERPRINT_BYTES)
    .toString('base64url');

export interface TokensOptions {
  /** Signs new tokens; it never leaves the process. */
  readonly signingKey: Uint8Array;
  /** Another key whose tokens are taken as well, while keys change. */
  readonly otherKey?: Uint8Array | undefined;
  /** Told of a token that was revoked here, with the wall-clock milliseconds at which it would have ended. */
  readonly onRevoke?: ((tokenId: string, endsAt: number) => void) | undefined;
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
  /** Revoked tokens by id, with the wall-clock milliseconds until which they are remembered: at least until they have expired. */
  const revoked = new Map<string, number>();
  const revocations = createAttemptLimit(REVOCATIONS, clock);
  /**
   * Tokens whose signature was checked: checking one is asynchronous, a known one is answered at once. What may be wrong with it since then
   * is looked at every time. As with keys, a map's seeded hash tells nothing of what is nearly right.
   */
  const verified = new Map<string, VerifiedToken>();
  const nowSeconds = () => Math.floor(clock.wall() / 1_000);

  const tooMany = (waitMs: number, description: string): TokenResponse => ({
    status: 429,
    body: { error: 'slow_down', error_description: description },
    retryAfterSeconds: Math.ceil(waitMs / 1_000),
    reason: 'too-many-attempts',
  });

  /** Counts a wrong secret. A right one is never counted or refused, so guessing at a key does not lock its owner out. */
  function refuseGuess(id: string, address: string | undefined): TokenResponse {
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
    // Compared for unknown ids and past the limit as well: how long a refusal takes says nothing of why.
    const right = timingSafeEqual(
      createHash('sha256').update(pair.secret).digest(),
      known?.sha256 ?? Buffer.alloc(32),
    );
    if (known === undefined || !right) return refuseGuess(pair.id, address);
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

  /** A token is one of ours only with the claims and the lifetime that we issue, whoever else may have the key. */
  function verifiedToken(payload: JWTPayload, key: Uint8Array): VerifiedToken | undefined {
    const { sub, jti, iat, exp } = payload;
    if (sub === undefined || jti === undefined || iat === undefined || exp === undefined) return undefined;
    if (exp - iat > LIFE_SECONDS || iat * 1_000 > clock.wall() + MAX_SKEW_MS) return undefined;
    const known = byId.get(sub);
    if (known === undefined || payload[KEY_CLAIM] !== fingerprintOf(key, known)) return undefined;
    return { keyId: sub, tokenId: jti, endsAt: exp * 1_000, keyHash: known.sha256 };
  }

  function authenticate(found: VerifiedToken | undefined): AuthResult {
    if (found === undefined) return { type: 'unauthenticated', reason: 'bad-token' };
    const known = byId.get(found.keyId);
    if (known === undefined || !known.sha256.equals(found.keyHash))
      return { type: 'unauthenticated', reason: 'unknown-key' };
    const wall = clock.wall();
    if (wall >= found.endsAt || wall >= known.expiresAt || revoked.has(found.tokenId))
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
        .setExpirationTime(issuedAt + LIFE_SECONDS)
        .sign(signingKey);
      return {
        status: 200,
        body: { access_token: token, expires_in: LIFE_SECONDS, token_type: 'Bearer' },
        caller: known.name,
      };
    },
    async revoke(authorization, form, address) {
      const known = client(authorization, address);
      if ('status' in known) return known;
      const found = await read(form.get('token') ?? '');
      // A token of another key, or none, is answered in the same way (RFC 7009 section 2.2).
      if (found?.keyId === known.id && !revoked.has(found.tokenId)) {
        const waitMs = revocations.count(known.id);
        if (waitMs > 0) return tooMany(waitMs, 'Too many revocations.');
        addRevoked(found.tokenId, found.endsAt);
        onRevoke?.(found.tokenId, found.endsAt);
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
        if (found !== undefined) {
          for (const oldest of verified.keys()) {
            if (verified.size < MAX_REMEMBERED) break;
            verified.delete(oldest);
          }
          verified.set(compactText(token), found);
        }
        return authenticate(found);
      });
    },
    applyRevocation: (tokenId) => addRevoked(tokenId, clock.wall() + LIFE_SECONDS * 1_000 + MAX_SKEW_MS),
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

/** The issuer a JWT claims, unverified: it only says who has to verify it. */
export function readIssuer(token: string): string | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    if (typeof claims !== 'object' || claims === null || !('iss' in claims)) return undefined;
    return typeof claims.iss === 'string' ? claims.iss : undefined;
  } catch {
    return undefined;
  }
}
