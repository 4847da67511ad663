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
  readonly answer: (answer: EarlyListAnswer) => void;
  /** Ends the wait with an exception. */
  readonly fail: (error: unknown) => void;
  /** Runs unless the request has been answered by then. */
  readonly later: (ms: number, act: () => void) => void;
}

/** Longer than this, and a request takes an older copy, or loads its own page besides the walk. */
export const PATIENCE_MS = 1_500;

export function createWait(clock: Clock): Wait {
  const timers: (() => void)[] = [];
  let over = false;
  let settle: (answer: EarlyListAnswer) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<EarlyListAnswer>((...handlers) => {
    [settle, reject] = handlers;
  });

  /** Whether this is the first end of the wait. */
  function end(): boolean {
    if (over) return false;
    over = true;
    for (const cancel of timers) cancel();
    return true;
  }

  return {
    promise,
    answer(answer) {
      if (end()) settle(answer);
    },
    fail(error) {
      if (end()) reject(error);
    },
    later(ms, act) {
      if (!over) timers.push(clock.after(ms, act));
    },
  };
}
