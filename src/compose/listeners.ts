import type { Catalog } from '../atlas/catalog.ts';
import type { PurgeScope } from '../cache/purge-log.ts';
import type { GatewayConfig } from '../config/schema.ts';
import { loggedPath } from '../gateway/logged-text.ts';
import type { PrivateLinks } from '../gateway/private-links.ts';
import { createProjectNames } from '../gateway/project-names.ts';
import { createRequestHandler } from '../gateway/request-handler.ts';
import { createIdentifyRequest } from '../gateway/request-identity.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { BeginTrace } from '../lib/trace-span.ts';
import type { TrustedProxies } from '../lib/trusted-proxies.ts';
import type { LogEvent } from '../observability/log.ts';
import type { createMetrics } from '../observability/metrics.ts';
import type { StatusStats } from '../observability/status-stats.ts';
import { createAdminApp } from '../server/admin/app.ts';
import { createAdminListener } from '../server/admin/listener.ts';
import type { PurgeSource } from '../server/admin/purge-route.ts';
import { createWhenOver } from '../server/connection-slots.ts';
import type { InFlight } from '../server/in-flight.ts';
import { limitInFlight } from '../server/in-flight-limit.ts';
import { createListener, type Listener } from '../server/listener.ts';
import { createPublicApp } from '../server/public-app.ts';
import { createPublicListener } from '../server/public-listener.ts';
import type { RoutedEvent } from '../server/routed-event.ts';
import { createResponseWriter } from '../server/write-response.ts';
import { createPages } from '../status/pages.ts';
import type { GatewayState, StatusReport } from '../status/report.ts';
import type { Auth } from './auth.ts';
import type { Caches } from './cache.ts';
import type { InForce } from './live-settings.ts';
import type { ComposeOptions } from './options.ts';
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
  /** Ids are unique across both listeners. */
  readonly nextRequestId: () => string;
  readonly observe: (event: LogEvent) => void;
}

/** The public listener, and whether the gateway is ready. */
export interface PublicListener extends Listener {
  /** Requests completed so far. */
  readonly requests: number;
  readonly state: GatewayState;
  /** Call when the gateway may serve. */
  ready(): void;
}

/** Ids are unique across restarts and gateways: a random prefix and a number. */
export function createRequestIds(random: Random): () => string {
  const instance = random.bytes(6).toString('base64url');
  let ids = 0;
  return () => `${instance}-${++ids}`;
}

/** A request that a route answered, as an event for metrics and log. */
const toEvent = (event: RoutedEvent, endedAt: number): LogEvent => ({
  type: 'answered',
  requestId: event.identity.requestId,
  traceId: event.identity.parent?.traceId,
  clientIp: event.identity.clientIp,
  userAgent: event.identity.userAgent,
  method: event.method,
  path: loggedPath(event.path),
  status: event.status,
  cache: 'none',
  endedAt,
  durationMs: endedAt - event.startedAt,
  bytes: event.bytes,
  upstreamCalls: 0,
  operation: undefined,
  project: undefined,
  errorCode: event.errorCode,
  caller: event.caller,
  reason: event.reason,
});

export interface PublicListenerDependencies extends ListenerDependencies {
  readonly auth: Auth;
  readonly reads: Reads;
  readonly caches: Caches;
  readonly inFlight: InFlight;
  readonly trustedProxies: TrustedProxies;
  readonly beginTrace: BeginTrace;
}

/** Connects the request handler, the public app and its listener; nothing listens before `listen`. */
export function buildPublicListener(
  { config: { listen }, hitPath = true }: Pick<ComposeOptions, 'config' | 'hitPath'>,
  dependencies: PublicListenerDependencies,
): PublicListener {
  const { catalog, publicUrl, inForce, version, clock, nextRequestId, auth, reads, caches } = dependencies;
  const { access, tokens } = auth;
  const { trustedProxies, beginTrace } = dependencies;
  const identify = createIdentifyRequest({ nextRequestId, clientOf: trustedProxies.clientOf });
  let requests = 0;
  let isReady = false;
  const state = (): GatewayState => (listener.draining ? 'draining' : isReady ? 'ready' : 'starting');
  const observe = (event: LogEvent) => {
    if (event.type === 'answered') requests++;
    dependencies.observe(event);
  };
  const requestHandler = createRequestHandler(
    { publicUrl: publicUrl.current },
    {
      catalog,
      authenticate: access.authenticate,
      challenges: access.challenges,
      acquireRequest: access.acquireRequest,
      lists: reads.service,
      renderedPages: caches.renderedPages,
      requestMemo: caches.requestMemo,
      clock,
      identify,
      beginTrace,
      observe,
    },
  );
  const serving = { clock, nextRequestId, onUnexpectedError: observe };
  const whenOver = createWhenOver();
  const api = {
    answer: limitInFlight(requestHandler, { whenOver, inFlight: dependencies.inFlight }),
    write: createResponseWriter(serving),
  };
  const report = (event: RoutedEvent) => observe(toEvent(event, clock.now()));
  const unready = () => (state() === 'ready' ? undefined : state());
  const landing = {
    operations: catalog.operations,
    projectNames: createProjectNames({ cache: caches.lists }),
    ...{ access, publicUrl: publicUrl.current, clock },
  };
  const app = createPublicApp({ ...api, ...serving, identify, tokens, unready, landing, version, report });
  const listener = createListener(
    { address: { section: 'listen', ...listen }, tls: inForce.settings.tls },
    createPublicListener(
      app,
      { hitPath, address: { publicUrl: publicUrl.current, basePath: publicUrl.basePath } },
      { ...api, ...serving, whenOver, reject: requestHandler.reject },
    ),
    serving,
  );
  return {
    listen: listener.listen,
    drain: listener.drain,
    replaceTls: listener.replaceTls,
    get draining() {
      return listener.draining;
    },
    get requests() {
      return requests;
    },
    get state() {
      return state();
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
  readonly purge: (scope: PurgeScope & { soft: boolean }, source: PurgeSource) => void;
}

/** Connects metrics, probes, status pages and purges to the admin listener. */
export function buildAdminListener(
  admin: GatewayConfig['admin'],
  {
    catalog,
    publicUrl,
    inForce,
    version,
    clock,
    random,
    nextRequestId,
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
    for (const { project } of caches.all.listings()) if (project === id) return true;
    return false;
  };
  const pages = createPages(
    { operations: catalog.operations.map(({ id }) => id), publicUrl: publicUrl.current },
    { report, cache: caches.lists, connectionsOf, clock },
  );
  const app = createAdminApp(
    { listensOn: admin.host, isSecure: admin.tls !== undefined },
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
      nextRequestId,
      version,
      purge(scope, source) {
        // A tag or an alias purges the operation that it names.
        const operation = scope.operation === undefined ? undefined : catalog.find(scope.operation)?.id;
        purge({ ...scope, ...(operation === undefined ? {} : { operation }) }, source);
      },
      token: () => inForce.settings.adminToken,
      onUnexpectedError: observe,
    },
  );
  const serving = { clock, nextRequestId, onUnexpectedError: observe };
  return createListener(
    { address: { section: 'admin', ...admin }, tls: inForce.settings.adminTls },
    createAdminListener(app, serving),
    serving,
  );
}
