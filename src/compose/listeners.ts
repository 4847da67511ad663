import type { Catalog } from '../atlas/catalog.ts';
import type { PurgeScope } from '../cache/purge-log.ts';
import type { GatewayConfig } from '../config/schema.ts';
import { loggedPath } from '../gateway/logged-path.ts';
import type { PrivateLinks } from '../gateway/private-links.ts';
import { createRequestHandler } from '../gateway/request-handler.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { LogEvent } from '../observability/log.ts';
import type { createMetrics } from '../observability/metrics.ts';
import type { StatusStats } from '../observability/status-stats.ts';
import { createAdminApp } from '../server/admin/app.ts';
import type { InFlight } from '../server/in-flight.ts';
import { createListener, type Listener } from '../server/listener.ts';
import { createPublicApp } from '../server/public-app.ts';
import type { RoutedEvent } from '../server/routed-event.ts';
import { createPages } from '../status/pages.ts';
import type { GatewayState, StatusReport } from '../status/report.ts';
import type { Auth } from './auth.ts';
import type { Caches } from './cache.ts';
import type { InForce } from './live-settings.ts';
import type { PublicUrl } from './public-url.ts';
import type { Reads } from './reads.ts';

/** What both listeners use. */
interface ListenerDependencies {
  readonly catalog: Catalog;
  readonly publicUrl: PublicUrl;
  readonly inForce: InForce;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly observe: (event: LogEvent) => void;
}

/** The public listener, and whether the gateway is ready. */
export interface PublicListener extends Listener {
  readonly requests: number;
  readonly state: GatewayState;
  /** Call when the gateway may serve. */
  ready(): void;
}

/** Ids are unique across restarts and gateways: a random prefix and a number. */
function createRequestIds(random: Random) {
  const instance = random.bytes(6).toString('base64url');
  let requests = 0;
  return {
    next: () => `${instance}-${++requests}`,
    get count() {
      return requests;
    },
  };
}

/** A request that a route answered, as an event for metrics and log. */
const toEvent = (
  { status, method, path, errorCode, caller, reason }: RoutedEvent,
  requestId: string,
  endedAt: number,
): LogEvent => ({
  type: 'answered',
  requestId,
  method,
  path: loggedPath(path),
  status,
  cache: 'none',
  endedAt,
  durationMs: 0,
  bytes: 0,
  upstreamCalls: 0,
  operation: undefined,
  project: undefined,
  errorCode,
  caller,
  reason,
});

export function buildPublicListener(
  { host, port }: GatewayConfig['listen'],
  {
    catalog,
    publicUrl,
    inForce,
    version,
    clock,
    random,
    observe,
    auth: { access, tokens },
    reads,
    caches: { renderedPages, requestMemo },
    inFlight,
  }: ListenerDependencies & {
    readonly auth: Auth;
    readonly reads: Reads;
    readonly caches: Caches;
    readonly inFlight: InFlight;
  },
): PublicListener {
  const requestIds = createRequestIds(random);
  const requestHandler = createRequestHandler(
    { publicUrl: publicUrl.current },
    {
      catalog,
      authenticate: access.authenticate,
      challenges: access.challenges,
      acquireRequest: access.acquireRequest,
      lists: reads.service,
      renderedPages,
      requestMemo,
      clock,
      nextRequestId: requestIds.next,
      observe,
    },
  );
  const app = createPublicApp({
    requestHandler,
    tokens,
    clock,
    version,
    onUnexpectedError: observe,
    report: (event) => observe(toEvent(event, requestIds.next(), clock.now())),
    inFlight,
  });
  const { tls } = inForce.settings;
  const listener = createListener(
    { host, port, setting: 'listen.port', ...(tls === undefined ? {} : { tls }) },
    app,
    { clock, onUnexpectedError: observe },
  );
  let isReady = false;
  return {
    listen: listener.listen,
    drain: listener.drain,
    replaceTls: listener.replaceTls,
    get draining() {
      return listener.draining;
    },
    get requests() {
      return requestIds.count;
    },
    get state() {
      return listener.draining ? 'draining' : isReady ? 'ready' : 'starting';
    },
    ready: () => {
      isReady = true;
    },
  };
}

export interface AdminListenerDependencies extends ListenerDependencies {
  readonly publicListener: PublicListener;
  readonly metrics: ReturnType<typeof createMetrics>;
  readonly statusStats: StatusStats;
  readonly privateLinks: PrivateLinks;
  readonly caches: Caches;
  readonly report: () => StatusReport;
  /** Purges this gateway and those it shares with. */
  readonly purge: (scope: PurgeScope & { soft: boolean }) => void;
}

export function buildAdminListener(
  { host, port }: GatewayConfig['admin'],
  {
    catalog,
    publicUrl,
    inForce,
    version,
    clock,
    random,
    observe,
    publicListener,
    metrics,
    statusStats,
    privateLinks: { connectionsOf },
    caches,
    report,
    purge,
  }: AdminListenerDependencies,
): Listener {
  const isCached = (id: string) => {
    for (const { project } of caches.lists.listings()) if (project === id) return true;
    return false;
  };
  const pages = createPages(
    { operations: catalog.operations.map(({ id }) => id), publicUrl: publicUrl.current },
    { report, connectionsOf, clock },
  );
  const app = createAdminApp(
    { listensOn: host },
    {
      metrics: metrics.scrape,
      unready: () => (publicListener.state === 'ready' ? undefined : publicListener.state),
      status: report,
      pages,
      knowsOperation: (name) => catalog.find(name) !== undefined,
      knowsProject: (id) => inForce.namesProject(id) || statusStats.projects().has(id) || isCached(id),
      observe,
      clock,
      random,
      version,
      purge(scope) {
        // A tag or an alias purges the operation that it names.
        const operation = scope.operation === undefined ? undefined : catalog.find(scope.operation)?.id;
        purge({ ...scope, ...(operation === undefined ? {} : { operation }) });
        observe({ type: 'life', level: 'info', message: 'cache purged' });
      },
      token: () => inForce.settings.adminToken,
      onUnexpectedError: observe,
    },
  );
  return createListener({ host, port, setting: 'admin.port' }, app, { clock, onUnexpectedError: observe });
}
