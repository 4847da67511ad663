import type { Clock } from '../lib/clock.ts';
import { createTokenBucket, type TokenBucket } from '../lib/token-bucket.ts';
import {
  type Caller,
  type CallerEntry,
  createBearerKeys,
  createIdentify,
  type Identified,
  type Presented,
} from './callers.ts';
import { createDigestKeys, type NonceBook } from './digest-keys.ts';
import { createIssuedTokens, type Issuer, type TokenRule } from './issuers.ts';
import type { Tokens } from './tokens.ts';

/** Who is known, as the configuration says. */
export interface AccessList {
  readonly callers: readonly CallerEntry[];
  readonly anonymous?: Caller;
  readonly issuers: readonly Issuer[];
  readonly rules: readonly TokenRule[];
}

/** Who may come in, and how often; replaced as a whole when the configuration changes. */
export interface Access {
  identify(authorization: string | undefined, presented: Presented): Identified | Promise<Identified>;
  challenges(stale: boolean): readonly string[];
  /** Milliseconds until a caller may make a request again; 0 where it may now. */
  pace(caller: Caller): number;
  /** Milliseconds until a caller may cause a question to Atlas again; 0 where it may now. Takes nothing. */
  spendingPause(caller: string): number;
  /** Counts a question to Atlas that a caller caused. */
  spend(caller: string): void;
  /** Milliseconds until a caller may have Atlas asked again by `no-cache`; 0 where it may now. */
  forceLoad(caller: string): number;
  replace(list: AccessList): void;
}

/** How often a caller may have Atlas asked again by `Cache-Control: no-cache`, in a minute. */
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

/** `book` and `tokens` outlive a change of keys: nonces stay used, tokens of keys that stay go on working. */
export function createAccess(
  list: AccessList,
  { book, tokens, clock }: { book: NonceBook; tokens: Tokens; clock: Clock },
): Access {
  const requests = createBuckets(clock);
  const spending = createBuckets(clock);
  const forced = createBuckets(clock);
  let spendRates = new Map<string, number>();
  let identify: Access['identify'];
  let challenges: Access['challenges'];

  function replace({ callers, anonymous, issuers, rules }: AccessList): void {
    tokens.replaceKeys(callers);
    const digest = createDigestKeys(callers, book, clock);
    // The ways to present a credential, in the order they are tried.
    identify = createIdentify(
      [
        createBearerKeys(callers, clock),
        digest.presentation,
        tokens.presentation,
        createIssuedTokens(issuers, rules, clock),
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
    identify: (authorization, presented) => identify(authorization, presented),
    challenges: (stale) => challenges(stale),
    pace: ({ name, requestsPerMinute }) =>
      requestsPerMinute === undefined ? 0 : requests(name, requestsPerMinute).take(),
    spendingPause(caller) {
      const rate = spendRates.get(caller);
      return rate === undefined ? 0 : spending(caller, rate).pause();
    },
    spend(caller) {
      const rate = spendRates.get(caller);
      if (rate !== undefined) spending(caller, rate).spend();
    },
    forceLoad: (caller) => forced(caller, FORCED_LOADS_PER_MINUTE).take(),
    replace,
  };
}
