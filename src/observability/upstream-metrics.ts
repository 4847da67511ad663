import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { CallerCallEvent } from '../gateway/events.ts';
import type { UpstreamEvent } from '../upstream/events.ts';
import { LOAD_CLASSES } from '../upstream/slot-queue.ts';

const RENEWAL_OUTCOMES = ['renewed', 'refused', 'failed', 'rotated', 'kept'] as const;
const RETRY_REASONS = [
  'UPSTREAM_FAILED',
  'UPSTREAM_UNREACHABLE',
  'UPSTREAM_PROTOCOL',
  'UPSTREAM_RATE_LIMITED',
] as const;

/** What became of a call. `refused`: Atlas answered with another 4xx than 429. */
type CallOutcome = 'success' | 'refused' | 'rate-limited' | 'timeout' | 'failed';

/** `code`: a status, or the code of a failure. */
function outcomeOf(code: string): CallOutcome {
  if (code === 'UPSTREAM_TIMEOUT') return 'timeout';
  if (code === '429') return 'rate-limited';
  if (/^[23]\d\d$/.test(code)) return 'success';
  return /^4\d\d$/.test(code) ? 'refused' : 'failed';
}

type MeasuredEvent =
  | CallerCallEvent
  | Extract<
      UpstreamEvent,
      { type: 'upstream-exchange' | 'upstream-retry' | 'upstream-queued' | 'credential-renewal' }
    >;

export interface UpstreamMetricsOptions {
  readonly registers: Registry[];
  /** Upper bounds in seconds, ascending. */
  readonly buckets: number[];
  readonly credentials: () => readonly string[];
  /** Milliseconds since the Unix epoch. */
  readonly wall: () => number;
}

/** Measures the calls to Atlas. */
export function createUpstreamMetrics({
  registers,
  buckets,
  credentials,
  wall,
}: UpstreamMetricsOptions): (event: MeasuredEvent) => void {
  const requests = new Counter({
    name: 'atlas_gateway_upstream_requests_total',
    help: 'Requests to Atlas.',
    labelNames: ['operation', 'credential', 'code'],
    registers,
  });
  const seconds = new Histogram({
    name: 'atlas_gateway_upstream_request_duration_seconds',
    help: 'Duration of requests to Atlas.',
    labelNames: ['operation', 'credential', 'outcome'],
    registers,
    buckets,
  });
  const successes = new Map<string, number>();
  new Gauge({
    name: 'atlas_gateway_upstream_last_success_timestamp_seconds',
    help: 'Unix time of the last successful response of Atlas to a credential.',
    labelNames: ['credential'],
    registers,
    collect() {
      // Without the credentials that a reload has removed: their age would grow for ever.
      this.reset();
      for (const credential of credentials()) {
        const at = successes.get(credential);
        if (at !== undefined) this.set({ credential }, at);
      }
    },
  });
  const callerRequests = new Counter({
    name: 'atlas_gateway_caller_upstream_requests_total',
    help: 'Requests to Atlas that a caller caused, background refreshes included.',
    labelNames: ['caller', 'operation'],
    registers,
  });
  const operationInfo = new Gauge({
    name: 'atlas_gateway_operation_info',
    help: 'The rate limit bucket of Atlas that an operation charges, for operations that were requested from Atlas.',
    labelNames: ['operation', 'endpoint_set'],
    registers,
  });
  const queueSeconds = new Histogram({
    name: 'atlas_gateway_upstream_queue_seconds',
    help: 'Time that requests wait for a connection to Atlas.',
    labelNames: ['class'],
    registers,
    buckets,
  });
  for (const loadClass of LOAD_CLASSES) queueSeconds.zero({ class: loadClass });
  const renewals = new Counter({
    name: 'atlas_gateway_credential_renewals_total',
    help: 'Token renewals and secret rotations.',
    labelNames: ['credential', 'outcome'],
    registers,
    collect() {
      // Alerts compute its increase, which misses the first count of a series that did not exist at 0.
      for (const credential of credentials())
        for (const outcome of RENEWAL_OUTCOMES) this.inc({ credential, outcome }, 0);
    },
  });
  const retries = new Counter({
    name: 'atlas_gateway_upstream_retries_total',
    help: 'Retries of requests to Atlas.',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of RETRY_REASONS) retries.inc({ reason }, 0);

  return (event) => {
    switch (event.type) {
      case 'caller-call': {
        const { caller, operation, endpointSet } = event;
        callerRequests.inc({ caller, operation });
        operationInfo.set({ operation, endpoint_set: endpointSet }, 1);
        return;
      }
      case 'upstream-exchange': {
        const { operation, credential, code } = event;
        const outcome = outcomeOf(code);
        requests.inc({ operation, credential, code });
        seconds.observe({ operation, credential, outcome }, event.durationMs / 1_000);
        if (outcome === 'success') successes.set(credential, wall() / 1_000);
        return;
      }
      case 'upstream-retry':
        retries.inc({ reason: event.reason });
        return;
      case 'upstream-queued':
        queueSeconds.observe({ class: event.loadClass }, event.queuedMs / 1_000);
        return;
      case 'credential-renewal':
        renewals.inc({ credential: event.credential, outcome: event.outcome });
    }
  };
}
