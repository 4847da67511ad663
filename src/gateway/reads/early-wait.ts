import type { PageOptions } from '../../atlas/query.ts';
import type { EarlyAnswer } from '../../cache/loads.ts';
import type { Clock } from '../../lib/clock.ts';
import type { UpstreamFailure } from '../../upstream/message.ts';
import type { CachedList } from './listing.ts';

type EarlyListAnswer = EarlyAnswer<CachedList, UpstreamFailure>;

/** A request that waits for a load. */
export interface WaitingRequest {
  /** The page it asks for; undefined if only the whole list can answer it. */
  readonly shape: PageOptions | undefined;
  /** Monotonic milliseconds. */
  readonly deadlineAt: number;
  /** Whether it takes an older listing if the load takes long. */
  readonly acceptsStale: boolean;
}

/** One request's wait: its timers end when it is answered. */
export interface Wait {
  readonly promise: Promise<EarlyListAnswer>;
  readonly answer: (answer: EarlyListAnswer | Promise<never>) => void;
  /** Runs unless the request has been answered by then. */
  readonly later: (ms: number, act: () => void) => void;
}

/** Longer than this, and a request takes an older copy, or loads its own page besides the walk. */
export const PATIENCE_MS = 1_500;

export function createWait(clock: Clock): Wait {
  const timers: (() => void)[] = [];
  let over = false;
  let settle: (answer: EarlyListAnswer | Promise<never>) => void = () => undefined;
  const promise = new Promise<EarlyListAnswer>((resolve) => {
    settle = resolve;
  });
  return {
    promise,
    answer(answer) {
      if (over) return;
      over = true;
      for (const cancel of timers) cancel();
      settle(answer);
    },
    later(ms, act) {
      if (!over) timers.push(clock.after(ms, act));
    },
  };
}
