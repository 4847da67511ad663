import { scopeOf } from '../../atlas/rate-limit-buckets.ts';
import { type CacheDirectives, NO_DIRECTIVES } from '../../cache/decide.ts';
import { freshnessWindow } from '../../cache/freshness.ts';
import type { PinnedListings } from '../../cache/pinned-listings.ts';
import type { LoadPermit, LoadStart } from '../../cache/results.ts';
import type { Clock } from '../../lib/clock.ts';
import { compactBuffer } from '../../lib/compact-buffer.ts';
import type { UpstreamFailure } from '../../upstream/message.ts';
import { expectedPages } from '../../upstream/walk/plan.ts';
import { LONGEST_WALK_MS } from '../../upstream/walk/walk.ts';
import type { LoadNeed } from '../auth/caller-limits.ts';
import { crossProjectRule } from '../auth/policy.ts';
import type { Credential } from '../credentials/selection.ts';
import { lastWholeKeyOf, type PageKey, pageKeyOf } from './cache-key.ts';
import type { CacheRead, ListCache, LoadResult } from './list-cache.ts';
import type { ListLoader, WalkedPage } from './list-loader.ts';
import {
  bytesOf,
  type CachedList,
  type CachePolicy,
  itemsOf,
  type Listing,
  type ReadQuery,
  tooLongLifetimes,
} from './listing.ts';
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
}

/** Reads one cache entry, and loads it from another gateway or from Atlas if the cache asks for it. */
export type ReadThrough = (
  reading: ReadContext,
  key: string | PageKey,
) => CacheRead<CachedList> | Promise<CacheRead<CachedList>>;

export interface ReadThroughDependencies {
  readonly cache: ListCache<CachedList>;
  readonly clock: Clock;
  readonly loader: ListLoader;
  /** Pinned listings, which links lead back to. */
  readonly pinnedListings: PinnedListings<Listing>;
  readonly onUpstreamCall: (caller: string) => void;
  /** Called when a cached list may no longer be served from anywhere. */
  readonly onGone: () => void;
  /** Reserves what a load may cost this caller; returns a failure if the caller may not cause a load now. */
  readonly admitLoad: (query: ReadQuery, load: LoadNeed) => UpstreamFailure | LoadPermit | undefined;
  /** Lists shared with other gateways; absent if there is no shared tier. */
  readonly sharing?: SharedLists<CachedList> | undefined;
}

/** The result of a load of a whole list, and the pages that were read during it. */
interface WholeLoad extends SharedQuery {
  readonly loaded: LoadResult<CachedList>;
  readonly walked: readonly WalkedPage[];
  /** When it began: monotonic milliseconds, and the number of purges. */
  readonly startedAt: number;
  readonly epoch: number;
}

/** Fraction of its time that a load waits for a load of another gateway; the rest suffices for a load of its own. */
const WAIT_FRACTION = 0.5;

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
    const pages = before?.type === 'list' && before.whole ? expectedPages(itemsOf(before)) : 1;
    return pages * (isMerged(reading) ? reading.chosen.length : 1);
  }

  /** A list that is gone or no longer readable must not be served from an older listing, or from the snapshot file, either. */
  function dropIfGone(
    loaded: LoadResult<CachedList>,
    { partition, operation, key }: SharedQuery,
    page: PageKey | undefined,
    before: CachedList | undefined,
  ): LoadResult<CachedList> {
    if (loaded.type !== 'refused' || !loaded.invalidatesCache) return loaded;
    const list = page?.list ?? key;
    pinnedListings.purge(partition);
    cache.delete({ project: partition, operation, key: lastWholeKeyOf(list) });
    // Without the marker, the other pages of the list are out of reach.
    if (page !== undefined) cache.delete({ project: partition, operation, key: list });
    if (before !== undefined) onGone();
    return loaded;
  }

  /** Keeps the whole listing that a list had before it became too long, and the pages that were read of it. */
  function settleWhole(load: WholeLoad): LoadResult<CachedList> {
    const { partition: project, operation, key, lifetimes, loaded } = load;
    if (loaded.type !== 'loaded') return loaded;
    const last = { project, operation, key: lastWholeKeyOf(key) };
    if (loaded.value.type === 'list') {
      cache.delete(last);
      return loaded;
    }
    const before = cache.peek(project, operation, key);
    if (before?.value.type === 'list')
      cache.put({ ...last, ...before, value: before.value, bytes: bytesOf(before.value.items) }, cache.epoch);
    const window = freshnessWindow(load.startedAt, lifetimes);
    for (const { shape, list } of load.walked) {
      const items = { ...list.items, bytes: compactBuffer(list.items.bytes) };
      const page = pageKeyOf(key, shape);
      const value = { ...list, items };
      cache.put(
        { project, operation, key: page.key, page, value, window, bytes: bytesOf(items) },
        load.epoch,
      );
    }
    return { ...loaded, lifetimes: tooLongLifetimes(lifetimes) };
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

  /** What is read: a list, or a page of one. */
  interface WantedList {
    readonly reading: ReadContext;
    readonly page: PageKey | undefined;
    readonly shared: SharedQuery;
  }

  function wantedOf(reading: ReadContext, wanted: string | PageKey): WantedList {
    const { query, partition, policy, chosen, directives } = reading;
    const page = typeof wanted === 'string' ? undefined : wanted;
    const shared: SharedQuery = {
      partition,
      operation: query.operation.id,
      key: typeof wanted === 'string' ? wanted : wanted.key,
      credentials: chosen.map(({ name }) => name),
      lifetimes: policy,
      directives,
      notBefore: page === undefined ? 0 : cache.earliestRequest(partition, page),
    };
    return { reading, page, shared };
  }

  const cachedOf = ({ shared: { partition, operation, key } }: WantedList) =>
    cache.peek(partition, operation, key)?.value;

  /** Loads from another gateway or from Atlas. */
  async function load(wanted: WantedList, start: LoadStart): Promise<LoadResult<CachedList>> {
    const { reading, page, shared } = wanted;
    const { priority, permit, retry, flight } = start;
    const { query, chosen } = reading;
    const before = cachedOf(wanted);
    const { epoch } = cache;
    const now = clock.now();
    const unit = page === undefined ? 'whole' : 'page';
    const onCall = () => {
      reading.upstreamCalls++;
      permit?.charge();
      onUpstreamCall(query.caller.name);
    };
    const open = loader.open({
      ...{ flight, query, unit, credentials: chosen, merged: isMerged(reading), before, priority, retry },
      ...{ timeoutMs, onCall },
    });
    async function loadFromAtlas() {
      const loaded = dropIfGone(await open.run(), shared, page, before);
      if (page !== undefined) return loaded;
      return settleWhole({ ...shared, loaded, walked: open.pages(), startedAt: now, epoch });
    }
    const waitUntil = now + (unit === 'whole' ? LONGEST_WALK_MS : timeoutMs * WAIT_FRACTION);
    try {
      return sharing === undefined
        ? await loadFromAtlas()
        : await sharing.load({ ...shared, priority, waitUntil, cold: before === undefined }, loadFromAtlas);
    } finally {
      open.close();
    }
  }

  return function readThrough(reading, key) {
    const wanted = wantedOf(reading, key);
    const { page, shared } = wanted;
    const { query, partition, policy, chosen, directives, takesPages } = reading;
    const { operation, pathParameters } = query;
    const scope = scopeOf(pathParameters);
    const read = cache.read({
      project: partition,
      operation: operation.id,
      key: shared.key,
      page,
      lifetimes: policy,
      directives,
      admitLoad: ({ forced }) =>
        admitLoad(query, { forced, calls: expectedCalls(reading, cachedOf(wanted)) }),
      freshnessFactor: () =>
        Math.min(...chosen.map((credential) => credential.freshnessFactor(operation.endpointSet, scope))),
      load: (start) => load(wanted, start),
      awaitEarly: ({ flight, hasFallback }) =>
        loader.awaitEarly(flight, {
          shape: page === undefined && takesPages && !isMerged(reading) ? query.shape : undefined,
          deadlineAt: reading.startedAt + timeoutMs,
          acceptsStale: hasFallback && directives === NO_DIRECTIVES,
        }),
    });
    if (sharing === undefined || read instanceof Promise || read.type !== 'not-cached') return read;
    return findShared(shared, sharing);
  };
}
