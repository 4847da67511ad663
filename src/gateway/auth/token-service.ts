import { LRUCache } from 'lru-cache';
import { createAttemptLimit } from '../../lib/attempt-limit.ts';
import { credentialsOf } from '../../lib/auth-params.ts';
import type { Clock } from '../../lib/clock.ts';
import { compactText } from '../../lib/compact-buffer.ts';
import type { Random } from '../../lib/random.ts';
import { type ClientResult, createClientAuthentication } from './client-authentication.ts';
import type { AuthResult, AuthScheme, CallerKeys } from './key-auth.ts';
import { type KeysById, keysById } from './known-keys.ts';
import { createRevokedTokens } from './revoked-tokens.ts';
import {
  createSignedTokens,
  LIFETIME_SECONDS,
  MAX_SKEW_MS,
  readIssuer,
  TOKEN_ISSUER,
  type VerifiedToken,
} from './signed-tokens.ts';

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

const MAX_VERIFIED = 10_000;
/** Tokens that one key can revoke per hour, the lifetime of a token; this bounds the revocations stored for it. */
const REVOCATIONS = { max: 5_000, windowMs: LIFETIME_SECONDS * 1_000, maxKeys: 10_000 };
const COMPACT_JWT = /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/;

const tooMany = (waitMs: number, description: string): TokenResponse => ({
  status: 429,
  body: { error: 'slow_down', error_description: description },
  retryAfterSeconds: Math.ceil(waitMs / 1_000),
  reason: 'too-many-attempts',
});

/** The response to a client that was not authenticated. */
function clientError(result: Exclude<ClientResult, { type: 'client' }>): TokenResponse {
  switch (result.type) {
    case 'too-many-attempts':
      return tooMany(result.waitMs, 'Too many attempts.');
    case 'invalid-client':
      return {
        status: 401,
        body: { error: 'invalid_client', error_description: 'Invalid credentials provided.' },
        reason: result.reason,
      };
  }
}

const UNSUPPORTED_GRANT_TYPE = {
  status: 400,
  body: { error: 'unsupported_grant_type', error_description: 'Only client_credentials is supported.' },
  reason: 'grant-type',
} as const;

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
  { signingKey, otherKey, onRevoke }: TokensOptions,
  { clock, random }: { clock: Clock; random: Random },
): Tokens {
  let byId: KeysById = new Map();
  const authenticateClient = createClientAuthentication(() => byId, clock);
  const signed = createSignedTokens(
    { signingKey, otherKey, secretHash: (keyId) => byId.get(keyId)?.sha256 },
    { clock, random },
  );
  const revoked = createRevokedTokens(clock);
  const revocations = createAttemptLimit(REVOCATIONS, clock);
  /**
   * Tokens whose signature was verified: verification is asynchronous, while a known token is accepted synchronously. Expiry, revocation
   * and changed keys are checked every time. As with keys, the seeded hash by which it is found reveals nothing about a nearly correct token.
   */
  const verified = new LRUCache<string, VerifiedToken>({ max: MAX_VERIFIED });

  function authenticate(found: VerifiedToken | undefined): AuthResult {
    if (found === undefined) return { type: 'unauthenticated', reason: 'bad-token' };
    const key = byId.get(found.keyId);
    if (key === undefined || !key.sha256.equals(found.keyHash))
      return { type: 'unauthenticated', reason: 'unknown-key' };
    const wall = clock.wall();
    if (wall >= found.expiresAt || wall >= key.expiresAt || revoked.has(found.tokenId))
      return { type: 'unauthenticated', reason: 'expired' };
    return { type: 'caller', caller: key.caller };
  }

  return {
    async issue(authorization, form, address) {
      const client = authenticateClient({ authorization, form, address });
      if (client.type !== 'client') return clientError(client);
      const caller = client.key.caller.name;
      if (form.get('grant_type') !== 'client_credentials') return { ...UNSUPPORTED_GRANT_TYPE, caller };
      const token = await signed.sign(client.id, client.key.sha256);
      return {
        status: 200,
        body: { access_token: token, expires_in: LIFETIME_SECONDS, token_type: 'Bearer' },
        caller,
      };
    },
    async revoke(authorization, form, address) {
      const client = authenticateClient({ authorization, form, address });
      if (client.type !== 'client') return clientError(client);
      const found = await signed.verify(form.get('token') ?? '');
      // An invalid token, or one of another key, gets the same response (RFC 7009 section 2.2).
      if (found?.keyId === client.id && !revoked.has(found.tokenId)) {
        const waitMs = revocations.count(client.id);
        if (waitMs > 0) return tooMany(waitMs, 'Too many revocations.');
        revoked.add(found.tokenId, found.expiresAt);
        onRevoke?.(found.tokenId, found.expiresAt);
      }
      return { status: 200, caller: client.key.caller.name };
    },
    scheme(authorization) {
      const token = credentialsOf('bearer', authorization);
      if (token === undefined) return undefined;
      const known = verified.get(token);
      if (known !== undefined) return authenticate(known);
      if (!COMPACT_JWT.test(token) || readIssuer(token) !== TOKEN_ISSUER) return undefined;
      return signed.verify(token).then((found) => {
        if (found !== undefined) verified.set(compactText(token), found);
        return authenticate(found);
      });
    },
    applyRevocation: (tokenId) => revoked.add(tokenId, clock.wall() + LIFETIME_SECONDS * 1_000 + MAX_SKEW_MS),
    replaceSigningKey(key) {
      if (signed.replaceSigningKey(key)) verified.clear();
    },
    replaceKeys(entries) {
      byId = keysById(entries);
    },
  };
}
