import type { Clock } from './clock.ts';

/** A bucket that fills steadily. */
export interface TokenBucket {
  /** Takes a token and answers 0, or takes none and answers the milliseconds until there is one. */
  take(): number;
  /** Takes up to `wanted` tokens, as many as there are; 0 where there is not a whole one. */
  takeUpTo(wanted: number): number;
  /** Puts back tokens that were taken and not used. */
  refund(tokens: number): void;
  /** Milliseconds until there is a token; 0 where there is one. Takes none. */
  pause(): number;
  /** Takes a token that may not be there yet: what could not be known beforehand is paid for afterwards. */
  spend(): void;
}

/** Starts full. `perMinute` tokens come back in a minute, never more than `capacity` are in it. */
export function createTokenBucket(
  { capacity, perMinute }: { capacity: number; perMinute: number },
  clock: Clock,
): TokenBucket {
  const perMs = perMinute / 60_000;
  let tokens = capacity;
  let countedAt = clock.now();
  function fill(): number {
    const now = clock.now();
    tokens = Math.min(capacity, tokens + (now - countedAt) * perMs);
    countedAt = now;
    return tokens;
  }
  const pause = () => (fill() >= 1 ? 0 : Math.ceil((1 - tokens) / perMs));
  return {
    pause,
    take() {
      const waitMs = pause();
      if (waitMs === 0) tokens -= 1;
      return waitMs;
    },
    takeUpTo(wanted) {
      const taken = Math.max(0, Math.min(wanted, Math.floor(fill())));
      tokens -= taken;
      return taken;
    },
    refund(unused) {
      tokens = Math.min(capacity, fill() + unused);
    },
    spend() {
      fill();
      tokens -= 1;
    },
  };
}
