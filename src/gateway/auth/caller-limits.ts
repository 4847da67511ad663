import type { Clock } from '../../lib/clock.ts';
import { createTokenBucket, type TokenBucket } from '../../lib/token-bucket.ts';
import type { Caller } from './key-auth.ts';

/** The limits of each caller: requests, upstream calls, loads in progress, and loads that its directives force. */
export interface CallerLimits {
  /** Charges one request to the caller's rate limit and returns 0, or returns the milliseconds until one is available. */
  acquireRequest(caller: Caller): number;
  /** Reserves what a load may cost its caller, synchronously, so that concurrent loads never see the same quota. */
  reserveLoad(caller: string, load: LoadNeed): LoadReservation | LoadDenial;
  /** Applies the quotas of the configured callers; what a caller has used stays used while its rate is unchanged. */
  replace(callers: readonly Caller[]): void;
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
  readonly limit: 'loads' | 'forced-loads' | 'upstream-calls';
  readonly waitMs: number;
}

/** Loads in progress, those of all callers together. */
export const MAX_LOADS = 2_000;
/** When a caller with too many loads in progress may ask again: a load rarely takes less. */
const LOADS_WAIT_MS = 1_000;

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

/**
 * Counts the loads in progress. A caller may have as many as are free: alone up to half of them, and the more callers load, the fewer each,
 * so that some are always left for a caller that has none.
 */
function createLoadShares() {
  const counts = new Map<string, number>();
  let total = 0;
  return {
    isExhausted: (caller: string) => (counts.get(caller) ?? 0) >= MAX_LOADS - total,
    begin(caller: string): void {
      counts.set(caller, (counts.get(caller) ?? 0) + 1);
      total++;
    },
    end(caller: string): void {
      const left = (counts.get(caller) ?? 0) - 1;
      if (left > 0) counts.set(caller, left);
      else counts.delete(caller);
      total--;
    },
  };
}

/** Takes one token of `forced` and up to `calls` of `spending`, or none of either. An absent bucket imposes no limit. `onEnd` is called once. */
function reserve(
  { forced, spending }: { forced: TokenBucket | undefined; spending: TokenBucket | undefined },
  calls: number,
  onEnd: () => void,
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
      onEnd();
    },
  };
}

export function createCallerLimits(clock: Clock): CallerLimits {
  const requests = createBuckets(clock);
  const spending = createBuckets(clock);
  const forced = createBuckets(clock);
  const loads = createLoadShares();
  let spendRates = new Map<string, number>();
  return {
    acquireRequest: ({ name, requestsPerMinute }) =>
      requestsPerMinute === undefined ? 0 : requests(name, requestsPerMinute).take(),
    reserveLoad(caller, { forced: isForced, calls }) {
      if (loads.isExhausted(caller)) return { type: 'limited', limit: 'loads', waitMs: LOADS_WAIT_MS };
      const rate = spendRates.get(caller);
      const reserved = reserve(
        {
          forced: isForced ? forced(caller, FORCED_LOADS_PER_MINUTE) : undefined,
          spending: rate === undefined ? undefined : spending(caller, rate),
        },
        calls,
        () => loads.end(caller),
      );
      if (reserved.type === 'reserved') loads.begin(caller);
      return reserved;
    },
    replace(callers) {
      spendRates = new Map(
        callers.flatMap(({ name, spendPerMinute }) =>
          spendPerMinute === undefined ? [] : [[name, spendPerMinute]],
        ),
      );
    },
  };
}
