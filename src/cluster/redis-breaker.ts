import { createBackoff } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';

/** The circuit breaker in front of the engine: consecutive failures open it, a success closes it. */
export interface RedisBreaker {
  readonly open: boolean;
  /** Whether a call can be made now: the breaker is closed, or its pause is over and no probe is in progress. */
  readonly admits: boolean;
  /** Begins a call, which is the probe if the breaker is open; call the returned function when it has completed. */
  begin(): () => void;
  succeed(): void;
  /** Records the failure of a call; returns true if it opened the breaker or prolonged its pause. */
  fail(startedAt: number): boolean;
  /** Ends the pause: the next call is the probe. */
  endPause(): void;
}

const FAILURES_TO_OPEN = 5;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/** Opens after `FAILURES_TO_OPEN` failures in a row, then pauses for `FIRST_PAUSE_MS`, doubled with each failed probe. */
export function createRedisBreaker({ clock, random }: { clock: Clock; random: Random }): RedisBreaker {
  const pauseMs = createBackoff({
    firstMs: FIRST_PAUSE_MS,
    longestMs: LONGEST_PAUSE_MS,
    jitter: { fraction: 0.25, random },
  });
  let failures = 0;
  let failedAt = Number.NEGATIVE_INFINITY;
  let pauses = 0;
  let pausedUntil = 0;
  let probing = false;
  const isOpen = () => failures >= FAILURES_TO_OPEN;

  return {
    get open() {
      return isOpen();
    },
    get admits() {
      return !isOpen() || (!probing && clock.now() >= pausedUntil);
    },
    begin() {
      if (!isOpen()) return () => undefined;
      probing = true;
      return () => {
        probing = false;
      };
    },
    succeed() {
      failures = 0;
      pauses = 0;
    },
    fail(startedAt) {
      // Concurrent calls fail together: they count as one failure, not as several consecutive ones.
      if (startedAt < failedAt) return false;
      failedAt = clock.now();
      failures++;
      if (!isOpen()) return false;
      pausedUntil = clock.now() + pauseMs(pauses++);
      return true;
    },
    endPause() {
      pausedUntil = 0;
    },
  };
}
