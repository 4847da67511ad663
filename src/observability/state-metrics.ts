import { Counter, Gauge, type Registry } from 'prom-client';
import type { RequestedList } from '../cache/entry-store.ts';
import type { PrivateLinkCount } from '../gateway/private-links.ts';

/** Values that are read at scrape time. */
export interface MetricSources {
  readonly cacheBytes: () => number;
  readonly cacheListings: () => number;
  /** Usage of each cache partition, by project or organization id. */
  readonly cacheProjects: () => Iterable<{ project: string; bytes: number; entries: number }>;
  /** Lists that were requested in the last minutes, and how old they were. */
  readonly requestedLists: () => Iterable<RequestedList>;
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
  /** Milliseconds since the Unix epoch. */
  readonly wall: () => number;
  /** Whether the shared tier is reachable; absent where none is configured. */
  readonly sharedConnected?: (() => boolean) | undefined;
  /** Requests that wait for a connection to Atlas. */
  readonly upstreamQueued: () => number;
  /** Loads in progress. */
  readonly loads: () => Readonly<Record<'waiting' | 'loading', number>>;
  /** Lists and pages that cool down now, because their loads fail. */
  readonly coolingDown: () => Readonly<Record<'list' | 'page', number>>;
  readonly circuits: () => readonly { credential: string; open: boolean }[];
  /** Wall-clock milliseconds at which secrets expire, for credentials whose configuration states it. */
  readonly expiries: () => readonly { name: string; expiresAt: number }[];
  /** Private link connections in cached lists; absent where the metric is disabled. */
  readonly privateLinks?: (() => readonly PrivateLinkCount[]) | undefined;
}

/** A gateway may serve thousands of projects: per-project metrics are limited to the largest ones. */
const MAX_PROJECTS = 50;
const ID = /^[a-f0-9]{24}$/;

/** Registers gauges that read their values when they are scraped. */
function gaugesIn(registers: Registry[]) {
  return {
    gauge(name: string, help: string, read: () => number): void {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    },
    /** One series for each of the label sets that `read` returns at the time of the scrape. */
    gauges<Label extends string>(
      { name, help, labelNames }: { name: string; help: string; labelNames: readonly Label[] },
      read: () => Iterable<readonly [Record<Label, string>, number]>,
    ): void {
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
    },
  };
}

type Gauges = ReturnType<typeof gaugesIn>;

function addUpstreamGauges(
  { gauge, gauges }: Gauges,
  { expiries, circuits, budget, upstreamQueued }: MetricSources,
): void {
  gauge('atlas_gateway_upstream_queued', 'Requests that wait for a connection to Atlas.', upstreamQueued);
  gauges(
    {
      name: 'atlas_gateway_credential_expiry_timestamp_seconds',
      help: 'Unix time at which the secret of a credential expires, where the configuration states it.',
      labelNames: ['credential'],
    },
    () => expiries().map(({ name, expiresAt }) => [{ credential: name }, expiresAt / 1_000]),
  );
  gauges(
    {
      name: 'atlas_gateway_upstream_circuit_open',
      help: '1 while the circuit breaker is open.',
      labelNames: ['credential'],
    },
    () => circuits().map(({ credential, open }) => [{ credential }, open ? 1 : 0]),
  );
  const labelNames = ['credential', 'endpoint_set'] as const;
  gauges(
    {
      name: 'atlas_gateway_upstream_budget_remaining',
      help: 'Calls left in the rate limit bucket, for the scope with the fewest.',
      labelNames,
    },
    () =>
      budget().map(({ credential, endpointSet, remaining }) => [
        { credential, endpoint_set: endpointSet },
        remaining,
      ]),
  );
  gauges(
    {
      name: 'atlas_gateway_upstream_budget_capacity',
      help: 'Calls in a full rate limit bucket, for the same scope.',
      labelNames,
    },
    () =>
      budget().map(({ credential, endpointSet, capacity }) => [
        { credential, endpoint_set: endpointSet },
        capacity,
      ]),
  );
}

function addCacheGauges({ gauge, gauges }: Gauges, sources: MetricSources): void {
  const { cacheBytes, cacheListings, cacheLimitBytes, loads, coolingDown } = sources;
  gauge('atlas_gateway_cache_limit_bytes', 'Maximum size of the cache in bytes.', () => cacheLimitBytes);
  gauge('atlas_gateway_cache_bytes', 'Size of the cache in bytes.', cacheBytes);
  gauge('atlas_gateway_cache_listings', 'Listings in the cache.', cacheListings);
  gauges(
    {
      name: 'atlas_gateway_loads',
      help: 'Loads of lists in progress. waiting: for another gateway or for a connection to Atlas.',
      labelNames: ['state'],
    },
    () => Object.entries(loads()).map(([state, count]) => [{ state }, count]),
  );
  gauges(
    {
      name: 'atlas_gateway_cooling_down',
      help: 'Lists, and pages of lists cached by the page, that are not requested for a while because their loads failed.',
      labelNames: ['kind'],
    },
    () => Object.entries(coolingDown()).map(([kind, count]) => [{ kind }, count]),
  );
}

function addProjectGauges({ gauge, gauges }: Gauges, { cacheProjects, requestedLists }: MetricSources): void {
  const largest = () =>
    [...cacheProjects()]
      .filter(({ project }) => ID.test(project))
      .sort((one, other) => other.bytes - one.bytes)
      .slice(0, MAX_PROJECTS);
  gauges(
    {
      name: 'atlas_gateway_cache_project_bytes',
      help: `Bytes of cached listings of a project or organization, for the ${MAX_PROJECTS} largest.`,
      labelNames: ['project'],
    },
    () => largest().map(({ project, bytes }) => [{ project }, bytes]),
  );
  gauges(
    {
      name: 'atlas_gateway_cache_project_listings',
      help: `Cached listings of a project or organization, for the ${MAX_PROJECTS} largest by bytes.`,
      labelNames: ['project'],
    },
    () => largest().map(({ project, entries }) => [{ project }, entries]),
  );
  gauges(
    {
      name: 'atlas_gateway_cache_oldest_age_seconds',
      help: `Age that the oldest cached list of a project or organization had when it was last requested, among those requested in the last five minutes, for the ${MAX_PROJECTS} largest.`,
      labelNames: ['project'],
    },
    () => {
      const oldest = new Map<string, number>();
      for (const { project, ageMs } of requestedLists())
        oldest.set(project, Math.max(ageMs, oldest.get(project) ?? 0));
      return largest().map(({ project }) => [{ project }, (oldest.get(project) ?? 0) / 1_000]);
    },
  );
  gauge(
    'atlas_gateway_cache_overdue_listings',
    'Cached lists that were requested in the last five minutes although they were older than fresh and staleWhileRevalidate allow.',
    () => {
      let overdue = 0;
      for (const list of requestedLists()) if (list.isOverdue) overdue++;
      return overdue;
    },
  );
}

/** Registers the metrics that show the gateway's state at the time of a scrape. */
export function registerStateMetrics(registers: Registry[], sources: MetricSources): void {
  const { privateLinks, sharedConnected, inFlight, inFlightLimit, logLinesDropped } = sources;
  const gauges = gaugesIn(registers);
  addUpstreamGauges(gauges, sources);
  addCacheGauges(gauges, sources);
  addProjectGauges(gauges, sources);
  if (privateLinks !== undefined)
    gauges.gauges(
      {
        name: 'atlas_private_link_connections',
        help: 'Private link connections in cached lists.',
        labelNames: ['project', 'provider', 'vendor', 'state'],
      },
      () => privateLinks().map(({ connections, ...labels }) => [labels, connections]),
    );
  if (sharedConnected !== undefined)
    gauges.gauge('atlas_gateway_shared_connected', '1 while the shared tier is reachable.', () =>
      sharedConnected() ? 1 : 0,
    );
  gauges.gauge('atlas_gateway_requests_in_flight', 'Requests in flight.', inFlight);
  gauges.gauge(
    'atlas_gateway_requests_in_flight_limit',
    'Maximum number of requests in flight.',
    () => inFlightLimit,
  );
  new Counter({
    name: 'atlas_gateway_log_lines_dropped_total',
    help: 'Log lines dropped because they could not be written.',
    registers,
    collect() {
      this.reset();
      this.inc(logLinesDropped());
    },
  });
}
