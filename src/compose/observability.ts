import type { GatewayConfig } from '../config/schema.ts';
import type { PrivateLinks } from '../gateway/private-links.ts';
import { createProjectNames } from '../gateway/project-names.ts';
import type { Clock } from '../lib/clock.ts';
import { createMetrics } from '../observability/metrics.ts';
import type { StatusStats } from '../observability/status-stats.ts';
import type { InFlight } from '../server/in-flight.ts';
import { createReport, type StatusReport } from '../status/report.ts';
import type { Budget } from '../upstream/budget/budget.ts';
import type { Caches } from './cache.ts';
import type { ClusterParts } from './cluster.ts';
import type { PublicListener } from './listeners.ts';
import type { InForce } from './live-settings.ts';
import type { ComposeOptions } from './options.ts';
import type { Reads } from './reads.ts';
import type { Upstream } from './upstream.ts';

/** The components that metrics and the status page read at each scrape or view. */
export interface ObservedParts {
  readonly caches: Caches;
  readonly reads: Pick<Reads, 'loads'>;
  readonly upstream: Upstream;
  readonly budget: Budget;
  readonly cluster: ClusterParts | undefined;
  readonly inForce: InForce;
  readonly inFlight: InFlight;
  readonly privateLinks: PrivateLinks;
}

/** Metrics that read the components at each scrape. */
export function buildMetrics(
  { config, build, log }: Pick<ComposeOptions, 'config' | 'build' | 'log'>,
  {
    caches,
    reads,
    upstream,
    budget,
    cluster,
    inForce,
    inFlight,
    privateLinks,
    clock,
  }: ObservedParts & { clock: Clock },
) {
  return createMetrics(
    {
      privateLinks: config.metrics.privateLinkConnections ? privateLinks.counts : undefined,
      cacheBytes: caches.bytes,
      cacheListings: () => caches.all.size,
      cacheProjects: () => caches.all.sizes(),
      requestedLists: caches.lists.recentlyRequested,
      wall: () => clock.wall(),
      inFlight: () => inFlight.count,
      inFlightLimit: inFlight.limit,
      logLinesDropped: () => log.destination.dropped ?? 0,
      cacheLimitBytes: config.cache.maxBytes,
      budget: () => budget.remaining(),
      sharedConnected: cluster === undefined ? undefined : () => cluster.client.connected,
      upstreamQueued: () => upstream.connections.queued,
      loads: reads.loads,
      coolingDown: caches.all.coolingDown,
      circuits: () =>
        upstream.credentials.map(({ name, upstream: { circuitOpen } }) => ({
          credential: name,
          open: circuitOpen,
        })),
      expiries: inForce.expiries,
    },
    build,
  );
}

/** Returns a function that reports the state for the status page. */
export function buildReport(
  { config, build }: { config: GatewayConfig; build: ComposeOptions['build'] },
  {
    caches,
    reads,
    upstream,
    budget,
    inForce,
    inFlight,
    privateLinks,
    publicListener,
    statusStats,
    clock,
  }: ObservedParts & { publicListener: PublicListener; statusStats: StatusStats; clock: Clock },
): () => StatusReport {
  return createReport(
    {
      build,
      state: () => publicListener.state,
      requests: () => publicListener.requests,
      inFlight: () => inFlight.count,
      inFlightLimit: inFlight.limit,
      cache: caches.all,
      loads: reads.loads,
      cacheBytes: caches.bytes,
      cacheLimitBytes: config.cache.maxBytes,
      credentials: () =>
        upstream.credentials.map(({ name, kind, upstream: { circuitOpen, circuitOpenedAt } }) => ({
          name,
          kind,
          circuitOpen,
          circuitOpenedAt,
        })),
      connections: () => upstream.connections,
      expiries: inForce.expiries,
      budget: budget.remaining,
      callers: () => inForce.config.callers.map(({ name, keys }) => ({ name, keys: keys.length })),
      statusStats,
      privateLinks,
      projectNames: createProjectNames({ cache: caches.lists }),
    },
    { clock },
  );
}
