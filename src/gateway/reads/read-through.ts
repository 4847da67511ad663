import { scopeOf } from '../../atlas/rate-limit-buckets.ts';
import { type CacheDirectives, NO_DIRECTIVES } from '../../cache/decide.ts';
import type { PinnedListings } from '../../cache/pinned-listings.ts';
import type { LoadPermit, LoadStart } from '../../cache/results.ts';
import type { Clock } from '../../lib/clock.ts';
import type { TraceSpan } from '../../lib/trace-span.ts';
import type { UpstreamFailure } from '../../upstream/message.ts';
import { WALK_PAGE_SIZE } from '../../upstream/walk/plan.ts';
import { LONGEST_WALK_MS } from '../../upstream/walk/walk.ts';
import type { LoadNeed } from '../auth/caller-limits.ts';
import { crossProjectRule } from '../auth/policy.ts';
import type { Credential } from '../credentials/selection.ts';
import type { CallerCallEvent } from '../events.ts';
import type { CacheRead, ListCache, LoadResult } from './list-cache.ts';
import type { ListLoad, ListLoader } from './list-loader.ts';
import { type CachedList, type CachePolicy, itemsOf, type Listing, type ReadQuery } from './listing.ts';
import type { SharedLists, SharedQuery } from './shared-listing-types.ts';

/** What one read of a query has in common, whether it reads the list or a page of it. */
export interface ReadContext {
  readonly query: ReadQuery;
  readonly partition: string;
  readonly policy: CachePolicy;
  readonly chosen: readonly Credential[];
  readonly directives: CacheDirectives;
  /** Whether the caller may be given pages of a list that is still being loaded: not if its lists are filtered. */
  readonly takesPages: boolean;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  upstreamCalls: number;
  /** Absent if the read is not traced. */
  readonly span: TraceSpan | undefined;
}

/** Reads one cache entry, and loads it from another gateway or from Atlas if the cache asks for it. */
export type ReadThrough = (
  reading: ReadContext,
  key: string,
  unit: ListLoad['unit'],
) => CacheRead<CachedList> | Promise<CacheRead<CachedList>>;

export interface ReadThroughDependencies {
  readonly cache: ListCache<CachedList>;
  readonly clock: Clock;
  readonly loader: ListLoader;
  /** Pinned listings, which links lead back to. */
  readonly pinnedListings: PinnedListings<Listing>;
  readonly onUpstreamCall: (call: Omit<CallerCallEvent, 'type'>) => void;
  /** Called when a cached list may no longer be served from anywhere. */
  readonly onGone: () => void;
  /** Reserves what a load may cost this caller; returns a failure if the caller may not cause a load now. */
  readonly admitLoad: (query: ReadQuery, load: LoadNeed) => UpstreamFailure | LoadPermit | undefined;
  /** Lists shared with other gateways; absent if there is no shared tier. */
  readonly sharing?: SharedLists<CachedList> | undefined;
}

/** Fraction of its time that a load waits for a load of another gateway; the rest suffices for a load of its own. */
const WAIT_FRACTION = 0.5;

const loadAttributes = (
  { operation }: ReadQuery,
  unit: ListLoad['unit'],
  priority: LoadStart['priority'],
) => ({
  'atlas_gateway.operation': operation.id,
  'atlas_gateway.load.unit': unit,
  'atlas_gateway.load.priority': priority,
});

const resultAttributes = (loaded: LoadResult<CachedList>) => ({
  'atlas_gateway.load.result': loaded.type,
  'error.type': loaded.type === 'failed' ? loaded.code : undefined,
});

/** `timeoutMs` limits how long a request waits. */
export function createReadThrough(
  { timeoutMs }: { readonly timeoutMs: number },
  dependencies: ReadThroughDependencies,
): ReadThrough {
  const { cache, clock, loader, pinnedListings, onUpstreamCall, onGone, admitLoad, sharing } = dependencies;

  const isMerged = ({ query: { operation, pathParameters }, chosen }: ReadContext) =>
    crossProjectRule(operation.id) !== undefined &&
    pathParameters['orgId'] === undefined &&
    chosen.length > 1;

  /** Upstream calls that a load is known to need: pages of the list as last loaded, for each credential whose lists are merged. */
  function expectedCalls(reading: ReadContext, before: CachedList | undefined): number {
    const pages = before?.type === 'list' && before.whole ? itemsOf(before) / WALK_PAGE_SIZE : 1;
    return Math.max(1, Math.ceil(pages)) * (isMerged(reading) ? reading.chosen.length : 1);
  }

  /** A list that is gone or no longer readable must not be served from an older listing, or from the snapshot file, either. */
  function dropIfGone(
    loaded: LoadResult<CachedList>,
    partition: string,
    before: CachedList | undefined,
  ): LoadResult<CachedList> {
    if (loaded.type === 'refused' && loaded.invalidatesCache) {
      pinnedListings.purge(partition);
      if (before !== undefined) onGone();
    }
    return loaded;
  }

  async function findShared(
    query: SharedQuery,
    { find }: SharedLists<CachedList>,
  ): Promise<CacheRead<CachedList>> {
    const found = await find(query);
    return found === undefined
      ? { type: 'not-cached' }
      : { type: 'value', ...found, cacheStatus: { outcome: 'hit', detail: 'shared' } };
  }

  return function readThrough(reading, key, unit) {
    const { query, partition, policy, chosen, directives } = reading;
    const { operation, pathParameters, caller } = query;
    const scope = scopeOf(pathParameters);
    const shared: SharedQuery = {
      partition,
      operation: operation.id,
      key,
      credentials: chosen.map(({ name }) => name),
      lifetimes: policy,
      directives,
    };
    const cached = () => cache.peek(partition, operation.id, key);

    async function load({ priority, permit, retry, flight }: LoadStart): Promise<LoadResult<CachedList>> {
      const before = cached();
      const now = clock.now();
      // The load may outlive the request that it is traced with.
      const span = reading.span?.begin('load', 'internal', loadAttributes(query, unit, priority));
      const onCall = () => {
        reading.upstreamCalls++;
        permit?.charge();
        onUpstreamCall({ caller: caller.name, operation: operation.id, endpointSet: operation.endpointSet });
      };
      const open = loader.open({
        ...{ flight, query, unit, credentials: chosen, merged: isMerged(reading), before, priority, retry },
        ...{ timeoutMs, onCall, span },
      });
      const loadFromAtlas = async () => dropIfGone(await open.run(), partition, before);
      const waitUntil = now + (unit === 'whole' ? LONGEST_WALK_MS : timeoutMs * WAIT_FRACTION);
      try {
        const loaded =
          sharing === undefined
            ? await loadFromAtlas()
            : await sharing.load(
                { ...shared, priority, waitUntil, cold: before === undefined },
                loadFromAtlas,
              );
        span?.end({ failed: loaded.type === 'failed', attributes: resultAttributes(loaded) });
        return loaded;
      } catch (error) {
        span?.end({ failed: true, attributes: {} });
        throw error;
      } finally {
        open.close();
      }
    }

    const read = cache.read({
      project: partition,
      operation: operation.id,
      key,
      lifetimes: policy,
      directives,
      admitLoad: ({ forced }) => admitLoad(query, { forced, calls: expectedCalls(reading, cached()) }),
      freshnessFactor: () =>
        Math.min(...chosen.map((credential) => credential.freshnessFactor(operation.endpointSet, scope))),
      load,
      awaitEarly: ({ flight, hasFallback }) =>
        loader.awaitEarly(flight, {
          shape: unit === 'whole' && reading.takesPages && !isMerged(reading) ? query.shape : undefined,
          deadlineAt: reading.startedAt + timeoutMs,
          acceptsStale: hasFallback && directives === NO_DIRECTIVES,
        }),
    });
    if (sharing === undefined || read instanceof Promise || read.type !== 'not-cached') return read;
    return findShared(shared, sharing);
  };
}
