import { createAttemptLimit } from '../../lib/attempt-limit.ts';
import { networkOf } from '../../lib/client-network.ts';
import type { Clock } from '../../lib/clock.ts';

/** Limits how often the admin token can be guessed. Right tokens are never counted. */
export interface SignInLimit {
  /** Milliseconds for which nothing from this address is compared with the token; 0 where it is. */
  waitMs(address: string | undefined): number;
  /** Counts a wrong token: 0 where it is within the limits, else as `waitMs`. */
  countFailure(address: string | undefined): number;
}

const WINDOW_MS = 60_000;
const MAX_PER_ADDRESS = 10;
const MAX_ALTOGETHER = 60;
const MAX_ADDRESSES = 10_000;
const ALL = 'all';

/**
 * 10 failures a minute from one address, 60 from all together. While the second limit is reached, an address without failures of its own is
 * still listened to, once: otherwise an attacker with many addresses would lock operators out. The price is one guess for each new
 * address; a /64 of IPv6 counts as one address.
 */
export function createSignInLimit(clock: Clock): SignInLimit {
  const byAddress = createAttemptLimit(
    { max: MAX_PER_ADDRESS, windowMs: WINDOW_MS, maxKeys: MAX_ADDRESSES },
    clock,
  );
  const altogether = createAttemptLimit({ max: MAX_ALTOGETHER, windowMs: WINDOW_MS, maxKeys: 1 }, clock);
  const keyOf = (address: string | undefined) => (address === undefined ? 'unknown' : networkOf(address));

  return {
    waitMs(address) {
      const key = keyOf(address);
      return Math.max(byAddress.waitMs(key), byAddress.has(key) ? altogether.waitMs(ALL) : 0);
    },
    countFailure: (address) => Math.max(byAddress.count(keyOf(address)), altogether.count(ALL)),
  };
}
