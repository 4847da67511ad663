import { hash, timingSafeEqual } from 'node:crypto';
import { credentialsOf } from '../../lib/auth-params.ts';
import type { Clock } from '../../lib/clock.ts';
import { compactText } from '../../lib/compact-buffer.ts';

/** The permissions and limits of a caller. */
export interface Permissions {
  /** Project ids, or `all`. */
  readonly projects: 'all' | ReadonlySet<string>;
  /** Organization ids, or `all`. */
  readonly organizations: 'all' | ReadonlySet<string>;
  /** Operation ids and tags; `lists` stands for every operation whose response contains no secrets or personal data. */
  readonly operations: ReadonlySet<string>;
  /** Upstream calls it may cause per minute; absent: unlimited. */
  readonly spendPerMinute?: number;
  /** Requests it may make per minute; absent: unlimited. */
  readonly requestsPerMinute?: number;
}

/** A client of the gateway, such as a team, by its configured name. */
export interface Caller extends Permissions {
  readonly name: string;
}

/** A key that authenticates a caller. */
export interface CallerKey {
  readonly id: string;
  /** SHA-256 of the secret. */
  readonly sha256: Buffer;
  /** HA1 for digest, in hex, by algorithm; absent: the key does not support Digest. */
  readonly ha1?: { readonly md5?: string; readonly sha256?: string };
  /** Wall-clock milliseconds; absent: does not expire. */
  readonly expiresAt?: number;
}

export interface CallerKeys {
  readonly caller: Caller;
  readonly keys: readonly CallerKey[];
}

/** Why authentication failed. For the log only: responses do not reveal whether an id or its secret was wrong. */
export type AuthFailureReason =
  | 'no-credentials'
  | 'unknown-scheme'
  | 'malformed'
  | 'unknown-key'
  | 'wrong-secret'
  | 'expired'
  | 'unknown-nonce'
  | 'ended-nonce'
  | 'replayed'
  | 'bad-token'
  | 'unknown-issuer'
  | 'no-rule'
  | 'basic';

/** The authenticated caller, a failure, or `unavailable` if the keys of an issuer cannot be fetched. */
export type AuthResult =
  | { readonly type: 'caller'; readonly caller: Caller }
  /** `stale`: the digest was correct, but its nonce has expired (RFC 7616 section 3.3). */
  | { readonly type: 'unauthenticated'; readonly reason: AuthFailureReason; readonly stale?: boolean }
  | { readonly type: 'unavailable' };

/** The request line that an `Authorization` header came with: a digest response is valid for one method and target. */
export interface RequestLine {
  readonly method: string;
  readonly target: string;
}

/** An authentication scheme; returns undefined if the credentials belong to another scheme. */
export type AuthScheme = (
  authorization: string,
  requestLine: RequestLine,
) => AuthResult | Promise<AuthResult> | undefined;

const KEY = /^(?:(agw_[A-Za-z0-9]{12})_([A-Za-z0-9_-]{43})$|agw_)/;
const DIGEST_HEX = 64;
/** Compared if there is no key, so that an unknown id takes as long as a wrong secret. */
const NO_KEY = Buffer.alloc(DIGEST_HEX);

/** A key, and its bearer token once it has been verified. */
interface KnownKey {
  /** SHA-256 of the secret, in hex. */
  readonly hex: Buffer;
  readonly expiresAt: number;
  readonly authResult: AuthResult;
  verifiedHeaders: string | undefined;
}

/** A caller key as a bearer token: `Authorization: Bearer <id>_<secret>`. */
export function createBearerKeys(entries: readonly CallerKeys[], clock: Clock): AuthScheme {
  const byId = new Map(
    entries.flatMap(({ caller, keys }) =>
      keys.map(({ id, sha256, expiresAt = Number.POSITIVE_INFINITY }) => {
        const known: KnownKey = {
          hex: Buffer.from(sha256.toString('hex')),
          expiresAt,
          authResult: { type: 'caller', caller },
          verifiedHeaders: undefined,
        };
        return [id, known] as const;
      }),
    ),
  );
  /**
   * Verified keys by bearer token, without scheme and spaces, so that each key has one entry: they need not be hashed again. A Map looks up
   * by a seeded hash of the whole text, so the duration does not reveal how much of a wrong token is correct.
   */
  const verifiedHeaders = new Map<string, KnownKey>();
  const hashed = Buffer.alloc(DIGEST_HEX);

  function isCorrect(secret: string, known: KnownKey | undefined): boolean {
    // Hex is by far the fastest output encoding that Node offers.
    hashed.write(hash('sha256', secret, 'hex'), 'latin1');
    return timingSafeEqual(hashed, known?.hex ?? NO_KEY);
  }

  function recordVerified(token: string, known: KnownKey): void {
    if (known.verifiedHeaders !== undefined) verifiedHeaders.delete(known.verifiedHeaders);
    known.verifiedHeaders = compactText(token);
    verifiedHeaders.set(known.verifiedHeaders, known);
  }

  /** The result for a verified key, which may have expired since. */
  const accept = ({ expiresAt, authResult }: KnownKey): AuthResult =>
    expiresAt !== Number.POSITIVE_INFINITY && clock.wall() >= expiresAt
      ? { type: 'unauthenticated', reason: 'expired' }
      : authResult;

  return (authorization) => {
    const token = credentialsOf('bearer', authorization);
    if (token === undefined) return undefined;
    const before = verifiedHeaders.get(token);
    if (before !== undefined) return accept(before);
    const parts = KEY.exec(token);
    // Anything else may be a token of the gateway or of an issuer.
    if (parts === null) return undefined;
    const [, id, secret] = parts;
    if (id === undefined || secret === undefined) return { type: 'unauthenticated', reason: 'malformed' };
    const known = byId.get(id);
    const correct = isCorrect(secret, known);
    if (known === undefined) return { type: 'unauthenticated', reason: 'unknown-key' };
    if (!correct) return { type: 'unauthenticated', reason: 'wrong-secret' };
    recordVerified(token, known);
    return accept(known);
  };
}

/**
 * Authenticates requests. The schemes are tried in order; a request without `Authorization` is `anonymous`, if configured. A request with
 * invalid credentials is never anonymous: its sender expects to be authenticated.
 */
export function createAuthenticator(schemes: readonly AuthScheme[], anonymous: Caller | undefined) {
  const withoutCredentials: AuthResult =
    anonymous === undefined
      ? { type: 'unauthenticated', reason: 'no-credentials' }
      : { type: 'caller', caller: anonymous };
  return function authenticate(
    authorization: string | undefined,
    requestLine: RequestLine,
  ): AuthResult | Promise<AuthResult> {
    if (authorization === undefined) return withoutCredentials;
    for (const scheme of schemes) {
      const authResult = scheme(authorization, requestLine);
      if (authResult !== undefined) return authResult;
    }
    return {
      type: 'unauthenticated',
      reason: credentialsOf('basic', authorization) === undefined ? 'unknown-scheme' : 'basic',
    };
  };
}
