import { createCatalog, type Operation } from '../atlas/catalog.ts';
import { operations } from '../atlas/operations.ts';
import { createPinnedListings } from '../cache/pinned-listings.ts';
import { createListCache } from '../cache/read-cache.ts';
import { createRenderedPages } from '../cache/rendered-pages.ts';
import { createCacheFile } from '../cache/snapshot-file.ts';
import { createCluster } from '../cluster/cluster.ts';
import { createRedisClient } from '../cluster/redis-client.ts';
import { createSharedTier } from '../cluster/redis-tier.ts';
import { readSharedAddress } from '../cluster/redis-url.ts';
import { createSealedStore } from '../cluster/sealed-store.ts';
import { createSharedGrants } from '../cluster/shared-tokens.ts';
import { accessListOf } from '../config/access-list.ts';
import { changesThatWait } from '../config/reload-settings.ts';
import type { GatewayConfig, SecretRef } from '../config/schema.ts';
import { createAccess } from '../gateway/auth/authentication.ts';
import { createSharedAccess } from '../gateway/auth/cluster-auth.ts';
import { createNonceStore } from '../gateway/auth/digest-auth.ts';
import { createIssuerKeys, fetchKeySet } from '../gateway/auth/issuer-keys.ts';
import { createTokens } from '../gateway/auth/token-service.ts';
import { createDiscover } from '../gateway/credentials/discovery.ts';
import { createExpiryWatch } from '../gateway/credentials/expiry.ts';
import { createCredentials } from '../gateway/credentials/selection.ts';
import { loggedPath } from '../gateway/logged-path.ts';
import { createPrivateLinks } from '../gateway/private-links.ts';
import { createListingFilter } from '../gateway/reads/listing-filter.ts';
import { createPersistence } from '../gateway/reads/persistence.ts';
import {
  type CachedList,
  type CachePolicy,
  createReadService,
  type Listing,
} from '../gateway/reads/read-service.ts';
import { createListingCodec, createSharing } from '../gateway/reads/shared-listings.ts';
import { createRequestHandler, type ResolvedRequest, textBytesOf } from '../gateway/request-handler.ts';
import { createRequestMemo } from '../gateway/request-memo.ts';
import type { CachedHeads } from '../gateway/response.ts';
import { type Clock, guardTimers } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { createSeal } from '../lib/sealed-box.ts';
import { unexpectedError } from '../lib/unexpected-error.ts';
import { createLog, type LogDestination, type LogEvent } from '../observability/log.ts';
import { createMetrics } from '../observability/metrics.ts';
import { createStatusStats } from '../observability/status-stats.ts';
import { createAdminApp } from '../server/admin/app.ts';
import { createListener } from '../server/listener.ts';
import { createPublicApp } from '../server/public-app.ts';
import { createPages } from '../status/pages.ts';
import { createReport } from '../status/report.ts';
import { createBudget } from '../upstream/budget/budget.ts';
import { upstreamFailure } from '../upstream/failure.ts';
import { createUpstreamClient } from '../upstream/pipeline.ts';
import { createScheduler } from '../upstream/scheduler.ts';
import { createTransport } from '../upstream/transport.ts';

export interface ComposeOptions {
  readonly config: GatewayConfig;
  readonly secretOf: (ref: SecretRef) => string;
  readonly build: { readonly version: string; readonly node: string };
  /** Bytes for memoized requests; 0: every request is parsed. Default: a fraction of `cache.maxBytes`. */
  readonly requestMemoBytes?: number;
  readonly log: {
    readonly destination: LogDestination;
    readonly people: boolean;
    readonly colorize: boolean;
  };
}

/** A gateway that can be started and stopped. */
export interface Gateway {
  /** Resolves to the origins it listens on; rejects with a readable message if it cannot listen. */
  start(): Promise<{ readonly publicOrigin: string; readonly adminOrigin: string }>;
  /** Applies callers, issuers, secrets and certificates of a reloaded configuration; reports other changes, which need a restart. */
  reload(next: Pick<ComposeOptions, 'config' | 'secretOf'>): void;
  /** Reports that a reloaded configuration is invalid and the current one stays in use. */
  rejectReload(problems: readonly string[]): void;
  /** Logs an exception of background work; the gateway keeps running. */
  reportUnexpected(error: unknown): void;
  /** Stops accepting requests after `drain.delay`, or at once if `immediate`, finishes those in flight and closes everything. */
  stop(options: { immediate: boolean }): Promise<void>;
}

/** Messages for callers that have exhausted their quota of loads. */
const LOAD_LIMITS = {
  'forced-loads': 'You forced too many loads of cached lists.',
  'upstream-calls': 'Your quota of upstream calls is exhausted.',
} as const;
const NEGATIVE_TTL_MS = 5_000;
const REFRESH_PAUSE_MS = 5_000;
const LONGEST_REFRESH_PAUSE_MS = 60_000;
/** Fraction of a load's time for obtaining a token, so that a failure is reported as such before the load's deadline. */
export const MINT_FRACTION = 0.8;
const MAX_LOADS = 1_000;
const MAX_WAITING = 10_000;
/** Connections for tokens, digest challenges and rate limits, besides `upstream.maxConnections`. */
const INTERNAL_CONNECTIONS = 4;
/** The expected size of all responses in flight stays below this many times `upstream.maxBody`. */
const BODIES_IN_FLIGHT = 2;
/** Minimum size limit of a list in the shared tier, however small `cache.maxBytes` is. */
const MIN_SHARED_BYTES = 16_777_216;
/** Fraction of `cache.maxBytes` for rendered pages. Lists use the remainder. */
const RENDERED_PAGES_FRACTION = 0.15;
/** Fraction for memoized requests, and the fraction of it that each caller may use. */
const REQUEST_MEMO_FRACTION = 0.05;
const REQUEST_MEMO_PER_CALLER_FRACTION = 0.5;
/** Fraction for pinned listings. */
const PINNED_LISTINGS_FRACTION = 0.2;
/** Id and secret of a credential. */
export function secretsOf(
  { name, serviceAccount, apiKey }: GatewayConfig['credentials'][number],
  secretOf: ComposeOptions['secretOf'],
): { id: string; secret: string } {
  if (serviceAccount !== undefined)
    return { id: secretOf(serviceAccount.clientId), secret: secretOf(serviceAccount.clientSecret) };
  if (apiKey !== undefined) return { id: secretOf(apiKey.publicKey), secret: secretOf(apiKey.privateKey) };
  throw new Error(`credentials: ${name} has neither serviceAccount nor apiKey`);
}

const kindOf = ({ serviceAccount }: GatewayConfig['credentials'][number]) =>
  serviceAccount === undefined ? ('api-key' as const) : ('service-account' as const);

/** The settings that a reload replaces, resolved together: if one of them fails, none is applied. */
function liveSettingsOf({ config, secretOf }: Pick<ComposeOptions, 'config' | 'secretOf'>) {
  const { signingKey } = config.tokens;
  return {
    tls: tlsOf(config, secretOf),
    adminToken: config.admin.token === undefined ? undefined : secretOf(config.admin.token),
    signingKey: signingKey === undefined ? undefined : Buffer.from(secretOf(signingKey)),
    accessList: accessListOf(config, secretOf),
    credentials: config.credentials.map((credential) => ({
      name: credential.name,
      kind: kindOf(credential),
      secrets: secretsOf(credential, secretOf),
    })),
  };
}

/** Wall-clock milliseconds at which secrets expire, if configured. */
const expiriesOf = ({ credentials }: GatewayConfig) =>
  credentials.flatMap(({ name, expires }) =>
    expires === undefined ? [] : [{ name, expiresAt: Date.parse(expires) }],
  );

/** Whether the configuration names a project or organization, for a credential or for a caller. */
const namesProject = ({ credentials, callers, anonymous }: GatewayConfig, id: string): boolean =>
  [...credentials, ...callers, ...(anonymous === undefined ? [] : [anonymous])].some(
    ({ projects, organizations }) =>
      [projects, organizations].some((ids) => Array.isArray(ids) && ids.includes(id)),
  );

function hasListings(listings: Iterable<{ readonly project: string }>, id: string): boolean {
  for (const { project } of listings) if (project === id) return true;
  return false;
}

/** Certificate and key of the public listener. */
function tlsOf(
  { listen: { tls } }: GatewayConfig,
  secretOf: ComposeOptions['secretOf'],
): { cert: string; key: string } | undefined {
  return tls === undefined ? undefined : { cert: secretOf(tls.cert), key: secretOf(tls.key) };
}

/**
 * The composition root: creates and connects all components.
 *
 *   public listener → edge → request handler: authenticate → authorize → read service → cache → walk → credential → transport → Atlas
 *   admin listener  → metrics, probes, purge, status
 *   every layer     → observe → metrics and log
 */
export function compose(
  options: ComposeOptions,
  { clock: unguarded, random }: { clock: Clock; random: Random },
): Gateway {
  const { config, build, secretOf } = options;
  let current: Pick<ComposeOptions, 'config' | 'secretOf'> = options;
  let live = liveSettingsOf(options);
  const clock = guardTimers(unguarded, (event) => observe(event));
  const catalog = createCatalog(operations);
  const inFlightRequests = { count: 0 };
  const log = createLog(options.log.destination, { ...options.log, wall: () => clock.wall() });
  const listBytes = Math.floor(
    config.cache.maxBytes * (1 - RENDERED_PAGES_FRACTION - REQUEST_MEMO_FRACTION - PINNED_LISTINGS_FRACTION),
  );
  const cache = createListCache<CachedList>(
    {
      maxBytes: listBytes,
      projectShare: config.cache.projectShare,
      negativeTtlMs: NEGATIVE_TTL_MS,
      refreshPauseMs: REFRESH_PAUSE_MS,
      longestPauseMs: LONGEST_REFRESH_PAUSE_MS,
      maxLoads: MAX_LOADS,
      maxWaiting: MAX_WAITING,
    },
    { clock, observe },
  );
  const snapshots = createPinnedListings<Listing>(
    {
      maxBytes: Math.floor(config.cache.maxBytes * PINNED_LISTINGS_FRACTION),
      projectShare: config.cache.projectShare,
    },
    { clock },
  );
  const renderedPages = createRenderedPages<CachedHeads>({
    maxBytes: Math.floor(config.cache.maxBytes * RENDERED_PAGES_FRACTION),
    projectShare: config.cache.projectShare,
  });
  const requestMemoBytes =
    options.requestMemoBytes ?? Math.floor(config.cache.maxBytes * REQUEST_MEMO_FRACTION);
  const requestMemo = createRequestMemo<ResolvedRequest>({
    maxBytes: requestMemoBytes,
    perCallerBytes: requestMemoBytes * REQUEST_MEMO_PER_CALLER_FRACTION,
    textBytes: textBytesOf,
  });
  const cacheBytes = () => cache.bytes + renderedPages.bytes + snapshots.bytes + requestMemo.bytes;
  const privateLinks = createPrivateLinks({ cache, clock });
  const statusStats = createStatusStats({ clock });
  const metrics = createMetrics(
    {
      privateLinks: config.metrics.privateLinkConnections ? privateLinks.counts : undefined,
      cacheBytes,
      cacheListings: () => cache.size,
      cacheProjects: () => cache.sizes(),
      inFlight: () => inFlightRequests.count,
      inFlightLimit: config.listen.maxInFlight,
      logLinesDropped: () => options.log.destination.dropped ?? 0,
      cacheLimitBytes: config.cache.maxBytes,
      budget: () => budget.remaining(),
      sharedConnected:
        config.cache.shared === undefined ? undefined : () => shared?.engine.connected ?? false,
      upstreamQueued: () => scheduler.queued,
      circuits: () =>
        credentials.map(({ name, upstream }) => ({ credential: name, open: upstream.circuitOpen })),
      expiries: () => expiriesOf(current.config),
    },
    build,
  );
  /** Never throws: a failure to observe must not affect the observed work. */
  function observe(event: LogEvent): void {
    try {
      metrics.observe(event);
      statusStats.observe(event);
      log(event);
    } catch (error) {
      if (event.type !== 'unexpected-error') observe(unexpectedError(`observing ${event.type}`, error));
    }
  }

  const transport = createTransport(
    {
      origin: config.upstream.origin,
      maxBodyBytes: config.upstream.maxBody,
      maxConnections: config.upstream.maxConnections + INTERNAL_CONNECTIONS,
    },
    { clock },
  );
  const maxBytesInFlight = config.upstream.maxBody * BODIES_IN_FLIGHT;
  const scheduler = createScheduler(
    { maxConnections: config.upstream.maxConnections, maxBytesInFlight },
    { clock, observe },
  );
  const internalScheduler = createScheduler(
    { maxConnections: INTERNAL_CONNECTIONS, maxBytesInFlight },
    { clock, observe: () => undefined },
  );
  const budget = createBudget({ clock });
  const shared = sharedOf(config.cache.shared);
  const credentials = config.credentials.map((credential) => {
    const { name, projects, organizations } = credential;
    const kind = kindOf(credential);
    const upstream = createUpstreamClient(
      {
        name,
        kind,
        secrets: secretsOf(credential, secretOf),
        timeoutMs: config.upstream.timeout,
        mintTimeoutMs: config.upstream.timeout * MINT_FRACTION,
      },
      {
        exchange: transport.exchange,
        scheduler,
        internalScheduler,
        budget,
        clock,
        random,
        observe,
        shareGrant: shared?.shareGrant,
      },
    );
    const covers = new Set([...(projects ?? []), ...(organizations ?? [])]);
    return {
      name,
      kind,
      upstream,
      send: upstream.send,
      freshnessFactor: (endpointSet: string, scope: string) =>
        budget.freshnessFactor(name, endpointSet, scope),
      ...(projects === undefined && organizations === undefined ? {} : { covers }),
    };
  });
  const choice = createCredentials(credentials, {
    clock,
    discover: createDiscover({ catalog, clock, timeoutMs: config.upstream.timeout }),
  });

  function cachePolicyOf({ id, cacheUnit }: Operation): CachePolicy {
    const own = config.cache.operations[id];
    return {
      freshMs: own?.fresh ?? config.cache.fresh,
      staleWhileRevalidateMs: own?.staleWhileRevalidate ?? config.cache.staleWhileRevalidate,
      staleIfErrorMs: own?.staleIfError ?? config.cache.staleIfError,
      whole: own?.whole ?? cacheUnit === 'whole',
    };
  }

  const ownTokens = shared?.access.tokens ?? { signingKey: random.bytes(32) };
  const signingKeyOf = ({ signingKey }: typeof live): Uint8Array => signingKey ?? ownTokens.signingKey;
  const tokens = createTokens({ ...ownTokens, signingKey: signingKeyOf(live) }, { clock, random });
  const nonceStore = createNonceStore({ clock, random, shared: shared?.access.nonces });
  const access = createAccess(live.accessList, {
    nonceStore,
    tokens,
    issuerKeys: createIssuerKeys({ clock, fetchSet: fetchKeySet }),
    clock,
  });

  let listeningOn = '';
  const publicUrl = () => config.listen.publicUrl ?? listeningOn;
  const lists = createReadService(
    { publicUrl, maxItems: config.cache.maxItems, timeoutMs: config.upstream.timeout },
    {
      cache,
      clock,
      cachePolicyOf,
      credentials: choice,
      snapshots,
      admitLoad({ caller: { name: caller } }, load) {
        const reserved = access.reserveLoad(caller, load);
        if (reserved.type === 'reserved') return reserved;
        const { limit, waitMs } = reserved;
        return upstreamFailure('CALLER_RATE_LIMITED', LOAD_LIMITS[limit], waitMs);
      },
      onUpstreamCall: (caller) => statusStats.countUpstreamCall(caller),
      onGone: () => persistence?.invalidate(),
      filterFor: createListingFilter(() => lists.nextRevision()),
      sharing: shared?.sharing,
    },
  );

  const expiryWatch = createExpiryWatch(() => expiriesOf(current.config), { clock, observe });
  const persistence = persistenceOf(config.cache.snapshot);

  /** The snapshot file, which is valid for one upstream origin, one public URL and these credentials. */
  function persistenceOf(snapshot: GatewayConfig['cache']['snapshot']) {
    if (snapshot === undefined) return undefined;
    const { publicUrl, host, port } = config.listen;
    const ids = config.credentials.map((credential) => [credential.name, secretsOf(credential, secretOf).id]);
    const file = createCacheFile(
      {
        path: snapshot.path,
        encryptionKey: secretOf(snapshot.encryptionKey),
        namespace: JSON.stringify([config.upstream.origin, publicUrl ?? [host, port], ids]),
        maxBytes: 2 * config.cache.maxBytes,
      },
      { random },
    );
    return createPersistence(
      { everyMs: snapshot.every, nextRevision: lists.nextRevision },
      { cache, file, clock, observe },
    );
  }

  /** The components shared with other gateways; undefined if `cache.shared` is not configured, and then none of them runs. */
  function sharedOf(settings: GatewayConfig['cache']['shared']) {
    if (settings === undefined) return undefined;
    const address = readSharedAddress(secretOf(settings.url));
    if (address === undefined) throw new Error('cache.shared.url is not a valid Redis URL');
    const { ca, previousEncryptionKey, timeout } = settings;
    const keys = {
      encryptionKey: secretOf(settings.encryptionKey),
      otherKey: previousEncryptionKey === undefined ? undefined : secretOf(previousEncryptionKey),
    };
    const maxBytes = Math.max(
      MIN_SHARED_BYTES,
      Math.floor(config.cache.maxBytes * config.cache.projectShare),
    );
    const engine = createRedisClient(
      { address, timeoutMs: timeout, ...(ca === undefined ? {} : { ca: secretOf(ca) }) },
      { clock, random, observe },
    );
    const seal = createSeal({ ...keys, maxBytes }, { random });
    const sealed = { engine, seal, clock, random };
    const values = createSealedStore({ channel: () => group.channel, maxBytes }, sealed);
    const group = createCluster(
      { namespace: config.upstream.origin },
      {
        ...sealed,
        budget,
        handlers: {
          onPurge: purgeHere,
          onDoubt: () => cache.purge({ soft: true }),
          onGap: () => cache.purge({ soft: true }),
          onNews: (news) => shared?.access.apply(news, { nonceStore, tokens }),
          onMissedNews: () => nonceStore.expireOlder(),
          onChange: values.notifyChanged,
        },
      },
    );
    const tier = createSharedTier<CachedList>(
      { binding: () => JSON.stringify([publicUrl(), config.cache.maxItems]) },
      { group, values, codec: createListingCodec(() => lists.nextRevision()), clock },
    );
    const identityOf = (name: string) =>
      credentials.find((credential) => credential.name === name)?.upstream.id ?? name;
    return {
      engine,
      group,
      tier,
      access: createSharedAccess(keys, group),
      sharing: createSharing({ identityOf }, { tier, clock }),
      shareGrant: createSharedGrants({ group, values, clock }),
    };
  }

  /** Purges the caches of this gateway. */
  function purgeHere(scope: { project?: string; operation?: string; soft: boolean }): void {
    snapshots.purge(scope.project);
    cache.purge(scope);
    persistence?.invalidate();
  }

  const instance = random.bytes(6).toString('base64url');
  let requests = 0;
  const nextRequestId = () => `${instance}-${++requests}`;
  const requestHandler = createRequestHandler(
    { publicUrl },
    {
      catalog,
      authenticate: access.authenticate,
      challenges: access.challenges,
      acquireRequest: access.acquireRequest,
      lists,
      renderedPages,
      requestMemo,
      clock,
      nextRequestId,
      observe,
    },
  );

  const publicListener = createListener(
    {
      host: config.listen.host,
      port: config.listen.port,
      setting: 'listen.port',
      ...(live.tls === undefined ? {} : { tls: live.tls }),
    },
    createPublicApp({
      requestHandler,
      tokens,
      clock,
      version: build.version,
      onUnexpectedError: observe,
      report: ({ status, method, path, errorCode, caller, reason }) =>
        observe({
          type: 'answered',
          requestId: nextRequestId(),
          method,
          path: loggedPath(path),
          status,
          cache: 'none',
          endedAt: clock.now(),
          durationMs: 0,
          bytes: 0,
          upstreamCalls: 0,
          operation: undefined,
          project: undefined,
          errorCode,
          caller,
          reason,
        }),
      inFlight: {
        begin: () => ++inFlightRequests.count <= config.listen.maxInFlight,
        end: () => void inFlightRequests.count--,
      },
    }),
    { clock, onUnexpectedError: observe },
  );
  let listening = false;
  const state = () => (publicListener.draining ? 'draining' : listening ? 'ready' : 'starting');
  const report = createReport(
    {
      build,
      state,
      requests: () => requests,
      inFlight: () => inFlightRequests.count,
      inFlightLimit: config.listen.maxInFlight,
      cache,
      cacheBytes,
      cacheLimitBytes: config.cache.maxBytes,
      credentials: () =>
        credentials.map(({ name, kind, upstream: { circuitOpen } }) => ({ name, kind, circuitOpen })),
      expiries: () => expiriesOf(current.config),
      budget: budget.remaining,
      callers: () => current.config.callers.map(({ name, keys }) => ({ name, keys: keys.length })),
      statusStats,
      privateLinks,
    },
    { clock },
  );
  const adminListener = createListener(
    { host: config.admin.host, port: config.admin.port, setting: 'admin.port' },
    createAdminApp(
      { listensOn: config.admin.host },
      {
        metrics: metrics.scrape,
        unready: () => (state() === 'ready' ? undefined : state()),
        status: report,
        pages: createPages(
          { operations: operations.map(({ id }) => id), publicUrl },
          { report, connectionsOf: privateLinks.connectionsOf, clock },
        ),
        knowsOperation: (name) => catalog.find(name) !== undefined,
        knowsProject: (id) =>
          namesProject(current.config, id) ||
          statusStats.projects().has(id) ||
          hasListings(cache.listings(), id),
        observe,
        clock,
        random,
        version: build.version,
        purge(scope) {
          const operation = scope.operation === undefined ? undefined : catalog.find(scope.operation)?.id;
          const whole = { ...scope, ...(operation === undefined ? {} : { operation }) };
          purgeHere(whole);
          shared?.tier.purge(whole);
          observe({ type: 'life', level: 'info', message: 'cache purged' });
        },
        token: () => live.adminToken,
        onUnexpectedError: observe,
      },
    ),
    { clock, onUnexpectedError: observe },
  );

  /** Applies the settings that a reload may change; throws, and changes nothing, if the new certificate is not valid. */
  function applyLiveSettings(next: Pick<ComposeOptions, 'config' | 'secretOf'>): void {
    const settings = liveSettingsOf(next);
    if (settings.tls !== undefined) publicListener.replaceTls(settings.tls);
    current = next;
    // Removing the token would open the admin listener at once, so the current one stays in force until a restart.
    live = { ...settings, adminToken: settings.adminToken ?? live.adminToken };
    tokens.replaceSigningKey(signingKeyOf(live));
    access.replace(live.accessList);
    // Secrets of another kind are for another way to sign: they wait for a restart, as the log says.
    for (const { name, kind, secrets } of live.credentials)
      credentials
        .find((credential) => credential.name === name && credential.kind === kind)
        ?.upstream.proposeSecrets(secrets);
  }

  return {
    async start() {
      const adminOrigin = await adminListener.listen();
      // Connects before listening, so that the first requests can use lists of other gateways; the wait is bounded.
      await shared?.group.open();
      try {
        const publicOrigin = await publicListener.listen();
        listeningOn = publicOrigin;
        // In the same event-loop turn as the listener becomes ready, so that no request precedes it.
        persistence?.restore();
        // Other gateways may have purged lists in the file while this one was down.
        if (shared !== undefined) cache.purge({ soft: true });
        persistence?.start();
        expiryWatch.check();
        listening = true;
        observe({
          type: 'life',
          level: 'info',
          message: `listening on ${publicOrigin}, admin on ${adminOrigin}`,
        });
        return { publicOrigin, adminOrigin };
      } catch (error) {
        await shared?.group.close();
        await adminListener.drain({ delayMs: 0, deadlineMs: 0 });
        throw error;
      }
    },
    reload(next) {
      let waiting: readonly string[];
      try {
        waiting = changesThatWait(options, next);
        applyLiveSettings(next);
      } catch (error) {
        observe(unexpectedError('a configuration reload', error));
        observe({
          type: 'config-reload',
          outcome: 'rejected',
          problems: [
            'the configuration cannot be applied; check that listen.tls.cert and listen.tls.key belong together',
          ],
        });
        return;
      }
      expiryWatch.check();
      observe({
        type: 'config-reload',
        outcome: 'applied',
        problems: waiting.map((setting) => `${setting}: takes effect at the next start`),
      });
    },
    rejectReload(problems) {
      observe({ type: 'config-reload', outcome: 'rejected', problems });
    },
    reportUnexpected: (error) => observe(unexpectedError('background work', error)),
    async stop({ immediate }) {
      const { delay, deadline } = config.drain;
      await publicListener.drain({ delayMs: immediate ? 0 : delay, deadlineMs: deadline });
      expiryWatch.close();
      await persistence?.stop();
      await shared?.group.close();
      await adminListener.drain({ delayMs: 0, deadlineMs: 1_000 });
      scheduler.close();
      internalScheduler.close();
      await transport.close();
    },
  };
}
