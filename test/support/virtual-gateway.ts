import { createCatalog } from '../../src/atlas/catalog.ts';
import { countItems, itemValue } from '../../src/atlas/list-parser.ts';
import { resolveQuery } from '../../src/atlas/query.ts';
import { type CacheDirectives, NO_DIRECTIVES } from '../../src/cache/decide.ts';
import type { CacheFile } from '../../src/cache/snapshot-file.ts';
import { buildAuth } from '../../src/compose/auth.ts';
import { buildCaches } from '../../src/compose/cache.ts';
import { resolveLiveSettings } from '../../src/compose/live-settings.ts';
import { createPublicUrl } from '../../src/compose/public-url.ts';
import { buildReads } from '../../src/compose/reads.ts';
import { buildUpstream } from '../../src/compose/upstream.ts';
import { configSchema, type SecretRef } from '../../src/config/schema.ts';
import type { Caller } from '../../src/gateway/auth/key-auth.ts';
import type { Listing, ReadResult } from '../../src/gateway/reads/listing.ts';
import { createPersistence } from '../../src/gateway/reads/persistence.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { createSystemRandom } from '../../src/lib/random.ts';
import type { LogEvent } from '../../src/observability/log.ts';
import { createStatusStats } from '../../src/observability/status-stats.ts';
import { SAMPLE_CREDENTIALS } from '../../src/simulator/world.ts';
import { createBudget } from '../../src/upstream/budget/budget.ts';
import type { Exchange } from '../../src/upstream/message.ts';
import { lists as operations } from './lists.ts';

/** One read of a page. */
export interface VirtualRead {
  /** The path of the list. */
  readonly path: string;
  readonly query?: string;
  readonly caller?: string;
  readonly directives?: CacheDirectives;
  /** The snapshot of the page before, as a `next` link carries it. */
  readonly snapshot?: string;
}

/** The outcome of a read: `200`, Atlas's status, or the code of a failure; and how the cache handled it. */
export interface VirtualReply {
  readonly outcome: string;
  readonly cache: string;
  readonly detail: string;
  readonly items: readonly unknown[];
  readonly hasMore: boolean;
  /** For the link to the next page; absent if the list is cached by the page. */
  readonly snapshot?: string;
  readonly tookMs: number;
  /** When a failed read may succeed. */
  readonly retryAfterMs?: number;
}

/** The gateway from the read service down to the exchange with Atlas, built by the same builders as the gateway, without listeners. */
export interface VirtualGateway {
  read(read: VirtualRead): Promise<VirtualReply>;
  readonly events: readonly LogEvent[];
  /** How many lists and pages cool down. */
  coolingDown(): Readonly<Record<'list' | 'page', number>>;
  /** What the gateway believes is left in the bucket of an endpoint set. */
  remaining(endpointSet: string): number | undefined;
  /** Loads in progress. */
  loads(): Readonly<Record<'waiting' | 'loading', number>>;
  /** Proposes another secret, as a reload does. */
  rotate(secret: string): void;
  /** Ends all requests to Atlas, as the last step of a shutdown does. */
  close(): Promise<void>;
  /** Writes the cache file, as a shutdown does, and restores it, as a start does. */
  save(): Promise<void>;
  restore(): void;
  /** Purges everything, as an operator does. */
  purge(): void;
  /** Bytes of items in the cache. */
  readonly cachedBytes: number;
}

export interface VirtualGatewayOptions {
  readonly exchange: Exchange;
  readonly maxBytes?: number;
  readonly maxItems?: number;
  readonly projectShare?: number;
  /** What an earlier gateway saved. */
  readonly file?: CacheFile;
}

const DATE = '2026-08-10';
const MINUTE_MS = 60_000;
const catalog = createCatalog(operations);

/** A cache file in memory, which outlives the gateway that wrote it. */
export function createMemoryFile(): CacheFile {
  let records: Buffer[] = [];
  return {
    async write(next) {
      records = [...next];
    },
    read: () => records,
    remove() {
      records = [];
    },
    removeLeftovers: () => undefined,
  };
}

const callerNamed = (name: string): Caller => ({
  name,
  projects: 'all',
  organizations: 'all',
  operations: new Set(['lists', 'listGroupEvents']),
});

/** Resolves path and query as the request handler does. */
function resolve({ path, query = '', caller = 'team', snapshot }: VirtualRead) {
  const matched = catalog.match(path);
  if (matched.type !== 'matched') throw new Error(`${path} is not the path of a list`);
  const { operation, pathParameters } = matched;
  const resolved = resolveQuery(operation, query);
  if (resolved.type !== 'resolved') throw new Error(`${query} is not a valid query`);
  const version = operation.versions.findLast(({ name }) => name <= DATE)?.name ?? DATE;
  return {
    operation,
    pathParameters,
    version,
    mediaType: `application/vnd.atlas.${version}+json`,
    filters: resolved.filters,
    shape: { ...resolved.shape, ...(snapshot === undefined ? {} : { snapshot }) },
    caller: callerNamed(caller),
  };
}

type Value = Extract<ReadResult, { type: 'value' }>;

/** The items of the requested page in a listing, which is the whole list or a part that contains the page. */
function itemsOf(
  { items, offset }: Listing,
  { pageNum, itemsPerPage }: { pageNum: number; itemsPerPage: number },
) {
  const from = (pageNum - 1) * itemsPerPage - offset;
  const until = Math.min(from + itemsPerPage, countItems(items));
  return Array.from({ length: Math.max(0, until - from) }, (_none, index) => itemValue(items, from + index));
}

function valueReply({ value, cacheStatus }: Value, shape: ReturnType<typeof resolve>['shape']) {
  const end = shape.pageNum * shape.itemsPerPage - value.offset;
  return {
    outcome: '200',
    cache: cacheStatus.outcome,
    detail: cacheStatus.detail ?? '',
    items: itemsOf(value, shape),
    hasMore: value.hasMore || countItems(value.items) > end,
    ...(value.whole ? { snapshot: value.snapshot } : {}),
  };
}

function failureReply(result: Exclude<ReadResult, Value> | undefined) {
  const none = { cache: '', detail: '', items: [], hasMore: false };
  switch (result?.type) {
    case undefined:
      return { ...none, outcome: 'NO_CREDENTIAL_FOR_PROJECT' };
    case 'failed':
      return { ...none, ...result.failure, outcome: result.failure.code };
    case 'refused':
      return { ...none, outcome: String(result.response.status) };
    case 'not-cached':
      return { ...none, outcome: 'NOT_CACHED' };
    case 'overloaded':
      return { ...none, outcome: 'OVERLOADED' };
  }
}

export function createVirtualGateway(
  {
    exchange,
    maxBytes = 67_108_864,
    maxItems = 10_000,
    projectShare = 0.25,
    file = createMemoryFile(),
  }: VirtualGatewayOptions,
  { clock }: { clock: Clock },
): VirtualGateway {
  const random = { ...createSystemRandom(), fraction: () => 0.5 };
  const events: LogEvent[] = [];
  const base = { clock, random, observe: (event: LogEvent) => void events.push(event) };
  const { clientId, clientSecret } = SAMPLE_CREDENTIALS.serviceAccount;
  const secretOf = (ref: SecretRef) => ('env' in ref && ref.env === 'ID' ? clientId : clientSecret);
  const config = configSchema.parse({
    listen: { publicUrl: 'http://gateway.test' },
    credentials: [
      { name: 'sample', serviceAccount: { clientId: { env: 'ID' }, clientSecret: { env: 'SECRET' } } },
    ],
    callers: [],
    cache: { maxBytes, maxItems, projectShare },
  });
  const transport = { exchange, close: async () => undefined };
  const budget = createBudget({ clock });
  const options = { config, secretOf };
  const upstream = buildUpstream(options, { ...base, transport, catalog, budget, shareGrant: undefined });
  const caches = buildCaches(options, base);
  const persistence = createPersistence(
    { everyMs: MINUTE_MS, nextRevision: caches.nextRevision },
    { cache: caches.lists, file, clock, observe: base.observe },
  );
  const { access } = buildAuth(resolveLiveSettings(options), { ...base, shared: undefined });
  const { service: lists, loads } = buildReads(config, {
    ...{ caches, persistence, upstream, access, cluster: undefined, clock, observe: base.observe },
    statusStats: createStatusStats({ clock }),
    publicUrl: createPublicUrl(config.listen),
  });

  return {
    async read(read) {
      const startedAt = clock.now();
      const query = resolve(read);
      const reader = lists.createReader(query);
      const result = await reader.read(read.directives ?? NO_DIRECTIVES);
      const tookMs = clock.now() - startedAt;
      if (result?.type !== 'value') return { ...failureReply(result), tookMs };
      if (result.value.whole) reader.pin(result.value, result.window);
      return { ...valueReply(result, query.shape), tookMs };
    },
    events,
    coolingDown: caches.lists.coolingDown,
    loads,
    rotate(secret) {
      for (const { upstream: client } of upstream.credentials)
        client.proposeSecrets({ id: clientId, secret });
    },
    close: upstream.close,
    remaining: (endpointSet) => budget.remaining().find((one) => one.endpointSet === endpointSet)?.remaining,
    save: () => persistence.stop(),
    restore: () => persistence.restore(),
    purge: () => caches.lists.purge({ soft: false }),
    get cachedBytes() {
      return caches.lists.bytes;
    },
  };
}
