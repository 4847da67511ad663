import { errorCodeOf } from '../atlas/api-error.ts';
import { createBackoff } from '../lib/backoff.ts';
import { type Clock, pause } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { UpstreamEvent } from './events.ts';
import {
  type Send,
  sendDeadlineOf,
  type UpstreamFailure,
  type UpstreamFailureCode,
  type UpstreamRequest,
  type UpstreamResult,
} from './message.ts';
import { readRetryAfter } from './retry-after.ts';

/** The longest wait before another attempt: beyond it, the caller gets an error with `Retry-After` instead. */
export const LONGEST_WAIT_MS = 2_000;
/** The shortest wait after a 429: Atlas may send `Retry-After: 0` [recorded]. */
export const RATE_LIMIT_FLOOR_MS = 250;

const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 100;
const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([500, 502, 503, 504]);
const TRANSIENT_FAILURES: ReadonlySet<UpstreamFailureCode> = new Set([
  'UPSTREAM_UNREACHABLE',
  'UPSTREAM_PROTOCOL',
  'UPSTREAM_RATE_LIMITED',
]);

/** The reason of a transient failure and the wait that the response advises; undefined if a retry would not help. */
function transientFailure(
  answer: UpstreamResult,
  clock: Clock,
): { reason: string; waitMs: number } | undefined {
  if (answer.type === 'failed') {
    // The breaker has made the request wait already.
    if (answer.circuitOpen === true) return undefined;
    if (!TRANSIENT_FAILURES.has(answer.code)) return undefined;
    const floorMs = answer.code === 'UPSTREAM_RATE_LIMITED' ? RATE_LIMIT_FLOOR_MS : 0;
    return { reason: answer.code, waitMs: Math.max(floorMs, answer.retryAfterMs ?? 0) };
  }
  // The same page would only time out again; the walk requests it without counting instead.
  if (!TRANSIENT_STATUSES.has(answer.status) || errorCodeOf(answer.body) === 'TIMEOUT_WHILE_PAGING')
    return undefined;
  return { reason: 'UPSTREAM_FAILED', waitMs: readRetryAfter(answer.headers, clock) ?? 0 };
}

export interface RepeatOptions {
  /** Monotonic milliseconds after which no further attempt begins. */
  readonly deadlineAt: number;
  /** 1: no retries. */
  readonly attempts?: number;
  /** A failure that is not retried here because the caller retries it. */
  readonly except?: UpstreamFailureCode;
}

/** Makes a call and repeats it on transient failures; resolves to the last result. */
export type Repeat = (call: () => Promise<UpstreamResult>, options: RepeatOptions) => Promise<UpstreamResult>;

interface RetryDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly observe: (event: UpstreamEvent) => void;
}

/**
 * Repeats a call a few times with jittered exponential backoff, provided that the wait Atlas advises is short and ends before the deadline.
 */
export function createRepeat({ clock, random, observe }: RetryDependencies): Repeat {
  const backoffMs = createBackoff({
    firstMs: FIRST_PAUSE_MS,
    longestMs: LONGEST_WAIT_MS,
    jitter: { fraction: 0.5, random },
  });
  return async (call, { deadlineAt, attempts = ATTEMPTS, except }) => {
    for (let attempt = 1; ; attempt++) {
      const answer = await call();
      if (answer.type === 'failed' && answer.code === except) return answer;
      const failure = transientFailure(answer, clock);
      if (failure === undefined || attempt >= attempts) return answer;
      const waitMs = failure.waitMs + backoffMs(attempt - 1);
      if (failure.waitMs > LONGEST_WAIT_MS || clock.now() + waitMs >= deadlineAt) return answer;
      observe({ type: 'upstream-retry', reason: failure.reason });
      await pause(clock, waitMs);
    }
  };
}

/** A refused retry does not change that an earlier attempt was sent. */
function asSent({ unsent: _unsent, ...failure }: UpstreamFailure): UpstreamFailure {
  return failure;
}

/** Retries requests. Background refreshes are not retried: another refresh follows soon. */
export function createRetry(dependencies: RetryDependencies): (next: Send) => Send {
  const repeat = createRepeat(dependencies);
  return (next) => (request) => {
    let attempt: UpstreamRequest = request;
    let sent = false;
    return repeat(
      async () => {
        const answer = await next(attempt);
        // The first attempt has already charged all pages of the walk; each retry costs one more call.
        attempt = { ...request, cost: 1, retry: true };
        if (answer.type === 'failed' && answer.unsent === true) return sent ? asSent(answer) : answer;
        sent = true;
        return answer;
      },
      {
        deadlineAt: sendDeadlineOf(request),
        ...(request.attempts === 1 || request.priority === 'background' ? { attempts: 1 } : {}),
      },
    );
  };
}
