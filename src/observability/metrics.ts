import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { PrivateLinkCount } from '../gateway/private-links.ts';
import type { LogEvent } from './log.ts';
import { createRequestMetrics, RequestHistogram } from './request-metrics.ts';

/** Values that are read at scrape time. */
export interface MetricSources {
  readonly cacheBytes: () => number;
  readonly cacheListings: () => number;
  /** Usage of each cache partition, by project or organization id. */
  readonly cacheProjects: () => Iterable<{ project: string; bytes: number; entries: number }>;
  readonly inFlight: () => number;
  readonly inFlightLimit: number;
  readonly logLinesDropped: () => number;
  readonly cacheLimitBytes: number;
  readonly budget: () => readonly {
    credential: string;
    endpointSet: string;
    remaining: number;
    capacity: number;
  }[];
  /** Whether the shared tier is reachable; absent where none is configured. */
  readonly sharedConnected?: (() => boolean) | undefined;
  /** Requests that wait for a connection to Atlas. */
  readonly upstreamQueued: () => number;
  readonly circuits: () => readonly { credential: string; open: boolean }[];
  /** Wall-clock milliseconds at which secrets expire, for credentials whose configuration states it. */
  readonly expiries: () => readonly { name: string; expiresAt: number }[];
  /** Private link connections in cached lists; absent where the metric is disabled. */
  readonly privateLinks?: (() => readonly PrivateLinkCount[]) | undefined;
}

const DURATION_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** A gateway may serve thousands of projects: per-project metrics are limited to the largest ones. */
const MAX_PROJECTS = 50;
const ID = /^[a-f0-9]{24}$/;

/** Derives the gateway's metrics from events, in a registry of its own. */
export function createMetrics(sources: MetricSources, build: { version: string; node: string }) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Counter({ name, help, labelNames, registers });
  const histogram = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Histogram({ name, help, labelNames, registers, buckets: DURATION_BUCKETS });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });

  const requestMetrics = createRequestMetrics(DURATION_BUCKETS);
  new Counter({
    name: 'atlas_gateway_requests_total',
    help: 'Completed requests.',
    labelNames: ['operation', 'caller', 'code', 'cache'],
    registers,
    collect() {
      this.reset();
      for (const { labels, count } of requestMetrics.requests()) this.inc(labels, count);
    },
  });
  registry.registerMetric(
    new RequestHistogram(
      {
        name: 'atlas_gateway_request_duration_seconds',
        help: 'Time from request to response.',
        labelNames: ['operation', 'cache'],
        buckets: DURATION_BUCKETS,
        registers: [],
      },
      () => requestMetrics.durations(),
    ),
  );
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
  gauge(
    'atlas_gateway_upstream_queued',
    'Requests that wait for a connection to Atlas.',
    sources.upstreamQueued,
  );
  const renewals = counter(
    'atlas_gateway_credential_renewals_total',
    'Token renewals and secret rotations.',
    ['credential', 'outcome'],
  );
  const retries = counter('atlas_gateway_upstream_retries_total', 'Retries of requests to Atlas.', [
    'reason',
  ]);
  const gauges = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    read: () => Iterable<readonly [Record<Label, string>, number]>,
  ) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.set(labels, value);
      },
    });
  gauges(
    'atlas_gateway_credential_expiry_timestamp_seconds',
    'Unix time at which the secret of a credential expires, where the configuration states it.',
    ['credential'],
    () => sources.expiries().map(({ name, expiresAt }) => [{ credential: name }, expiresAt / 1_000]),
  );
  gauges('atlas_gateway_upstream_circuit_open', '1 while the circuit breaker is open.', ['credential'], () =>
    sources.circuits().map(({ credential, open }) => [{ credential }, open ? 1 : 0]),
  );
  gauges(
    'atlas_gateway_upstream_budget_remaining',
    'Calls left in the rate limit bucket, for the scope with the fewest.',
    ['credential', 'endpoint_set'],
    () =>
      sources
        .budget()
        .map(({ credential, endpointSet, remaining }) => [
          { credential, endpoint_set: endpointSet },
          remaining,
        ]),
  );
  gauges(
    'atlas_gateway_upstream_budget_capacity',
    'Calls in a full rate limit bucket, for the same scope.',
    ['credential', 'endpoint_set'],
    () =>
      sources
        .budget()
        .map(({ credential, endpointSet, capacity }) => [
          { credential, endpoint_set: endpointSet },
          capacity,
        ]),
  );
  const { privateLinks } = sources;
  if (privateLinks !== undefined)
    gauges(
      'atlas_private_link_connections',
      'Private link connections in cached lists.',
      ['project', 'provider', 'vendor', 'state'],
      () => privateLinks().map(({ connections, ...labels }) => [labels, connections]),
    );
  const { sharedConnected } = sources;
  const shared =
    sharedConnected === undefined
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
          connected: gauge('atlas_gateway_shared_connected', '1 while the shared tier is reachable.', () =>
            sharedConnected() ? 1 : 0,
          ),
        };
  const deprecated = counter(
    'atlas_gateway_deprecated_requests_total',
    'Requests for lists in an API version that has a sunset date.',
    ['operation', 'caller', 'version'],
  );
  const reloads = counter('atlas_gateway_config_reloads_total', 'Configuration reloads.', ['outcome']);
  const lastReload = new Gauge({
    name: 'atlas_gateway_config_last_reload_successful',
    help: '1 if the last configuration reload succeeded.',
    registers,
  });
  lastReload.set(1);
  new Counter({
    name: 'atlas_gateway_log_lines_dropped_total',
    help: 'Log lines dropped because they could not be written.',
    registers,
    collect() {
      this.reset();
      this.inc(sources.logLinesDropped());
    },
  });
  gauge('atlas_gateway_requests_in_flight', 'Requests in flight.', sources.inFlight);
  gauge(
    'atlas_gateway_requests_in_flight_limit',
    'Maximum number of requests in flight.',
    () => sources.inFlightLimit,
  );
  gauge(
    'atlas_gateway_cache_limit_bytes',
    'Maximum size of the cache in bytes.',
    () => sources.cacheLimitBytes,
  );
  gauge('atlas_gateway_cache_bytes', 'Size of the cache in bytes.', sources.cacheBytes);
  gauge('atlas_gateway_cache_listings', 'Listings in the cache.', sources.cacheListings);
  const largest = () =>
    [...sources.cacheProjects()]
      .filter(({ project }) => ID.test(project))
      .sort((one, other) => other.bytes - one.bytes)
      .slice(0, MAX_PROJECTS);
  gauges(
    'atlas_gateway_cache_project_bytes',
    `Bytes of cached listings of a project or organization, for the ${MAX_PROJECTS} largest.`,
    ['project'],
    () => largest().map(({ project, bytes }) => [{ project }, bytes]),
  );
  gauges(
    'atlas_gateway_cache_project_listings',
    `Cached listings of a project or organization, for the ${MAX_PROJECTS} largest by bytes.`,
    ['project'],
    () => largest().map(({ project, entries }) => [{ project }, entries]),
  );
  new Gauge({
    name: 'atlas_gateway_build_info',
    help: 'Version of the gateway and of Node.',
    labelNames: ['version', 'node'],
    registers,
  }).set(build, 1);

  return {
    observe(event: LogEvent): void {
      switch (event.type) {
        case 'answered': {
          requestMetrics.add(event);
          return;
        }
        case 'deprecated':
          deprecated.inc({ operation: event.operation, caller: event.caller, version: event.version });
          return;
        case 'evicted':
          evictions.inc({ reason: event.reason });
          return;
        case 'upstream-exchange': {
          const { operation, credential, code } = event;
          upstreamRequests.inc({ operation, credential, code });
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
        case 'shared-state':
        case 'refreshed':
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
