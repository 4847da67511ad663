import { Counter, Histogram, type Registry } from 'prom-client';
import type { RequestCompletedEvent } from '../gateway/events.ts';

/** The `operation` and `caller` of a request without one: label values never come from the request itself. */
const NONE = 'none';

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
  // Children bound by `labels()` save nothing: prom-client computes the key of a series on each observation either way.
  return ({ operation = NONE, caller = NONE, status, cache, durationMs }) => {
    requests.inc({ operation, caller, code: status, cache });
    seconds.observe({ operation, cache }, durationMs / 1_000);
  };
}
