import type { DestinationStream } from 'pino';
import { createCatalog, type Operation } from './atlas/catalog.ts';
import { operations } from './atlas/operations.ts';
import { createListCache } from './cache/list-cache.ts';
import { createRenderings } from './cache/renderings.ts';
import type { GatewayConfig, SecretRef } from './config/schema.ts';
import { type Caller, createBearerKeys, createIdentify } from './gateway/callers.ts';
import { createLists, type Holding, type Listing } from './gateway/lists.ts';
import { createWay } from './gateway/way.ts';
import type { Clock } from './lib/clock.ts';
import type { Random } from './lib/random.ts';
import { createTokenBucket, type TokenBucket } from './lib/token-bucket.ts';
import { createLog, type LogEvent } from './observability/log.ts';
import { createMetrics } from './observability/metrics.ts';
import { createAdminApp } from './server/admin-app.ts';
import { createListener } from './server/listener.ts';
import { createPublicApp } from './server/public-app.ts';
import { failed } from './upstream/failure.ts';
import { createCredentialSend } from './upstream/stack.ts';
import { createTransport } from './upstream/transport.ts';

export interface ComposeOptions {
  readonly config: GatewayConfig;
  readonly secretOf: (ref: SecretRef) => string;
  readonly build: { readonly version: string; readonly node: string };
  readonly log: {
    readonly destination: DestinationStream;
    readonly people: boolean;
    readonly colorize: boolean;
  };
}

/** A gateway that can be started and stopped. */
export interface Gateway {
  /** Resolves to the origins it listens on; rejects with a sentence where it cannot. */
  start(): Promise<{ readonly publicOrigin: string; readonly adminOrigin: string }>;
  /** Takes no new requests, finishes those under way, closes everything. */
  stop(): Promise<void>;
}

const REFUSAL_MS = 5_000;
const REFRESH_PAUSE_MS = 5_000;
const MAX_LOADS = 1_000;
const MAX_WAITING = 10_000;
const MAX_CONNECTIONS = 32;
const DRAIN_MS = 15_000;
/** Part of the cache's memory that pages ready to be sent may take; the rest holds the lists. */
const RENDERINGS_PART = 0.25;
/** How often a caller may have Atlas asked again by `Cache-Control: no-cache`. */
const FORCED_LOADS = { capacity: 20, perMinute: 20 };

const grantsOf = ({
  projects,
  organizations,
  operations: names,
}: {
  projects: 'all' | string[];
  organizations: 'all' | string[];
  operations: string[];
}) => ({
  projects: projects === 'all' ? projects : new Set(projects),
  organizations: organizations === 'all' ? organizations : new Set(organizations),
  operations: new Set(names),
});

/**
 * Builds and joins everything; nothing else does.
 *
 *   public listener → edge → way: caller → policy → question → lists → cache → walk → credential → transport → Atlas
 *   admin listener  → metrics, probes, purge, status
 *   every layer     → observe → metrics and log
 */
export function compose(
  options: ComposeOptions,
  { clock, random }: { clock: Clock; random: Random },
): Gateway {
  const { config, secretOf, build } = options;
  const catalog = createCatalog(operations);
  const flying = { count: 0 };
  const log = createLog(options.log.destination, options.log);
  const cacheBytes = Math.floor(config.cache.maxBytes * (1 - RENDERINGS_PART));
  const cache = createListCache<Listing>(
    {
      maxBytes: cacheBytes,
      projectShare: config.cache.projectShare,
      refusalMs: REFUSAL_MS,
      refreshPauseMs: REFRESH_PAUSE_MS,
      maxLoads: MAX_LOADS,
      maxWaiting: MAX_WAITING,
    },
    { clock, observe },
  );
  const renderings = createRenderings({
    maxBytes: config.cache.maxBytes - cacheBytes,
    projectShare: config.cache.projectShare,
  });
  const metrics = createMetrics(
    {
      cacheBytes: () => cache.bytes + renderings.bytes,
      cacheListings: () => cache.size,
      inFlight: () => flying.count,
    },
    build,
  );
  function observe(event: LogEvent): void {
    metrics.observe(event);
    log(event);
  }

  const transport = createTransport(
    {
      origin: config.upstream.origin,
      maxBodyBytes: config.upstream.maxBody,
      maxConnections: MAX_CONNECTIONS,
    },
    { clock },
  );
  const credentials = config.credentials.map(({ name, serviceAccount, apiKey, projects, organizations }) => {
    const [id, secret] =
      serviceAccount === undefined
        ? [apiKey?.publicKey, apiKey?.privateKey]
        : [serviceAccount.clientId, serviceAccount.clientSecret];
    const kind = serviceAccount === undefined ? ('api-key' as const) : ('service-account' as const);
    const secrets = {
      id: () => (id === undefined ? '' : secretOf(id)),
      secret: () => (secret === undefined ? '' : secretOf(secret)),
    };
    const send = createCredentialSend(
      { name, kind, secrets, mintTimeoutMs: config.upstream.timeout },
      { exchange: transport.exchange, clock, random, observe },
    );
    const covers = new Set([...(projects ?? []), ...(organizations ?? [])]);
    return { name, kind, send, coversAll: projects === undefined && organizations === undefined, covers };
  });
  const credentialFor = ({ groupId, orgId }: Readonly<Record<string, string>>) => {
    const id = groupId ?? orgId;
    const named = id === undefined ? credentials[0] : credentials.find(({ covers }) => covers.has(id));
    return named ?? credentials.find(({ coversAll }) => coversAll);
  };

  function holdingOf({ id, hold }: Operation): Holding {
    const own = config.cache.operations[id];
    return {
      freshMs: own?.fresh ?? config.cache.fresh,
      staleWhileRevalidateMs: own?.staleWhileRevalidate ?? config.cache.staleWhileRevalidate,
      staleIfErrorMs: own?.staleIfError ?? config.cache.staleIfError,
      whole: own?.whole ?? hold === 'whole',
    };
  }

  const forcedLoads = new Map<string, TokenBucket>();
  function mayForceLoad(caller: string): number {
    const bucket = forcedLoads.get(caller) ?? createTokenBucket(FORCED_LOADS, clock);
    forcedLoads.set(caller, bucket);
    return bucket.take();
  }

  let listeningOn = '';
  const publicUrl = () => config.listen.publicUrl ?? listeningOn;
  const lists = createLists(
    { publicUrl, maxItems: config.cache.maxItems, timeoutMs: config.upstream.timeout },
    {
      cache,
      clock,
      holdingOf,
      credentialFor,
      mayLoad({ demand, caller }) {
        const waitMs = demand.noCache ? mayForceLoad(caller) : 0;
        return waitMs === 0
          ? undefined
          : failed('UPSTREAM_RATE_LIMITED', 'Too many requests of this caller asked for no-cache.', waitMs);
      },
    },
  );

  const callers = config.callers.map(({ name, keys, ...grants }) => ({
    caller: { name, ...grantsOf(grants) },
    keys: keys.map(({ id, sha256, expires }) => ({
      id,
      sha256: Buffer.from(sha256, 'hex'),
      ...(expires === undefined ? {} : { expiresAt: Date.parse(expires) }),
    })),
  }));
  const anonymous: Caller | undefined =
    config.anonymous === undefined ? undefined : { name: 'anonymous', ...grantsOf(config.anonymous) };

  const instance = random.bytes(6).toString('base64url');
  let requests = 0;
  const way = createWay(
    { publicUrl },
    {
      catalog,
      // The ways to present a caller key, in the order they are tried.
      identify: createIdentify([createBearerKeys(callers, clock)], anonymous),
      lists,
      renderings,
      clock,
      nextRequestId: () => `${instance}-${(++requests).toString(36)}`,
      observe,
    },
  );

  const publicListener = createListener(
    { ...config.listen, setting: 'listen.port' },
    createPublicApp(way, {
      begin: () => void flying.count++,
      end: () => void flying.count--,
    }),
  );
  const adminToken = config.admin.token;
  const startedAt = clock.wall();
  let listening = false;
  const adminListener = createListener(
    { ...config.admin, setting: 'admin.port' },
    createAdminApp({
      metrics: metrics.scrape,
      unready: () =>
        listening && !publicListener.draining ? undefined : publicListener.draining ? 'draining' : 'starting',
      status,
      knowsOperation: (name) => catalog.find(name) !== undefined,
      purge(scope) {
        const operation = scope.operation === undefined ? undefined : catalog.find(scope.operation)?.id;
        cache.purge({ ...scope, ...(operation === undefined ? {} : { operation }) });
        observe({ type: 'life', level: 'info', message: 'cache purged' });
      },
      ...(adminToken === undefined ? {} : { token: () => secretOf(adminToken) }),
    }),
  );

  /** What is known now, for people and their tools: names, numbers and times only. */
  function status() {
    const projects = new Map<
      string,
      { listings: number; items: number; bytes: number; oldestSeconds: number }
    >();
    const now = clock.now();
    for (const { project, value, held, bytes } of cache.listings()) {
      const known = projects.get(project) ?? { listings: 0, items: 0, bytes: 0, oldestSeconds: 0 };
      known.listings++;
      known.items += value.type === 'list' ? value.items.starts.length - 1 : 0;
      known.bytes += bytes;
      known.oldestSeconds = Math.max(known.oldestSeconds, Math.floor((now - held.loadedAt) / 1_000));
      projects.set(project, known);
    }
    return {
      version: build.version,
      node: build.node,
      uptimeSeconds: Math.floor((clock.wall() - startedAt) / 1_000),
      requests,
      inFlight: flying.count,
      cache: {
        bytes: cache.bytes + renderings.bytes,
        maxBytes: config.cache.maxBytes,
        listings: cache.size,
        loading: cache.loading,
      },
      credentials: credentials.map(({ name, kind }) => ({ name, kind })),
      callers: callers.map(({ caller, keys }) => ({ name: caller.name, keys: keys.length })),
      projects: [...projects].map(([id, held]) => ({ id, ...held })),
    };
  }

  return {
    async start() {
      const adminOrigin = await adminListener.listen();
      try {
        const publicOrigin = await publicListener.listen();
        listeningOn = publicOrigin;
        listening = true;
        observe({
          type: 'life',
          level: 'info',
          message: `listening on ${publicOrigin}, admin on ${adminOrigin}`,
        });
        return { publicOrigin, adminOrigin };
      } catch (error) {
        await adminListener.drain(0);
        throw error;
      }
    },
    async stop() {
      await publicListener.drain(DRAIN_MS);
      await adminListener.drain(1_000);
      await transport.close();
    },
  };
}
