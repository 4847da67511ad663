import { errorCodeOf } from '../atlas/api-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { UpstreamEvent } from './events.ts';
import type { Send, UpstreamFailureCode, UpstreamRequest, UpstreamResult } from './message.ts';
import { readRetryAfter } from './retry-after.ts';

/** The longest wait for another attempt: a caller who waits longer is better told to come back. */
export const LONGEST_WAIT_MS = 2_000;
/** The shortest wait after a 429: Atlas can advise 0 seconds [recorded]. */
export const RATE_LIMIT_FLOOR_MS = 250;

const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 100;
const PASSING_STATUSES: ReadonlySet<number> = new Set([500, 502, 503, 504]);
const PASSING_FAILURES: ReadonlySet<UpstreamFailureCode> = new Set([
  'UPSTREAM_UNREACHABLE',
  'UPSTREAM_PROTOCOL',
  'UPSTREAM_RATE_LIMITED',
]);

/** Why an answer may be another one a moment later, and the wait it asks for; undefined where it would not. */
function passingTrouble(
  answer: UpstreamResult,
  clock: Clock,
): { reason: string; waitMs: number } | undefined {
  if (answer.type === 'failed') {
    if (!PASSING_FAILURES.has(answer.code)) return undefined;
    const floorMs = answer.code === 'UPSTREAM_RATE_LIMITED' ? RATE_LIMIT_FLOOR_MS : 0;
    return { reason: answer.code, waitMs: Math.max(floorMs, answer.retryAfterMs ?? 0) };
  }
  // Asking the same page again would only time out again; the walk asks without counting instead.
  if (!PASSING_STATUSES.has(answer.status) || errorCodeOf(answer.body) === 'TIMEOUT_WHILE_PAGING')
    return undefined;
  return { reason: 'UPSTREAM_FAILED', waitMs: readRetryAfter(answer.headers, clock) ?? 0 };
}

export interface RepeatOptions {
  /** Monotonic milliseconds after which no further attempt begins. */
  readonly deadlineAt: number;
  /** 1: the first answer stands. */
  readonly attempts?: number;
  /** A failure that is not repeated here, because the caller repeats it. */
  readonly except?: UpstreamFailureCode;
}

/** Makes a call, and makes it again where the trouble may pass; resolves to the last answer. */
export type Repeat = (call: () => Promise<UpstreamResult>, options: RepeatOptions) => Promise<UpstreamResult>;

interface RetryDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly observe: (event: UpstreamEvent) => void;
}

/**
 * Repeats a call a few times, after a growing, jittered pause, and only where the wait that Atlas asks for is short and ends before the
 * deadline.
 */
export function createRepeat({ clock, random, observe }: RetryDependencies): Repeat {
  const pause = (waitMs: number) => new Promise<void>((resolve) => void clock.after(waitMs, resolve));
  return async (call, { deadlineAt, attempts = ATTEMPTS, except }) => {
    for (let attempt = 1; ; attempt++) {
      const answer = await call();
      if (answer.type === 'failed' && answer.code === except) return answer;
      const trouble = passingTrouble(answer, clock);
      if (trouble === undefined || attempt >= attempts) return answer;
      const pauseMs = FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + random.fraction() / 2);
      const waitMs = trouble.waitMs + pauseMs;
      if (trouble.waitMs > LONGEST_WAIT_MS || clock.now() + waitMs >= deadlineAt) return answer;
      observe({ type: 'upstream-retry', reason: trouble.reason });
      await pause(waitMs);
    }
  };
}

/** Repeats requests. A background refresh is not worth a second attempt: the next one is near. */
export function createRetry(dependencies: RetryDependencies): (next: Send) => Send {
  const repeat = createRepeat(dependencies);
  return (next) => (request) => {
    let attempt: UpstreamRequest = request;
    return repeat(
      () => {
        const answer = next(attempt);
        // What a walk paid ahead for its other pages is paid; another attempt costs one call more.
        attempt = { ...request, cost: 1 };
        return answer;
      },
      { deadlineAt: request.deadlineAt, ...(request.priority === 'background' ? { attempts: 1 } : {}) },
    );
  };
}
