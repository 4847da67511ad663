import { hash, timingSafeEqual } from 'node:crypto';
import { credentialsOf } from '../../lib/auth-params.ts';
import type { Clock } from '../../lib/clock.ts';
import { compactText } from '../../lib/compact-buffer.ts';

/** What a caller may read. */
export interface Permissions {
  /** Project ids, or `all`. */
  readonly projects: 'all' | ReadonlySet<string>;
  /** Organization ids, or `all`. */
  readonly organizations: 'all' | ReadonlySet<string>;
  /** Operation ids and tags; `lists` stands for every operation that holds no secrets or personal data. */
  readonly operations: ReadonlySet<string>;
  /** Upstream calls it may cause in a minute; absent: any number. */
  readonly spendPerMinute?: number;
  /** Requests it may make in a minute; absent: any number. */
  readonly requestsPerMinute?: number;
}

/** Someone who asks: a team, by the name the operators gave it. */
export interface Caller extends Permissions {
  readonly name: string;
}

/** A key that admits a caller. */
export interface CallerKey {
  readonly id: string;
  /** SHA-256 of the secret. */
  readonly sha256: Buffer;
  /** HA1 for digest, in hex, by algorithm; absent: the key cannot be presented as a digest. */
  readonly ha1?: { readonly md5?: string; readonly sha256?: string };
  /** Wall-clock milliseconds; absent: does not end. */
  readonly expiresAt?: number;
}

export interface CallerKeys {
  readonly caller: Caller;
  readonly keys: readonly CallerKey[];
}

/** Why a request is nobody's: for the log. Callers are told the same whatever it is. */
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

/** Who asks, or that nobody known does, or that it cannot be told now because an issuer's keys cannot be had. */
export type AuthResult =
  | { readonly type: 'caller'; readonly caller: Caller }
  /** `stale`: a digest that was right but for the age of its nonce. */
  | { readonly type: 'unauthenticated'; readonly reason: AuthFailureReason; readonly stale?: boolean }
  | { readonly type: 'unavailable' };

/** What an `Authorization` header is presented with: digest answers are for one method and target. */
export interface RequestLine {
  readonly method: string;
  readonly target: string;
}

/** One way to present a credential in `Authorization`; undefined where the scheme or form is another's. */
export type AuthScheme = (
  authorization: string,
  presented: RequestLine,
) => AuthResult | Promise<AuthResult> | undefined;

const KEY = /^(?:(agw_[A-Za-z0-9]{12})_([A-Za-z0-9_-]{43})$|agw_)/;
const DIGEST_HEX = 64;
/** Compared where there is no key, so that an unknown id takes as long as a wrong secret. */
const NO_KEY = Buffer.alloc(DIGEST_HEX);

/** A key, and its text once it was presented and was right. */
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
   * Keys that were right, as they are presented but without scheme and spaces, so one text for each key: they need not be hashed again. A map
   * finds by a seeded hash of the whole text, so how long it takes tells nothing of how much of a wrong one is right.
   */
  const verifiedHeaders = new Map<string, KnownKey>();
  const hashed = Buffer.alloc(DIGEST_HEX);

  function isRight(secret: string, known: KnownKey | undefined): boolean {
    // In hex: of what Node offers it is the quickest by far.
    hashed.write(hash('sha256', secret, 'hex'), 'latin1');
    return timingSafeEqual(hashed, known?.hex ?? NO_KEY);
  }

  function recordVerified(token: string, known: KnownKey): void {
    if (known.verifiedHeaders !== undefined) verifiedHeaders.delete(known.verifiedHeaders);
    known.verifiedHeaders = compactText(token);
    verifiedHeaders.set(known.verifiedHeaders, known);
  }

  /** What a key that was right is worth now. */
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
    // Anything else may be a token of the gateway's own or of an issuer's.
    if (parts === null) return undefined;
    const [, id, secret] = parts;
    if (id === undefined || secret === undefined) return { type: 'unauthenticated', reason: 'malformed' };
    const known = byId.get(id);
    const right = isRight(secret, known);
    if (known === undefined) return { type: 'unauthenticated', reason: 'unknown-key' };
    if (!right) return { type: 'unauthenticated', reason: 'wrong-secret' };
    recordVerified(token, known);
    return accept(known);
  };
}

/**
 * Who asks. Each presentation of a key is tried in turn; a request without `Authorization` is `anonymous`, where there is one. A request
 * that presents something wrong is never anonymous: its sender believes to be somebody.
 */
export function createAuthenticator(schemes: readonly AuthScheme[], anonymous: Caller | undefined) {
  const unnamed: AuthResult =
    anonymous === undefined
      ? { type: 'unauthenticated', reason: 'no-credentials' }
      : { type: 'caller', caller: anonymous };
  return function authenticate(
    authorization: string | undefined,
    presented: RequestLine,
  ): AuthResult | Promise<AuthResult> {
    if (authorization === undefined) return unnamed;
    for (const scheme of schemes) {
      const authResult = scheme(authorization, presented);
      if (authResult !== undefined) return authResult;
    }
    return {
      type: 'unauthenticated',
      reason: credentialsOf('basic', authorization) === undefined ? 'unknown-scheme' : 'basic',
    };
  };
}
