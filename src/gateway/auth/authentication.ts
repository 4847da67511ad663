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

/** Who is known, as the configuration says. */
export interface AccessList {
  readonly callers: readonly CallerKeys[];
  readonly anonymous?: Caller;
  readonly issuers: readonly Issuer[];
  readonly rules: readonly TokenRule[];
}

/** Who may come in, and how often; replaced as a whole when the configuration changes. */
export interface Access {
  authenticate(authorization: string | undefined, presented: RequestLine): AuthResult | Promise<AuthResult>;
  challenges(stale: boolean): readonly string[];
  /** Milliseconds until a caller may make a request again; 0 where it may now. */
  acquireRequest(caller: Caller): number;
  /** Reserves what a load may cost its caller, before anything is awaited: concurrent loads never see the same quota. */
  reserveLoad(caller: string, load: LoadNeed): LoadReservation | LoadDenial;
  replace(list: AccessList): void;
}

/** What a caller asks to have loaded. */
export interface LoadNeed {
  /** Whether the gateway could answer from its cache, and only the request's own directives force the load. */
  readonly forced: boolean;
  /** Calls to Atlas that it is known to need, at least 1. */
  readonly calls: number;
}

/** Quota that a load has taken from its caller. Both functions may be called in any order and after the end. */
export interface LoadReservation {
  readonly type: 'reserved';
  /** Counts a call to Atlas. Calls beyond those reserved are owed: a load that has begun is finished, since others may wait for it. */
  charge(): void;
  /** Ends the load, and refunds what was reserved for calls that were not made. */
  end(): void;
}

/** Why a caller may not have anything loaded now, and for how many milliseconds. */
export interface LoadDenial {
  readonly type: 'limited';
  readonly limit: 'forced-loads' | 'upstream-calls';
  readonly waitMs: number;
}

/** How often a caller's request directives may force a load of what is cached, in a minute. */
const FORCED_LOADS_PER_MINUTE = 20;

/** Buckets by caller, made when first needed; a changed rate makes a new one. */
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

/** Takes one token of `forced` and up to `calls` of `spending`, or none of either. Absent buckets limit nothing. */
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

/** `book`, `tokens` and `issuerKeys` outlive a change of keys: nonces stay used, tokens of keys that stay go on working. */
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
    // The ways to present a credential, in the order they are tried.
    authenticate = createAuthenticator(
      [
        createBearerKeys(callers, clock),
        digest.scheme,
        tokens.scheme,
        createIssuedTokens(issuers, rules, { clock, issuerKeys }),
      ],
      anonymous,
    );
    // No realm beside the digest's: Python's requests reads all challenges as one and would take it for the digest's.
    challenges = (stale) => [...digest.challenges(stale), 'Bearer scope="lists"'];
    spendRates = new Map(
      callers.flatMap(({ caller }) =>
        caller.spendPerMinute === undefined ? [] : [[caller.name, caller.spendPerMinute]],
      ),
    );
  }
  replace(list);

  return {
    authenticate: (authorization, presented) => authenticate(authorization, presented),
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
