import { Counter, Histogram, type Registry } from 'prom-client';
import type { RequestCompletedEvent } from '../gateway/events.ts';
import { isFailure } from '../gateway/request-outcome.ts';

/** The `operation` and `caller` of a request without one: label values never come from the request itself. */
const NONE = 'none';

/** The statuses of the gateway's own failures. */
const ERROR_STATUSES = [500, 502, 503, 504] as const;

/** Counts and times requests. `buckets` are upper bounds in seconds, ascending. */
export function createRequestMetrics({
  registers,
  buckets,
}: {
  registers: Registry[];
  buckets: number[];
}): (event: RequestCompletedEvent) => void {
  const requests = new Counter({
    name: 'atlas_gateway_requests_total',
    help: 'Completed requests.',
    labelNames: ['operation', 'caller', 'code', 'cache'],
    registers,
  });
  const seconds = new Histogram({
    name: 'atlas_gateway_request_duration_seconds',
    help: 'Time from request to response.',
    labelNames: ['operation', 'cache'],
    buckets,
    registers,
  });
  // Alerts compute its increase, which misses the first count of a series that did not exist at 0.
  const errors = new Counter({
    name: 'atlas_gateway_request_errors_total',
    help: 'Completed requests that failed: all 5xx but 501, and 504 in response to only-if-cached.',
    labelNames: ['code'],
    registers,
  });
  for (const code of ERROR_STATUSES) errors.inc({ code }, 0);
  // Children bound by `labels()` save nothing: prom-client computes the key of a series on each observation either way.
  return ({ operation = NONE, caller = NONE, status, cache, durationMs, errorCode }) => {
    requests.inc({ operation, caller, code: status, cache });
    seconds.observe({ operation, cache }, durationMs / 1_000);
    if (isFailure(status) && errorCode !== 'NOT_CACHED') errors.inc({ code: status });
  };
}
