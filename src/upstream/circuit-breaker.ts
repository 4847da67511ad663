import { errorCodeOf } from '../atlas/api-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { UpstreamEvent } from './events.ts';
import { upstreamFailure } from './failure.ts';
import type { Send, UpstreamFailure, UpstreamFailureCode, UpstreamResult } from './message.ts';

/** Stops asking an Atlas that does not answer, for one credential. */
export interface CircuitBreaker {
  readonly wrap: (next: Send) => Send;
  /** Whether questions are refused now, or one of them is being tried. */
  readonly open: boolean;
}

const FAILURES_TO_OPEN = 5;
const FIRST_OPEN_MS = 5_000;
const LONGEST_OPEN_MS = 60_000;
/** While the one probe is under way the others are told to come back this soon. */
const PROBE_MS = 1_000;
const DOWN: ReadonlySet<UpstreamFailureCode> = new Set([
  'UPSTREAM_UNREACHABLE',
  'UPSTREAM_TLS',
  'UPSTREAM_PROTOCOL',
  'UPSTREAM_TIMEOUT',
]);
/** Failures that come from the gateway's own layers and say nothing of Atlas. */
const NOT_ASKED: ReadonlySet<UpstreamFailureCode> = new Set([
  'UPSTREAM_RATE_LIMITED',
  'CREDENTIALS_UNAVAILABLE',
]);

/** What an answer says of Atlas's health; `nothing` where Atlas was not asked. */
function healthOf(answer: UpstreamResult): UpstreamFailure | 'well' | 'nothing' {
  if (answer.type === 'failed')
    return DOWN.has(answer.code) ? answer : NOT_ASKED.has(answer.code) ? 'nothing' : 'well';
  return answer.status >= 500 && errorCodeOf(answer.body) !== 'TIMEOUT_WHILE_PAGING'
    ? upstreamFailure('UPSTREAM_FAILED', `Atlas answered ${answer.status}.`)
    : 'well';
}

/**
 * Closed: everything passes. After several failures in a row it opens: nothing passes, and who asks is told the last failure's code at
 * once. After a pause, longer each time, one question is let through as a probe: an answer closes the circuit, a failure opens it again.
 */
export function createCircuitBreaker(
  { credential }: { credential: string },
  { clock, random, observe }: { clock: Clock; random: Random; observe: (event: UpstreamEvent) => void },
): CircuitBreaker {
  let failures = 0;
  let openings = 0;
  let opened: { readonly until: number; readonly last: UpstreamFailure } | undefined;
  let probing = false;

  const report = (state: 'open' | 'half-open' | 'closed') => observe({ type: 'circuit', credential, state });

  function open(last: UpstreamFailure): void {
    const openMs = Math.min(LONGEST_OPEN_MS, FIRST_OPEN_MS * 2 ** openings) * (0.75 + random.fraction() / 4);
    openings++;
    opened = { until: clock.now() + openMs, last };
    report('open');
  }

  function record(answer: UpstreamResult, probe: boolean): void {
    const health = healthOf(answer);
    if (health === 'nothing') return;
    if (health === 'well') {
      failures = 0;
      if (opened === undefined || !probe) return;
      openings = 0;
      opened = undefined;
      report('closed');
      return;
    }
    failures++;
    // What was under way when it opened does not open it again.
    if (probe || (opened === undefined && failures >= FAILURES_TO_OPEN)) open(health);
  }

  const refuse = ({ code }: UpstreamFailure, waitMs: number) =>
    upstreamFailure(
      code,
      'Atlas failed several times in a row and is left alone for a moment.',
      Math.max(PROBE_MS, waitMs),
    );

  return {
    wrap: (next) => async (request) => {
      if (opened !== undefined && (probing || clock.now() < opened.until))
        return refuse(opened.last, opened.until - clock.now());
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
        // Also where `next` throws: otherwise no probe would ever be let through again.
        if (probe) probing = false;
      }
    },
    get open() {
      return opened !== undefined;
    },
  };
}
