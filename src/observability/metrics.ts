import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { LOAD_CLASSES } from '../upstream/slot-queue.ts';
import type { LogEvent } from './log.ts';
import { createRequestMetrics } from './request-metrics.ts';
import { type MetricSources, registerStateMetrics } from './state-metrics.ts';

const DURATION_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const RENEWAL_OUTCOMES = ['renewed', 'refused', 'failed', 'rotated', 'kept'] as const;

/** Derives the gateway's metrics from events, in a registry of its own. */
export function createMetrics(sources: MetricSources, build: { version: string; node: string }) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
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
  const upstreamRequests = counter('atlas_gateway_upstream_requests_total', 'Requests to Atlas.', [
    'operation',
    'credential',
    'code',
  ]);
  const upstreamSeconds = histogram(
    'atlas_gateway_upstream_request_duration_seconds',
    'Duration of requests to Atlas.',
    ['operation', 'credential'],
  );
  const queueSeconds = histogram(
    'atlas_gateway_upstream_queue_seconds',
    'Time that requests wait for a connection to Atlas.',
    ['class'],
  );
  for (const loadClass of LOAD_CLASSES) queueSeconds.zero({ class: loadClass });
  const renewals = new Counter({
    name: 'atlas_gateway_credential_renewals_total',
    help: 'Token renewals and secret rotations.',
    labelNames: ['credential', 'outcome'],
    registers,
    collect() {
      // Alerts compute its increase, which misses the first count of a series that did not exist at 0.
      for (const { credential } of sources.circuits())
        for (const outcome of RENEWAL_OUTCOMES) this.inc({ credential, outcome }, 0);
    },
  });
  const retries = counter('atlas_gateway_upstream_retries_total', 'Retries of requests to Atlas.', [
    'reason',
  ]);
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
        case 'upstream-exchange': {
          const { operation, credential, code } = event;
          upstreamRequests.inc({ operation, credential, code });
          // The series exists at 0 before the first partial answer, so that its rate is known from the start.
          partialResponses.inc({ operation }, 0);
          upstreamSeconds.observe({ operation, credential }, event.durationMs / 1_000);
          return;
        }
        case 'credential-renewal':
          renewals.inc({ credential: event.credential, outcome: event.outcome });
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
        case 'upstream-retry':
          retries.inc({ reason: event.reason });
          return;
        case 'upstream-queued':
          queueSeconds.observe({ class: event.loadClass }, event.queuedMs / 1_000);
          return;
        case 'unstable-order':
        case 'shared-state':
        case 'refreshed':
        case 'cool-down':
        case 'circuit':
        case 'cache-file':
        case 'credential-expiry':
        case 'admin-sign-in-refused':
        case 'life':
      }
    },
    /** The response to a scrape. */
    scrape: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}
