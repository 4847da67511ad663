import { createAttemptLimit } from '../../lib/attempt-limit.ts';
import { networkOf } from '../../lib/client-network.ts';
import type { Clock } from '../../lib/clock.ts';

/** Limits guesses at the admin token. Correct tokens are never counted. */
export interface SignInLimit {
  /** Milliseconds until tokens from this address are compared again; 0 if they are now. */
  waitMs(address: string | undefined): number;
  /** Counts a wrong token and returns 0 within the limits, else the wait as in `waitMs`. */
  countFailure(address: string | undefined): number;
}

const WINDOW_MS = 60_000;
const MAX_PER_ADDRESS = 10;
const MAX_TOTAL = 60;
const MAX_ADDRESSES = 10_000;
const ALL = 'all';

/**
 * 10 failures a minute per address, 60 in total. While the total is reached, an address without failures of its own still gets one attempt:
 * otherwise an attacker with many addresses could lock operators out. The cost is one guess per new address; an IPv6 /64 counts as one
 * address.
 */
export function createSignInLimit(clock: Clock): SignInLimit {
  const byAddress = createAttemptLimit(
    { max: MAX_PER_ADDRESS, windowMs: WINDOW_MS, maxKeys: MAX_ADDRESSES },
    clock,
  );
  const total = createAttemptLimit({ max: MAX_TOTAL, windowMs: WINDOW_MS, maxKeys: 1 }, clock);
  const keyOf = (address: string | undefined) => (address === undefined ? 'unknown' : networkOf(address));

  return {
    waitMs(address) {
      const key = keyOf(address);
      return Math.max(byAddress.waitMs(key), byAddress.has(key) ? total.waitMs(ALL) : 0);
    },
    countFailure: (address) => Math.max(byAddress.count(keyOf(address)), total.count(ALL)),
  };
}
