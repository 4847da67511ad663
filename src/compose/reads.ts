import type { Catalog, Operation } from '../atlas/catalog.ts';
import { createSharedTier, type SharedTier } from '../cluster/redis-tier.ts';
import type { GatewayConfig } from '../config/schema.ts';
import type { Access } from '../gateway/auth/authentication.ts';
import { createDocumentLoader } from '../gateway/reads/document-loader.ts';
import { createListLoader, type ListLoader, type LoadState } from '../gateway/reads/list-loader.ts';
import type { CachedList, CachePolicy, ReadQuery } from '../gateway/reads/listing.ts';
import { createListingCodec } from '../gateway/reads/listing-codec.ts';
import { createListingFilter } from '../gateway/reads/listing-filter.ts';
import type { Persistence } from '../gateway/reads/persistence.ts';
import { createReadService, type ReadService } from '../gateway/reads/read-service.ts';
import { createSharing } from '../gateway/reads/shared-listings.ts';
import type { Clock } from '../lib/clock.ts';
import type { LogEvent } from '../observability/log.ts';
import { upstreamFailure } from '../upstream/failure.ts';
import type { Caches } from './cache.ts';
import type { ClusterParts } from './cluster.ts';
import type { PublicUrl } from './public-url.ts';
import type { Upstream } from './upstream.ts';

/** Messages for callers that have exhausted their quota of loads. */
const LOAD_LIMITS = {
  loads: 'Too many of your loads are in progress.',
  'forced-loads': 'You forced too many loads of cached lists.',
  'upstream-calls': 'Your quota of upstream calls is exhausted.',
} as const;

export interface ReadsDependencies {
  readonly caches: Caches;
  readonly catalog: Catalog;
  readonly persistence: Persistence | undefined;
  readonly upstream: Upstream;
  readonly access: Access;
  readonly cluster: ClusterParts | undefined;
  readonly publicUrl: PublicUrl;
  readonly clock: Clock;
  readonly observe: (event: LogEvent) => void;
}

/** The reads, and the lists shared with other gateways, if there are any. */
export interface Reads {
  readonly service: ReadService;
  /** Loads in progress. */
  readonly loads: ListLoader['counts'];
  readonly sharedTier: SharedTier<CachedList> | undefined;
}

const createPolicy =
  ({ operations, fresh, staleWhileRevalidate, staleIfError }: GatewayConfig['cache']) =>
  ({ id, kind, cacheUnit }: Operation): CachePolicy => {
    const own = operations[id];
    return {
      freshMs: own?.fresh ?? fresh,
      staleWhileRevalidateMs: own?.staleWhileRevalidate ?? staleWhileRevalidate,
      staleIfErrorMs: own?.staleIfError ?? staleIfError,
      whole: kind !== 'list' || (own?.whole ?? cacheUnit === 'whole'),
    };
  };

/** The list whose items equal an element in this version: recordings show it, or the operator says so. */
const createListOf =
  ({ operations }: GatewayConfig['cache'], catalog: Catalog) =>
  ({ operation: { id, element }, version }: ReadQuery): Operation | undefined => {
    if (element === undefined) return undefined;
    const isProven = operations[id]?.fromList ?? element.recordedVersions.includes(version);
    return isProven ? catalog.find(element.list) : undefined;
  };

/** The loaders of lists and documents, the shared tier if there is one, and the service that reads through them. */
export function buildReads(
  { cache, upstream: { timeout } }: GatewayConfig,
  dependencies: ReadsDependencies,
): Reads {
  const { caches, catalog, persistence, upstream, access, cluster, publicUrl, clock, observe } = dependencies;
  const { nextRevision } = caches;
  const isServed = (path: string) => catalog.match(path).type !== 'unknown';
  const { maxItems } = cache;
  const sharedTier =
    cluster === undefined
      ? undefined
      : createSharedTier<CachedList>(
          { binding: () => JSON.stringify([publicUrl.current(), maxItems]) },
          { group: cluster.cluster, values: cluster.store, codec: createListingCodec(nextRevision), clock },
        );
  const identityOf = (name: string) =>
    upstream.credentials.find((credential) => credential.name === name)?.upstream.id ?? name;
  const listings = { publicUrl: publicUrl.current, isServed, nextRevision };
  const loader = createListLoader(
    {
      ...listings,
      maxItems,
      maxBytes: caches.maxListBytes,
      isShared: cluster !== undefined,
    },
    { clock, observe },
  );
  const documentLoader = createDocumentLoader(listings, { clock });
  const timeRangeLoader = createDocumentLoader(listings, { clock });
  const service = createReadService(
    { timeoutMs: timeout },
    {
      cache: caches.lists,
      clock,
      cachePolicyOf: createPolicy(cache),
      credentials: upstream.selection,
      loader,
      documentLoader,
      listOf: createListOf(cache, catalog),
      timeRanges: { cache: caches.timeRanges, loader: timeRangeLoader },
      pinnedListings: caches.pinned,
      admitLoad({ caller: { name: caller } }, load) {
        const reserved = access.reserveLoad(caller, load);
        if (reserved.type === 'reserved') return reserved;
        const { limit, waitMs } = reserved;
        return upstreamFailure('CALLER_RATE_LIMITED', LOAD_LIMITS[limit], waitMs);
      },
      onUpstreamCall: (call) => observe({ type: 'caller-call', ...call }),
      onGone: () => persistence?.invalidate(),
      filterFor: createListingFilter(nextRevision),
      sharing:
        sharedTier === undefined ? undefined : createSharing({ identityOf }, { tier: sharedTier, clock }),
    },
  );
  function loads() {
    const counts = [loader, documentLoader, timeRangeLoader].map((one) => one.counts());
    const total = (state: LoadState) => counts.reduce((sum, count) => sum + count[state], 0);
    return { waiting: total('waiting'), loading: total('loading') };
  }

  return { service, loads, sharedTier };
}
