import { createCatalog } from '../atlas/catalog.ts';
import { operations } from '../atlas/operations.ts';
import type { PurgeScope } from '../cache/purge-log.ts';
import type { ResolvedConfig } from '../config/reload-settings.ts';
import { createExpiryWatch } from '../gateway/credentials/expiry.ts';
import { createPrivateLinks } from '../gateway/private-links.ts';
import { type Clock, guardTimers } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { createTrustedProxies } from '../lib/trusted-proxies.ts';
import { unexpectedError } from '../lib/unexpected-error.ts';
import { createEventHub } from '../observability/event-hub.ts';
import { createLog, type LogEvent } from '../observability/log.ts';
import { createStatusStats } from '../observability/status-stats.ts';
import { createTracing } from '../observability/tracing.ts';
import type { PurgeSource } from '../server/admin/purge-route.ts';
import { createInFlight } from '../server/in-flight.ts';
import { createBudget } from '../upstream/budget/budget.ts';
import { buildAuth } from './auth.ts';
import { buildCaches, buildPersistence } from './cache.ts';
import { buildCluster } from './cluster.ts';
import { createLifecycle } from './lifecycle.ts';
import { buildAdminListener, buildPublicListener, createRequestIds } from './listeners.ts';
import { createInForce, resolveLiveSettings } from './live-settings.ts';
import { buildMetrics, buildReport } from './observability.ts';
import type { ComposeOptions } from './options.ts';
import { createPublicUrl } from './public-url.ts';
import { buildReads } from './reads.ts';
import { createReload } from './reload.ts';
import { buildTransport, buildUpstream } from './upstream.ts';

/** A gateway that can be started and stopped. */
export interface Gateway {
  /** Resolves to the origins it listens on; rejects with a readable message if it cannot listen. */
  start(): Promise<{ readonly publicOrigin: string; readonly adminOrigin: string }>;
  /**
   * Applies the live settings of a reloaded configuration; reports other changes, which need a restart. `kept` describes secrets and
   * files that could not be read or used, so that `next` has their previous values.
   */
  reload(next: ResolvedConfig, kept?: readonly string[]): void;
  /** Reports that a reloaded configuration is invalid and the current one stays in use. */
  rejectReload(problems: readonly string[]): void;
  /** Logs an exception of background work; the gateway keeps running. */
  reportUnexpected(error: unknown): void;
  /** Stops accepting requests after `drain.delay`, or at once if `immediate`, finishes those in flight and closes everything. */
  stop(options: { immediate: boolean; signal?: string }): Promise<void>;
}

/**
 * The composition root: creates the components, the inner ones first, and connects them.
 *
 *   public listener → edge → request handler: authenticate → authorize → read service → cache → walk → credential → transport → Atlas
 *   admin listener  → metrics, probes, purge, status
 *   every layer     → observe → log, status statistics, metrics
 */
export function compose(
  options: ComposeOptions,
  { clock: unguarded, random }: { clock: Clock; random: Random },
): Gateway {
  const { config, build, log } = options;
  const { observe, subscribe } = createEventHub<LogEvent>();
  const clock = guardTimers(unguarded, observe);
  const base = { clock, random, observe };
  const statusStats = createStatusStats({ clock });
  const inForce = createInForce(config, resolveLiveSettings(options));
  const publicUrl = createPublicUrl(config.listen);
  const trustedProxies = createTrustedProxies(inForce.settings.trustedProxies);
  const tracing = createTracing(config.tracing && { ...config.tracing, version: build.version }, base);
  const catalog = createCatalog(operations);
  const inFlight = createInFlight(config.listen.maxInFlight);

  const budget = createBudget({ clock });
  const cluster = buildCluster(options, { ...base, budget });
  const transport = buildTransport(options, base);
  const shareGrant = cluster?.shareGrant;
  const upstream = buildUpstream(options, { ...base, transport, catalog, budget, shareGrant });
  const caches = buildCaches(options, base);
  const persistence = buildPersistence(options, { ...base, caches });
  const auth = buildAuth(inForce.settings, { ...base, publicUrl, shared: cluster?.access });
  const reads = buildReads(config, {
    caches,
    catalog,
    persistence,
    upstream,
    access: auth.access,
    cluster,
    publicUrl,
    clock,
    observe,
  });
  const privateLinks = createPrivateLinks({ cache: caches.lists, clock });
  const expiryWatch = createExpiryWatch(inForce.expiries, base);

  const observed = { caches, reads, upstream, budget, cluster, inForce, inFlight, privateLinks };
  const metrics = buildMetrics(options, { ...observed, clock });
  subscribe(metrics.observe);
  subscribe(statusStats.observe);
  const logging = createLog(log.destination, { ...log, ...config.log, wall: () => clock.wall() });
  subscribe(logging.write);

  /** Purges the caches of this gateway. */
  function purgeHere(scope: PurgeScope & { soft: boolean }, source: PurgeSource): void {
    caches.pinned.purge(scope.project);
    caches.purge(scope);
    persistence?.invalidate();
    observePurge(scope, source);
  }
  function observePurge({ project, operation, soft }: PurgeScope & { soft: boolean }, source: PurgeSource) {
    observe({ type: 'purge', project, operation, soft, ...source });
  }
  function purgeAfterGap(): void {
    caches.purge({ soft: true });
    observePurge({ soft: true }, { origin: 'resync' });
  }
  const { beginTrace } = tracing;
  const nextRequestId = createRequestIds(random);
  const listening = { ...base, catalog, publicUrl, inForce, nextRequestId, version: build.version };
  const publicListener = buildPublicListener(options, {
    ...listening,
    auth,
    reads,
    caches,
    inFlight,
    trustedProxies,
    beginTrace,
  });
  const report = buildReport(options, { ...observed, publicListener, statusStats, clock });
  const adminListener = buildAdminListener(config.admin, {
    ...listening,
    publicListener,
    metrics,
    statusStats,
    privateLinks,
    caches,
    report,
    purge(scope, source) {
      purgeHere(scope, source);
      reads.sharedTier?.purge(scope);
    },
  });

  const clusterHandlers = {
    onPurge: (scope: PurgeScope & { soft: boolean }) => purgeHere(scope, { origin: 'gateway' }),
    onDoubt: purgeAfterGap,
    onGap: purgeAfterGap,
    onNews: (news: string) => cluster?.access.apply(news, auth),
    onMissedNews: () => auth.nonceStore.expireOlder(),
    onChange: (name: string) => cluster?.store.notifyChanged(name),
  };
  const { start, stop } = createLifecycle(config.drain, {
    publicListener,
    adminListener,
    publicUrl,
    caches,
    persistence,
    cluster,
    clusterHandlers,
    upstream,
    expiryWatch,
    tracing,
    inFlight,
    clock,
    observe,
  });
  return {
    start,
    stop,
    reload: createReload(options, {
      inForce,
      auth,
      upstream,
      publicListener,
      adminListener,
      trustedProxies,
      logging,
      expiryWatch,
      observe,
    }),
    rejectReload: (problems) => observe({ type: 'config-reload', outcome: 'rejected', problems }),
    reportUnexpected: (error) => observe(unexpectedError('background work', error)),
  };
}
