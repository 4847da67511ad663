import { createBackoff } from '../../lib/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Random } from '../../lib/random.ts';
import type { UpstreamFailure } from '../message.ts';

/** The pauses between attempts to mint a token while the token endpoint keeps failing. */
export interface MintPause {
  /** Failed attempts since the last token. */
  readonly failures: number;
  /** The last failure, which waiting requests get. */
  readonly last: UpstreamFailure;
  /** Milliseconds until a token may be requested again; 0 if it may be now. */
  msLeft(): number;
  /** Records a failed attempt and returns its failure, with the pause that follows. `advisedMs`: the `Retry-After` of the token endpoint; 0 if it sent none. */
  begin(failure: UpstreamFailure, advisedMs: number): UpstreamFailure;
  /** A token was minted. */
  reset(): void;
}

const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;

/** `initial`: the failure before any attempt. */
export function createMintPause(
  initial: UpstreamFailure,
  { clock, random }: { clock: Clock; random: Random },
): MintPause {
  const backoffMs = createBackoff({
    firstMs: FIRST_MS,
    longestMs: LONGEST_MS,
    jitter: { fraction: 0.5, random },
  });
  let failures = 0;
  let pausedUntil = 0;
  let last = initial;

  return {
    get failures() {
      return failures;
    },
    get last() {
      return last;
    },
    msLeft: () => Math.max(0, pausedUntil - clock.now()),
    begin(failure, advisedMs) {
      failures++;
      last = failure;
      const waitMs = Math.max(backoffMs(failures - 1), Math.min(advisedMs, LONGEST_MS));
      pausedUntil = clock.now() + waitMs;
      return { ...last, retryAfterMs: waitMs };
    },
    reset() {
      failures = 0;
    },
  };
}
