import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { PrivateLinkCount } from '../gateway/private-links.ts';
import type { LogEvent } from './log.ts';
import { createRequestMetrics, RequestHistogram } from './request-metrics.ts';

/** Numbers that are read when Prometheus asks for them. */
export interface MetricSources {
  readonly cacheBytes: () => number;
  readonly cacheListings: () => number;
  /** What each part of the cache holds, by the id of its project or organization. */
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
  /** Whether the shared tier answers; absent: there is none. */
  readonly sharedConnected?: (() => boolean) | undefined;
  readonly circuits: () => readonly { credential: string; open: boolean }[];
  /** Wall-clock milliseconds at which secrets end, where the configuration says so. */
  readonly expiries: () => readonly { name: string; expiresAt: number }[];
  /** Private link connections in the lists that are held; absent where the configuration does not ask for the metric. */
  readonly privateLinks?: (() => readonly PrivateLinkCount[]) | undefined;
}

const DURATION_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** A gateway may see thousands of projects: a metric by project tells of those that hold most. */
const MAX_PROJECTS = 50;
const ID = /^[a-f0-9]{24}$/;

/** The gateway's metrics in a registry of their own, made from events. */
export function createMetrics(sources: MetricSources, build: { version: string; node: string }) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Counter({ name, help, labelNames, registers });
  const histogram = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Histogram({ name, help, labelNames, registers, buckets: DURATION_BUCKETS });
  const measured = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });

  const answered = createRequestMetrics(DURATION_BUCKETS);
  new Counter({
    name: 'atlas_gateway_requests_total',
    help: 'Requests answered.',
    labelNames: ['operation', 'caller', 'code', 'cache'],
    registers,
    collect() {
      this.reset();
      for (const { labels, count } of answered.requests()) this.inc(labels, count);
    },
  });
  registry.registerMetric(
    new RequestHistogram(
      {
        name: 'atlas_gateway_request_duration_seconds',
        help: 'Time from request to answer.',
        labelNames: ['operation', 'cache'],
        buckets: DURATION_BUCKETS,
        registers: [],
      },
      () => answered.durations(),
    ),
  );
  const evictions = counter(
    'atlas_gateway_cache_evictions_total',
    'Listings that left the cache before they were replaced.',
    ['reason'],
  );
  const upstreamRequests = counter('atlas_gateway_upstream_requests_total', 'Questions to Atlas.', [
    'operation',
    'credential',
    'code',
  ]);
  const upstreamSeconds = histogram(
    'atlas_gateway_upstream_request_duration_seconds',
    'Time Atlas took to answer.',
    ['operation', 'credential'],
  );
  const renewals = counter('atlas_gateway_credential_renewals_total', 'Tokens asked of Atlas.', [
    'credential',
    'outcome',
  ]);
  const retries = counter(
    'atlas_gateway_upstream_retries_total',
    'Questions to Atlas that were asked again.',
    ['reason'],
  );
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
    'When the secret of a credential ends, where the configuration says so.',
    ['credential'],
    () => sources.expiries().map(({ name, expiresAt }) => [{ credential: name }, expiresAt / 1_000]),
  );
  gauges(
    'atlas_gateway_upstream_circuit_open',
    'Whether Atlas is left alone because it failed several times in a row.',
    ['credential'],
    () => sources.circuits().map(({ credential, open }) => [{ credential }, open ? 1 : 0]),
  );
  gauges(
    'atlas_gateway_upstream_budget_remaining',
    'Calls that the rate limit leaves, in the scope that has the fewest.',
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
    'Calls that the rate limit leaves when nothing was asked for a while, in the same scope.',
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
      'Private link connections in the lists that are held.',
      ['project', 'provider', 'vendor', 'state'],
      () => privateLinks().map(({ connections, ...labels }) => [labels, connections]),
    );
  const { sharedConnected } = sources;
  const shared =
    sharedConnected === undefined
      ? undefined
      : {
          requests: counter('atlas_gateway_shared_requests_total', 'Questions to the shared tier.', [
            'operation',
            'outcome',
          ]),
          seconds: histogram(
            'atlas_gateway_shared_request_duration_seconds',
            'Time the shared tier took to answer.',
            ['operation'],
          ),
          connected: measured('atlas_gateway_shared_connected', 'Whether the shared tier answers.', () =>
            sharedConnected() ? 1 : 0,
          ),
        };
  const deprecated = counter(
    'atlas_gateway_deprecated_requests_total',
    'Lists read in a version that has a sunset.',
    ['operation', 'caller', 'version'],
  );
  const reloads = counter('atlas_gateway_config_reloads_total', 'Configurations read again.', ['outcome']);
  const lastReload = new Gauge({
    name: 'atlas_gateway_config_last_reload_successful',
    help: 'Whether the last reading of the configuration was good.',
    registers,
  });
  lastReload.set(1);
  new Counter({
    name: 'atlas_gateway_log_lines_dropped_total',
    help: 'Log lines that could not be written.',
    registers,
    collect() {
      this.reset();
      this.inc(sources.logLinesDropped());
    },
  });
  measured('atlas_gateway_requests_in_flight', 'Requests being answered.', sources.inFlight);
  measured(
    'atlas_gateway_requests_in_flight_limit',
    'Requests that may be answered at the same time.',
    () => sources.inFlightLimit,
  );
  measured(
    'atlas_gateway_cache_limit_bytes',
    'Bytes that the cache may hold.',
    () => sources.cacheLimitBytes,
  );
  measured('atlas_gateway_cache_bytes', 'Bytes held by the cache.', sources.cacheBytes);
  measured('atlas_gateway_cache_listings', 'Listings held by the cache.', sources.cacheListings);
  const largest = () =>
    [...sources.cacheProjects()]
      .filter(({ project }) => ID.test(project))
      .sort((one, other) => other.bytes - one.bytes)
      .slice(0, MAX_PROJECTS);
  gauges(
    'atlas_gateway_cache_project_bytes',
    `Bytes of lists held for a project or organization, for the ${MAX_PROJECTS} that hold most.`,
    ['project'],
    () => largest().map(({ project, bytes }) => [{ project }, bytes]),
  );
  gauges(
    'atlas_gateway_cache_project_listings',
    `Listings held for a project or organization, for the ${MAX_PROJECTS} that hold most bytes.`,
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
          answered.add(event);
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
          // What was not asked took no time.
          if (outcome !== 'unavailable' && outcome !== 'busy')
            shared?.seconds.observe({ operation }, event.durationMs / 1_000);
          return;
        }
        case 'upstream-retry':
          retries.inc({ reason: event.reason });
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
    /** The text a scrape is answered with. */
    scrape: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}
