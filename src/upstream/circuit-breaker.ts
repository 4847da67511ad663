import { errorCodeOf } from '../atlas/api-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { UpstreamEvent } from './events.ts';
import { upstreamFailure } from './failure.ts';
import { listIdOf } from './list-id.ts';
import type {
  Send,
  UpstreamFailure,
  UpstreamFailureCode,
  UpstreamRequest,
  UpstreamResult,
} from './message.ts';

/** The circuit breaker of one credential: it stops sending requests to an Atlas that fails altogether. */
export interface CircuitBreaker {
  readonly wrap: (next: Send) => Send;
  readonly open: boolean;
  /** When it opened, in monotonic milliseconds; undefined while it is closed. */
  readonly openedAt: number | undefined;
}

const CONNECTION_FAILURES_TO_OPEN = 5;
const FAILING_LISTS_TO_OPEN = 10;
/** While anything succeeds, Atlas is not down: the breaker opens only after this long without a success. */
const NO_SUCCESS_MS = 10_000;
const PROBE_EVERY_MS = 1_000;
/** How long a request waits for a probe to close the breaker. */
const LONGEST_WAIT_MS = 1_000;
const MAX_WAITING = 1_000;
const MAX_FAILED_LISTS = 1_000;

const CONNECTION_CODES: ReadonlySet<UpstreamFailureCode> = new Set(['UPSTREAM_UNREACHABLE', 'UPSTREAM_TLS']);
const LIST_CODES: ReadonlySet<UpstreamFailureCode> = new Set(['UPSTREAM_PROTOCOL', 'UPSTREAM_TIMEOUT']);
/** Failures of the gateway's own layers, which say nothing about Atlas's health. */
const NOT_SENT: ReadonlySet<UpstreamFailureCode> = new Set([
  'UPSTREAM_RATE_LIMITED',
  'CREDENTIALS_UNAVAILABLE',
  'OVERLOADED',
]);

/** What a result says about Atlas's health. `list`: a failure that may concern only this list. */
type Health =
  | { readonly type: 'success' | 'unknown' }
  | { readonly type: 'connection' | 'list'; readonly failure: UpstreamFailure };

function healthOf(result: UpstreamResult): Health {
  if (result.type === 'failed') {
    if (CONNECTION_CODES.has(result.code) || result.unconnected === true)
      return { type: 'connection', failure: result };
    if (LIST_CODES.has(result.code)) return { type: 'list', failure: result };
    return { type: NOT_SENT.has(result.code) ? 'unknown' : 'success' };
  }
  return result.status >= 500 && errorCodeOf(result.body) !== 'TIMEOUT_WHILE_PAGING'
    ? { type: 'list', failure: upstreamFailure('UPSTREAM_FAILED', `Atlas answered ${result.status}.`) }
    : { type: 'success' };
}

/** A list or document, whatever its filters: a caller that moves the time range of one document must not open the breaker for all others. */
const resourceOf = ({ target }: UpstreamRequest): string => listIdOf(target.split('?', 1)[0] ?? '', '');

/** Counts failures since the last success, and decides when they amount to an outage. */
function createFailureCount({ clock }: { clock: Clock }) {
  let connectionFailures = 0;
  const lists = new Set<string>();
  let succeededAt = Number.NEGATIVE_INFINITY;
  return {
    succeed() {
      connectionFailures = 0;
      lists.clear();
      succeededAt = clock.now();
    },
    /** A request that is retried fails once, however many attempts fail. */
    fail(type: 'connection' | 'list', request: UpstreamRequest) {
      if (type === 'connection') {
        if (request.retry !== true) connectionFailures++;
        return;
      }
      if (lists.size < MAX_FAILED_LISTS) lists.add(resourceOf(request));
    },
    hasFailed: (request: UpstreamRequest) => lists.has(resourceOf(request)),
    isOutage: () =>
      clock.now() - succeededAt >= NO_SUCCESS_MS &&
      (connectionFailures >= CONNECTION_FAILURES_TO_OPEN || lists.size >= FAILING_LISTS_TO_OPEN),
  };
}

interface WaitingRequest {
  readonly request: UpstreamRequest;
  readonly proceed: () => void;
}

/**
 * Closed: all requests pass. Connection failures, or failures of many lists, open the breaker if nothing succeeds: one list that keeps
 * failing never does. Open: one request a second passes as a probe, preferably for a list that has not failed, since a sick list says
 * nothing about the others. The rest wait up to a second for a success, which closes the breaker, and fail with the code of the last failure.
 */
export function createCircuitBreaker(
  { credential }: { credential: string },
  { clock, observe }: { clock: Clock; observe: (event: UpstreamEvent) => void },
): CircuitBreaker {
  const failures = createFailureCount({ clock });
  const waiting = new Set<WaitingRequest>();
  let opened: { readonly at: number; last: UpstreamFailure; probeAt: number } | undefined;
  let cancelProbe: (() => void) | undefined;

  function release(one: WaitingRequest): void {
    waiting.delete(one);
    one.proceed();
  }

  function close(): void {
    failures.succeed();
    if (opened === undefined) return;
    const openMs = clock.now() - opened.at;
    opened = undefined;
    observe({ type: 'circuit', credential, state: 'closed', openMs });
    for (const one of [...waiting]) release(one);
  }

  function record(result: UpstreamResult, request: UpstreamRequest): void {
    const health = healthOf(result);
    switch (health.type) {
      case 'unknown':
        return;
      case 'success':
        close();
        return;
      case 'connection':
      case 'list':
        failures.fail(health.type, request);
        if (opened !== undefined) opened.last = health.failure;
        else if (failures.isOutage()) {
          const at = clock.now();
          opened = { at, last: health.failure, probeAt: at + PROBE_EVERY_MS };
          const { code, detail } = health.failure;
          observe({ type: 'circuit', credential, state: 'open', code, detail });
        }
    }
  }

  /** Sends a waiting request as a probe, if one is due. */
  function probe(): void {
    const [first] = waiting;
    if (opened === undefined || first === undefined || clock.now() < opened.probeAt) return;
    const healthy = [...waiting].find(({ request }) => !failures.hasFailed(request));
    opened.probeAt = clock.now() + PROBE_EVERY_MS;
    release(healthy ?? first);
  }

  function scheduleProbe(): void {
    if (opened === undefined || cancelProbe !== undefined || waiting.size === 0) return;
    cancelProbe = clock.after(opened.probeAt - clock.now(), () => {
      cancelProbe = undefined;
      probe();
      scheduleProbe();
    });
  }

  /** Resolves to undefined if the request may be sent: as a probe, or because the breaker has closed. */
  function admit(
    request: UpstreamRequest,
  ): UpstreamFailure | undefined | Promise<UpstreamFailure | undefined> {
    if (opened === undefined) return undefined;
    const { last } = opened;
    if (waiting.size === 0 && clock.now() >= opened.probeAt) {
      opened.probeAt = clock.now() + PROBE_EVERY_MS;
      return undefined;
    }
    if (waiting.size >= MAX_WAITING) return rejection(last);
    return new Promise((resolve) => {
      const one: WaitingRequest = {
        request,
        proceed() {
          cancel();
          resolve(undefined);
        },
      };
      const waitMs = Math.min(LONGEST_WAIT_MS, request.deadlineAt - clock.now());
      const cancel = clock.after(waitMs, () => {
        // A probe may be due at this very moment.
        probe();
        waiting.delete(one);
        resolve(rejection(opened?.last ?? last));
      });
      waiting.add(one);
      scheduleProbe();
    });
  }

  return {
    wrap: (next) => async (request) => {
      const failure = await admit(request);
      if (failure !== undefined) return failure;
      const result = await next(request);
      record(result, request);
      return result;
    },
    get open() {
      return opened !== undefined;
    },
    get openedAt() {
      return opened?.at;
    },
  };
}

const rejection = ({ code }: UpstreamFailure): UpstreamFailure => ({
  ...upstreamFailure(
    code,
    'The circuit breaker is open because Atlas failed several times in a row.',
    PROBE_EVERY_MS,
  ),
  circuitOpen: true,
  unsent: true,
});
