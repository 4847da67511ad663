import type { Clock } from '../../lib/clock.ts';
import { type CallerLimits, createCallerLimits } from './caller-limits.ts';
import { createDigestKeys, type NonceStore } from './digest-auth.ts';
import type { IssuerKeys } from './issuer-keys.ts';
import { createIssuedTokens, type Issuer, type TokenRule } from './jwt-auth.ts';
import {
  type AuthResult,
  type Caller,
  type CallerKeys,
  createAuthenticator,
  createBearerKeys,
  type RequestLine,
} from './key-auth.ts';
import type { Tokens } from './token-service.ts';

/** The configured callers, issuers and token rules. */
export interface AccessList {
  readonly callers: readonly CallerKeys[];
  readonly anonymous?: Caller;
  readonly issuers: readonly Issuer[];
  readonly rules: readonly TokenRule[];
}

/** Authenticates callers and enforces their limits. */
export interface Access extends Pick<CallerLimits, 'acquireRequest' | 'reserveLoad'> {
  authenticate(authorization: string | undefined, requestLine: RequestLine): AuthResult | Promise<AuthResult>;
  challenges(stale: boolean): readonly string[];
  replace(list: AccessList): void;
}

/** `nonceStore`, `tokens` and `issuerKeys` survive a change of keys: nonces stay used, and tokens of unchanged keys stay valid. */
export function createAccess(
  list: AccessList,
  {
    nonceStore,
    tokens,
    issuerKeys,
    clock,
    basePath = '',
  }: {
    nonceStore: NonceStore;
    tokens: Tokens;
    issuerKeys: IssuerKeys;
    clock: Clock;
    /** The path under which a proxy serves the gateway, if any. */
    basePath?: string;
  },
): Access {
  const limits = createCallerLimits(clock);
  let authenticate: Access['authenticate'];
  let challenges: Access['challenges'];

  function replace({ callers, anonymous, issuers, rules }: AccessList): void {
    tokens.replaceKeys(callers);
    const digest = createDigestKeys(callers, { nonceStore, clock, basePath });
    // In the order in which they are tried.
    authenticate = createAuthenticator(
      [
        createBearerKeys(callers, clock),
        digest.scheme,
        tokens.scheme,
        createIssuedTokens(issuers, rules, { clock, issuerKeys }),
      ],
      anonymous,
    );
    // Only the Digest challenge has a realm: Python's requests parses all challenges as one and would confuse the realms.
    challenges = (stale) => [...digest.challenges(stale), 'Bearer scope="lists"'];
    limits.replace(callers.map(({ caller }) => caller));
  }
  replace(list);

  return {
    authenticate: (authorization, requestLine) => authenticate(authorization, requestLine),
    challenges: (stale) => challenges(stale),
    acquireRequest: limits.acquireRequest,
    reserveLoad: limits.reserveLoad,
    replace,
  };
}
