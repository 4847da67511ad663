import type { Clock } from './clock.ts';

/** A bucket that fills steadily: `take` answers 0 where it gave a token, else the milliseconds until it will have one. */
export interface TokenBucket {
  take(): number;
}

/** Starts full. `perMinute` tokens come back in a minute, never more than `capacity` are in it. */
export function createTokenBucket(
  { capacity, perMinute }: { capacity: number; perMinute: number },
  clock: Clock,
): TokenBucket {
  const perMs = perMinute / 60_000;
  let tokens = capacity;
  let countedAt = clock.now();
  return {
    take() {
      const now = clock.now();
      tokens = Math.min(capacity, tokens + (now - countedAt) * perMs);
      countedAt = now;
      if (tokens >= 1) {
        tokens -= 1;
        return 0;
      }
      return Math.ceil((1 - tokens) / perMs);
    },
  };
}
