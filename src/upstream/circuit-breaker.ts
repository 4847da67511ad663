import { errorCodeOf } from '../atlas/api-error.ts';
import { createBackoff } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { UpstreamEvent } from './events.ts';
import { upstreamFailure } from './failure.ts';
import type { Send, UpstreamFailure, UpstreamFailureCode, UpstreamResult } from './message.ts';

/** The circuit breaker of one credential: it stops sending requests to an Atlas that keeps failing. */
export interface CircuitBreaker {
  readonly wrap: (next: Send) => Send;
  /** True while the breaker is open or half-open. */
  readonly open: boolean;
}

const FAILURES_TO_OPEN = 5;
const FIRST_OPEN_MS = 5_000;
const LONGEST_OPEN_MS = 60_000;
/** The minimum `retryAfterMs` of rejected requests, also while a probe is in progress. */
const PROBE_MS = 1_000;
const DOWN: ReadonlySet<UpstreamFailureCode> = new Set([
  'UPSTREAM_UNREACHABLE',
  'UPSTREAM_TLS',
  'UPSTREAM_PROTOCOL',
  'UPSTREAM_TIMEOUT',
]);
/** Failures of the gateway's own layers, which say nothing about Atlas's health. */
const NOT_SENT: ReadonlySet<UpstreamFailureCode> = new Set([
  'UPSTREAM_RATE_LIMITED',
  'CREDENTIALS_UNAVAILABLE',
]);

/** What a result says about Atlas's health; `unknown` if no request reached Atlas. */
function healthOf(answer: UpstreamResult): UpstreamFailure | 'healthy' | 'unknown' {
  if (answer.type === 'failed')
    return DOWN.has(answer.code) ? answer : NOT_SENT.has(answer.code) ? 'unknown' : 'healthy';
  return answer.status >= 500 && errorCodeOf(answer.body) !== 'TIMEOUT_WHILE_PAGING'
    ? upstreamFailure('UPSTREAM_FAILED', `Atlas answered ${answer.status}.`)
    : 'healthy';
}

/**
 * Closed: all requests pass. Consecutive failures open the breaker: it then rejects requests at once with the code of the last failure.
 * After a pause that grows with each opening, it lets one request through as a probe (half-open): success closes the breaker, failure opens
 * it again.
 */
export function createCircuitBreaker(
  { credential }: { credential: string },
  { clock, random, observe }: { clock: Clock; random: Random; observe: (event: UpstreamEvent) => void },
): CircuitBreaker {
  const openMs = createBackoff({
    firstMs: FIRST_OPEN_MS,
    longestMs: LONGEST_OPEN_MS,
    jitter: { fraction: 0.25, random },
  });
  let failures = 0;
  let openings = 0;
  let opened: { readonly until: number; readonly last: UpstreamFailure } | undefined;
  let probing = false;

  const report = (state: 'open' | 'half-open' | 'closed') => observe({ type: 'circuit', credential, state });

  function open(last: UpstreamFailure): void {
    opened = { until: clock.now() + openMs(openings), last };
    openings++;
    report('open');
  }

  function record(answer: UpstreamResult, probe: boolean): void {
    const health = healthOf(answer);
    if (health === 'unknown') return;
    if (health === 'healthy') {
      failures = 0;
      if (opened === undefined || !probe) return;
      openings = 0;
      opened = undefined;
      report('closed');
      return;
    }
    failures++;
    // A request that was in flight when the breaker opened must not open it again.
    if (probe || (opened === undefined && failures >= FAILURES_TO_OPEN)) open(health);
  }

  const reject = ({ code }: UpstreamFailure, waitMs: number): UpstreamFailure => ({
    ...upstreamFailure(
      code,
      'The circuit breaker is open because Atlas failed several times in a row.',
      Math.max(PROBE_MS, waitMs),
    ),
    unsent: true,
  });

  return {
    wrap: (next) => async (request) => {
      if (opened !== undefined && (probing || clock.now() < opened.until))
        return reject(opened.last, opened.until - clock.now());
      const probe = opened !== undefined;
      if (probe) {
        probing = true;
        report('half-open');
      }
      try {
        const answer = await next(request);
        record(answer, probe);
        return answer;
      } finally {
        // Also if `next` throws: otherwise the breaker would never let another probe through.
        if (probe) probing = false;
      }
    },
    get open() {
      return opened !== undefined;
    },
  };
}
