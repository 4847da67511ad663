import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { LogEvent } from './log.ts';
import { OPEN_METRICS_TYPE, toOpenMetrics } from './open-metrics.ts';
import { createRequestMetrics } from './request-metrics.ts';
import { type MetricSources, registerStateMetrics } from './state-metrics.ts';
import { createUpstreamMetrics } from './upstream-metrics.ts';

const DURATION_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const EVICTION_REASONS = ['capacity', 'project-share', 'purge', 'refused'] as const;
const RELOAD_OUTCOMES = ['applied', 'partial', 'rejected'] as const;
const EXPORT_OUTCOMES = ['sent', 'failed'] as const;

/** Gauges of prom-client whose names are those of counters; each is the sum of another metric. */
const MISNAMED = [
  'nodejs_active_resources_total',
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
] as const;

/** The text formats of a scrape. */
export type MetricsFormat = 'prometheus' | 'openmetrics';

/** Derives the gateway's metrics from events, in a registry of its own. */
export function createMetrics(sources: MetricSources, build: { version: string; node: string }) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  registerStateMetrics(registers, sources);
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Counter({ name, help, labelNames, registers });
  const histogram = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Histogram({ name, help, labelNames, registers, buckets: DURATION_BUCKETS });

  const measureRequest = createRequestMetrics({ registers, buckets: DURATION_BUCKETS });
  const evictions = counter(
    'atlas_gateway_cache_evictions_total',
    'Listings evicted from the cache before they were replaced.',
    ['reason'],
  );
  for (const reason of EVICTION_REASONS) evictions.inc({ reason }, 0);
  const measureUpstream = createUpstreamMetrics({
    registers,
    buckets: DURATION_BUCKETS,
    wall: sources.wall,
    credentials: () => sources.circuits().map(({ credential }) => credential),
  });
  const shared =
    sources.sharedConnected === undefined
      ? undefined
      : {
          requests: counter('atlas_gateway_shared_requests_total', 'Requests to the shared tier.', [
            'operation',
            'outcome',
          ]),
          seconds: histogram(
            'atlas_gateway_shared_request_duration_seconds',
            'Duration of requests to the shared tier.',
            ['operation'],
          ),
        };
  const deprecated = counter(
    'atlas_gateway_deprecated_requests_total',
    'Requests for lists in an API version that has a sunset date.',
    ['operation', 'caller', 'version'],
  );
  const partialResponses = counter(
    'atlas_gateway_partial_responses_total',
    'Responses with a page of a list that was still being loaded.',
    ['operation'],
  );
  const reloads = counter('atlas_gateway_config_reloads_total', 'Configuration reloads.', ['outcome']);
  for (const outcome of RELOAD_OUTCOMES) reloads.inc({ outcome }, 0);
  const exportedSpans = counter(
    'atlas_gateway_trace_spans_total',
    'Spans that the trace collector took, or did not take.',
    ['outcome'],
  );
  for (const outcome of EXPORT_OUTCOMES) exportedSpans.inc({ outcome }, 0);
  const lastReload = new Gauge({
    name: 'atlas_gateway_config_last_reload_successful',
    help: '1 if the last configuration reload succeeded.',
    registers,
  });
  lastReload.set(1);
  new Gauge({
    name: 'atlas_gateway_build_info',
    help: 'Version of the gateway and of Node.',
    labelNames: ['version', 'node'],
    registers,
  }).set(build, 1);

  return {
    observe(event: LogEvent): void {
      switch (event.type) {
        case 'answered':
          measureRequest(event);
          return;
        case 'partial-response':
          partialResponses.inc({ operation: event.operation });
          return;
        case 'deprecated':
          deprecated.inc({ operation: event.operation, caller: event.caller, version: event.version });
          return;
        case 'evicted':
          evictions.inc({ reason: event.reason });
          return;
        case 'upstream-exchange':
          measureUpstream(event);
          // The series exists at 0 before the first partial answer, so that its rate is known from the start.
          partialResponses.inc({ operation: event.operation }, 0);
          return;
        case 'caller-call':
        case 'credential-renewal':
        case 'upstream-retry':
        case 'upstream-queued':
          measureUpstream(event);
          return;
        case 'trace-export':
          exportedSpans.inc({ outcome: event.outcome }, event.spans);
          return;
        case 'config-reload':
          reloads.inc({ outcome: event.outcome });
          lastReload.set(event.outcome === 'applied' ? 1 : 0);
          return;
        case 'shared-exchange': {
          const { operation, outcome } = event;
          shared?.requests.inc({ operation, outcome });
          // These requests were never sent, so they have no duration.
          if (outcome !== 'unavailable' && outcome !== 'busy')
            shared?.seconds.observe({ operation }, event.durationMs / 1_000);
          return;
        }
        case 'unstable-order':
        case 'shared-state':
        case 'refreshed':
        case 'cool-down':
        case 'circuit':
        case 'cache-file':
        case 'credential-expiry':
        case 'admin-sign-in-refused':
        case 'purge':
        case 'shutdown':
        case 'unexpected-error':
        case 'life':
      }
    },
    /** The response to a scrape. */
    async scrape(format: MetricsFormat) {
      const text = await registry.metrics();
      return format === 'openmetrics'
        ? { contentType: OPEN_METRICS_TYPE, text: toOpenMetrics(text) }
        : { contentType: registry.contentType, text };
    },
  };
}
