import type { Clock } from '../../lib/clock.ts';
import { createTokenBucket, type TokenBucket } from '../../lib/token-bucket.ts';
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
export interface Access {
  authenticate(authorization: string | undefined, requestLine: RequestLine): AuthResult | Promise<AuthResult>;
  challenges(stale: boolean): readonly string[];
  /** Charges one request to the caller's rate limit and returns 0, or returns the milliseconds until one is available. */
  acquireRequest(caller: Caller): number;
  /** Reserves what a load may cost its caller, synchronously, so that concurrent loads never see the same quota. */
  reserveLoad(caller: string, load: LoadNeed): LoadReservation | LoadDenial;
  replace(list: AccessList): void;
}

/** The cost of a load that a caller requests. */
export interface LoadNeed {
  /** Whether the cache could serve the request, and only its directives force the load. */
  readonly forced: boolean;
  /** Upstream calls that it is known to need, at least 1. */
  readonly calls: number;
}

/** Quota that a load has reserved. Both functions may be called in any order, and again after `end`. */
export interface LoadReservation {
  readonly type: 'reserved';
  /** Counts an upstream call. Calls beyond the reserved ones become debt: a started load is finished, since others may wait for it. */
  charge(): void;
  /** Ends the load and refunds the reserved calls that were not made. */
  end(): void;
}

/** Why a caller may not cause a load now, and for how many milliseconds. */
export interface LoadDenial {
  readonly type: 'limited';
  readonly limit: 'forced-loads' | 'upstream-calls';
  readonly waitMs: number;
}

/** How often per minute the request directives of a caller may force a load of a cached list. */
const FORCED_LOADS_PER_MINUTE = 20;

/** Token buckets by caller, created on first use; a changed rate creates a new one. */
function createBuckets(clock: Clock) {
  const buckets = new Map<string, { perMinute: number; bucket: TokenBucket }>();
  return (caller: string, perMinute: number): TokenBucket => {
    const known = buckets.get(caller);
    if (known?.perMinute === perMinute) return known.bucket;
    const bucket = createTokenBucket({ capacity: perMinute, perMinute }, clock);
    buckets.set(caller, { perMinute, bucket });
    return bucket;
  };
}

/** Takes one token of `forced` and up to `calls` of `spending`, or none of either. An absent bucket imposes no limit. */
function reserve(
  { forced, spending }: { forced: TokenBucket | undefined; spending: TokenBucket | undefined },
  calls: number,
): LoadReservation | LoadDenial {
  const forcedWaitMs = forced?.pause() ?? 0;
  if (forcedWaitMs > 0) return { type: 'limited', limit: 'forced-loads', waitMs: forcedWaitMs };
  const spendingWaitMs = spending?.pause() ?? 0;
  if (spendingWaitMs > 0) return { type: 'limited', limit: 'upstream-calls', waitMs: spendingWaitMs };
  forced?.take();
  let unused = spending?.takeUpTo(calls) ?? 0;
  let charged = false;
  let ended = false;
  return {
    type: 'reserved',
    charge() {
      charged = true;
      if (unused > 0) unused--;
      else spending?.spend();
    },
    end() {
      if (ended) return;
      ended = true;
      spending?.refund(unused);
      unused = 0;
      if (!charged) forced?.refund(1);
    },
  };
}

/** `nonceStore`, `tokens` and `issuerKeys` survive a change of keys: nonces stay used, and tokens of unchanged keys stay valid. */
export function createAccess(
  list: AccessList,
  {
    nonceStore,
    tokens,
    issuerKeys,
    clock,
  }: { nonceStore: NonceStore; tokens: Tokens; issuerKeys: IssuerKeys; clock: Clock },
): Access {
  const requests = createBuckets(clock);
  const spending = createBuckets(clock);
  const forced = createBuckets(clock);
  let spendRates = new Map<string, number>();
  let authenticate: Access['authenticate'];
  let challenges: Access['challenges'];

  function replace({ callers, anonymous, issuers, rules }: AccessList): void {
    tokens.replaceKeys(callers);
    const digest = createDigestKeys(callers, nonceStore, clock);
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
    spendRates = new Map(
      callers.flatMap(({ caller }) =>
        caller.spendPerMinute === undefined ? [] : [[caller.name, caller.spendPerMinute]],
      ),
    );
  }
  replace(list);

  return {
    authenticate: (authorization, requestLine) => authenticate(authorization, requestLine),
    challenges: (stale) => challenges(stale),
    acquireRequest: ({ name, requestsPerMinute }) =>
      requestsPerMinute === undefined ? 0 : requests(name, requestsPerMinute).take(),
    reserveLoad(caller, { forced: isForced, calls }) {
      const rate = spendRates.get(caller);
      return reserve(
        {
          forced: isForced ? forced(caller, FORCED_LOADS_PER_MINUTE) : undefined,
          spending: rate === undefined ? undefined : spending(caller, rate),
        },
        calls,
      );
    },
    replace,
  };
}
