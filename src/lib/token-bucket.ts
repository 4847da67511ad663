import type { Clock } from './clock.ts';

/** A token bucket that refills continuously. */
export interface TokenBucket {
  /** Takes a token and returns 0, or takes none and returns the milliseconds until one is available. */
  take(): number;
  /** Takes up to `wanted` whole tokens and returns how many. */
  takeUpTo(wanted: number): number;
  /** Returns tokens that were taken but not used. */
  refund(tokens: number): void;
  /** Milliseconds until a token is available; 0 if one is. Takes none. */
  pause(): number;
  /** Takes a token even if none is available: a cost that was not known in advance becomes debt. */
  spend(): void;
}

/** Starts full and refills at `perMinute` tokens per minute, up to `capacity`. */
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
