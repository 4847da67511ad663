import type { Operation } from '../atlas/catalog.ts';
import { createSharedTier, type SharedTier } from '../cluster/redis-tier.ts';
import type { GatewayConfig } from '../config/schema.ts';
import type { Access } from '../gateway/auth/authentication.ts';
import { createListLoader, type ListLoader } from '../gateway/reads/list-loader.ts';
import type { CachedList, CachePolicy } from '../gateway/reads/listing.ts';
import { createListingCodec } from '../gateway/reads/listing-codec.ts';
import { createListingFilter } from '../gateway/reads/listing-filter.ts';
import type { Persistence } from '../gateway/reads/persistence.ts';
import { createReadService, type ReadService } from '../gateway/reads/read-service.ts';
import { createSharing } from '../gateway/reads/shared-listings.ts';
import type { Clock } from '../lib/clock.ts';
import type { StatusStats } from '../observability/status-stats.ts';
import type { UpstreamEvent } from '../upstream/events.ts';
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
  readonly persistence: Persistence | undefined;
  readonly upstream: Upstream;
  readonly access: Access;
  readonly statusStats: StatusStats;
  readonly cluster: ClusterParts | undefined;
  readonly publicUrl: PublicUrl;
  readonly clock: Clock;
  readonly observe: (event: UpstreamEvent) => void;
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
  ({ id, cacheUnit }: Operation): CachePolicy => {
    const own = operations[id];
    return {
      freshMs: own?.fresh ?? fresh,
      staleWhileRevalidateMs: own?.staleWhileRevalidate ?? staleWhileRevalidate,
      staleIfErrorMs: own?.staleIfError ?? staleIfError,
      whole: own?.whole ?? cacheUnit === 'whole',
    };
  };

export function buildReads(
  { cache, upstream: { timeout } }: GatewayConfig,
  dependencies: ReadsDependencies,
): Reads {
  const { caches, persistence, upstream, access, statusStats, cluster, publicUrl, clock, observe } =
    dependencies;
  const { nextRevision } = caches;
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
  const loader = createListLoader(
    {
      ...{ publicUrl: publicUrl.current, maxItems, nextRevision },
      maxBytes: caches.maxListBytes,
      isShared: cluster !== undefined,
    },
    { clock, observe },
  );
  const service = createReadService(
    { timeoutMs: timeout },
    {
      cache: caches.lists,
      clock,
      cachePolicyOf: createPolicy(cache),
      credentials: upstream.selection,
      loader,
      pinnedListings: caches.pinned,
      admitLoad({ caller: { name: caller } }, load) {
        const reserved = access.reserveLoad(caller, load);
        if (reserved.type === 'reserved') return reserved;
        const { limit, waitMs } = reserved;
        return upstreamFailure('CALLER_RATE_LIMITED', LOAD_LIMITS[limit], waitMs);
      },
      onUpstreamCall: (caller) => statusStats.countUpstreamCall(caller),
      onGone: () => persistence?.invalidate(),
      filterFor: createListingFilter(nextRevision),
      sharing:
        sharedTier === undefined ? undefined : createSharing({ identityOf }, { tier: sharedTier, clock }),
    },
  );
  return { service, loads: loader.counts, sharedTier };
}
