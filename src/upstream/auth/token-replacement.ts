import { createBackoff } from '../../lib/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Random } from '../../lib/random.ts';

/**
 * Limits how often rejected tokens are replaced. An Atlas that rejects every token it issues would otherwise be asked for one by each load:
 * a service account has at most 100 live tokens, and once they are used up it gets none for an hour, even if Atlas is well again.
 */
export interface TokenReplacement {
  /** Whether a rejected token may be replaced now; each replacement makes the next one wait, until Atlas accepts a token. */
  begin(): boolean;
  /** Atlas accepted a token. */
  reset(): void;
}

const FIRST_MS = 1_000;
const LONGEST_MS = 120_000;

export function createTokenReplacement({
  clock,
  random,
}: {
  clock: Clock;
  random: Random;
}): TokenReplacement {
  const backoffMs = createBackoff({
    firstMs: FIRST_MS,
    longestMs: LONGEST_MS,
    jitter: { fraction: 0.5, random },
  });
  let replaced = 0;
  let pausedUntil = Number.NEGATIVE_INFINITY;

  return {
    begin() {
      if (clock.now() < pausedUntil) return false;
      pausedUntil = clock.now() + backoffMs(replaced);
      replaced++;
      return true;
    },
    reset() {
      replaced = 0;
      pausedUntil = Number.NEGATIVE_INFINITY;
    },
  };
}
