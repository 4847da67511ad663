import { LRUCache } from 'lru-cache';
import { targetPath } from '../../atlas/catalog.ts';
import { identityFieldsOf } from '../../atlas/identity-fields.ts';
import { canonicalQuery, isCountable, type PageOptions } from '../../atlas/query.ts';
import { scopeOf } from '../../atlas/rate-limit-buckets.ts';
import type { EarlyWait } from '../../cache/loads.ts';
import type { LoadStart } from '../../cache/results.ts';
import type { Clock } from '../../lib/clock.ts';
import { expireAfter } from '../../lib/lru-expiry.ts';
import type { TraceSpan } from '../../lib/trace-span.ts';
import type { UpstreamEvent } from '../../upstream/events.ts';
import { TIMED_OUT_PAGING } from '../../upstream/failure.ts';
import { listIdOf } from '../../upstream/list-id.ts';
import type { Send, UpstreamFailure } from '../../upstream/message.ts';
import type { LoadClass } from '../../upstream/slot-queue.ts';
import {
  fetchPage,
  isTimeoutWhilePaging,
  type ListRequest,
  type PageResult,
} from '../../upstream/walk/fetch-page.ts';
import { LONGEST_WALK_MS, startWalk } from '../../upstream/walk/walk.ts';
import type { WalkResult } from '../../upstream/walk/walk-result.ts';
import type { Credential } from '../credentials/selection.ts';
import { pageKey } from './cache-key.ts';
import {
  createListingFactory,
  type ListingFactory,
  type ListingOptions,
  loadedListing,
} from './create-listing.ts';
import type { WaitingRequest } from './early-wait.ts';
import { withFailover } from './failover.ts';
import type { LoadResult } from './list-cache.ts';
import { createListProgress, type ListProgress } from './list-progress.ts';
import {
  type CachedList,
  itemsOf,
  type Listing,
  type ReadQuery,
  TOO_LONG,
  TOO_LONG_BYTES,
} from './listing.ts';
import { mergeAcrossCredentials } from './merge.ts';
import { invalidatesCache, unlessAddressRefused } from './upstream-denial.ts';
import { versionHeadersOf } from './version-headers.ts';

/** A list, or one page of it, to load from Atlas. */
export interface ListLoad extends Pick<LoadStart, 'flight' | 'priority' | 'retry'> {
  readonly query: ReadQuery;
  readonly unit: 'whole' | 'page';
  readonly credentials: readonly Credential[];
  /** Whether the list is merged from what each credential sees, instead of loaded with the first that works. */
  readonly merged: boolean;
  /** What the cache holds under the same key. */
  readonly before: CachedList | undefined;
  /** A walk that has begun goes on after this time, as long as it makes progress. */
  readonly timeoutMs: number;
  /** Called before each call to Atlas. */
  readonly onCall: () => void;
  /** The span of the load, if it is traced. */
  readonly span?: TraceSpan | undefined;
}

export interface ListLoaderOptions extends ListingOptions {
  /** Longer lists, and lists with more bytes, are cached page by page. */
  readonly maxItems: number;
  readonly maxBytes: number;
  /** Whether other gateways may load the same lists. */
  readonly isShared: boolean;
}

/** `waiting`: for another gateway's load or for a connection; nothing has been sent to Atlas. */
export type LoadState = 'waiting' | 'loading';

export interface ListLoaderDependencies {
  readonly clock: Clock;
  readonly observe: (event: UpstreamEvent) => void;
}

/** A page of a list that was still being loaded. */
export interface WalkedPage {
  readonly shape: PageOptions;
  readonly list: Listing;
}

/** A load that requests can wait for. */
export interface OpenLoad {
  /** Loads from Atlas; never rejects because of what Atlas answers. */
  run(): Promise<LoadResult<CachedList>>;
  /** The pages with which requests were answered before the load was over. */
  pages(): readonly WalkedPage[];
  /** Call when the load is over. */
  close(): void;
}

/** A load that has begun. */
interface BegunLoad extends Omit<ListLoad, 'timeoutMs'> {
  /** Monotonic milliseconds. */
  readonly deadlineAt: number;
  /** Overrides the class in which its requests wait for a connection. */
  readonly loadClass?: LoadClass;
}

/** Loads lists from Atlas, and answers requests from pages of lists that are still being loaded. */
export interface ListLoader {
  /** Opens a load, so that requests can wait for it; it begins with `run`. */
  open(load: ListLoad): OpenLoad;
  /** Waits for what a request needs of a load in progress; undefined if the load is over. */
  awaitEarly(flight: number, request: WaitingRequest): EarlyWait<CachedList, UpstreamFailure> | undefined;
  /** Loads in progress. */
  counts(): Readonly<Record<LoadState, number>>;
}

/** A list that had at least this many items is loaded again if it is suddenly empty. */
const SUDDEN_ITEMS = 100;
/** How long a list whose large pages timed out is walked with small ones. */
const SLOW_LIST_MS = 600_000;
const MAX_SLOW_LISTS = 10_000;
/** Lists without a stable order that are remembered, so that each is reported once. */
const MAX_UNSTABLE_LISTS = 1_000;
/** Pages of a walk that are cached if the list turns out to be too long to be cached whole. */
const MAX_WALKED_PAGES = 100;

export function createListLoader(
  options: ListLoaderOptions,
  { clock, observe }: ListLoaderDependencies,
): ListLoader {
  const listings = createListingFactory(options);
  const inProgress = new Map<number, { readonly progress: ListProgress; state: LoadState }>();
  const slowLists = new LRUCache<string, true>({ max: MAX_SLOW_LISTS, ...expireAfter(SLOW_LIST_MS, clock) });
  const unstableLists = new LRUCache<string, true>({ max: MAX_UNSTABLE_LISTS });

  const countedSend =
    ({ send }: Credential, { flight, onCall, span }: BegunLoad): Send =>
    (request) => {
      onCall();
      return send({
        ...request,
        ...(span === undefined ? {} : { span }),
        onSent() {
          const load = inProgress.get(flight);
          if (load !== undefined) load.state = 'loading';
          request.onSent?.();
        },
      });
    };

  function reportUnstable({ operation, list, scope }: ListRequest): void {
    if (!unstableLists.has(list)) observe({ type: 'unstable-order', operation, scope });
    unstableLists.set(list, true);
  }

  /** One walk from beginning to end with one credential. */
  async function loadWhole(load: BegunLoad, credential: Credential): Promise<LoadResult<CachedList>> {
    const list = listRequestOf(load);
    const progress = inProgress.get(load.flight)?.progress;
    const walk = startWalk(
      {
        list,
        maxItems: options.maxItems,
        maxBytes: options.maxBytes,
        expectedItems: load.before?.type === 'list' && load.before.whole ? itemsOf(load.before) : 0,
        retryPages: load.retry,
        wanted: () => progress?.wanted() ?? [],
        smallPages: slowLists.has(list.list),
        longestMs: LONGEST_WALK_MS,
      },
      { send: countedSend(credential, load), clock },
      {
        onPage: () => progress?.onPage(),
        onPageFailed: (failure, covers) => progress?.onPageFailed(failure, covers),
        onSent: (covers) => progress?.onSent(covers),
        onSlowPages: () => void slowLists.set(list.list, true),
        onUnstableOrder: () => reportUnstable(list),
      },
    );
    progress?.follow(walk);
    return walkedResult(await walk.done, listings);
  }

  /** One page by itself. If counting or skipping times out, it is requested again without counting. */
  async function loadPage(
    load: BegunLoad,
    shape: PageOptions,
    credential: Credential,
  ): Promise<LoadResult<CachedList>> {
    const send = countedSend(credential, load);
    const list = listRequestOf(load);
    let loadedAt = clock.now();
    let page = await fetchPage(send, list, shape);
    if (timedOutPaging(page) && list.countable && shape.includeCount) {
      loadedAt = clock.now();
      page = await fetchPage(send, list, { ...shape, includeCount: false });
    }
    switch (page.type) {
      case 'list':
        return { ...loadedListing(listings.page({ ...page, hasMore: page.hasNext }, shape)), loadedAt };
      case 'refused':
        return timedOutPaging(page)
          ? TIMED_OUT_PAGING
          : { ...page, invalidatesCache: invalidatesCache(page.response) };
      case 'failed':
        return page;
    }
  }

  function loadOnce(load: BegunLoad): Promise<LoadResult<CachedList>> {
    const { query, unit, credentials, merged } = load;
    const loadWith = (credential: Credential) =>
      unit === 'whole' ? loadWhole(load, credential) : loadPage(load, query.shape, credential);
    return merged
      ? mergeAcrossCredentials(
          { credentials, identityFields: identityFieldsOf(query.operation.id) },
          loadWith,
          async (items, first) => loadedListing(await listings.whole([items], first.versionHeaders)),
        )
      : withFailover(credentials, loadWith);
  }

  async function run(load: BegunLoad): Promise<LoadResult<CachedList>> {
    let loaded = await loadOnce(load);
    // A long list that is suddenly empty is more likely an error: it is accepted only if a second load is empty, too.
    if (distrustsEmpty(load) && isEmpty(loaded)) loaded = await loadOnce(load);
    return unlessAddressRefused(loaded, load.before);
  }

  /** The page of one request, in addition to the load that it waits for. */
  async function loadOwnPage(load: BegunLoad, shape: PageOptions): Promise<Listing | undefined> {
    const loaded = await withFailover(load.credentials, (credential) => loadPage(load, shape, credential));
    return loaded.type === 'loaded' && loaded.value.type === 'list' ? loaded.value : undefined;
  }

  /** `answered`: the pages that requests were answered with, which the cache takes over if the list turns out to be too long. */
  function createProgressOf(load: ListLoad, answered: Map<string, WalkedPage>): ListProgress {
    const { credentials, query } = load;
    const { endpointSet } = query.operation;
    const scope = scopeOf(query.pathParameters);
    return createListProgress({
      clock,
      toPage(slice, shape) {
        const list = listings.page(slice, shape);
        if (answered.size < MAX_WALKED_PAGES) answered.set(pageKey(shape), { shape, list });
        return list;
      },
      loadPage: (shape, request) => loadOwnPage({ ...load, ...request, priority: 'foreground' }, shape),
      // Freshness is stretched as soon as half of the bucket is used.
      mayHedge: () => credentials.every((credential) => credential.freshnessFactor(endpointSet, scope) === 1),
      isShared: options.isShared,
      distrustsEmpty: distrustsEmpty(load),
    });
  }

  return {
    open(load) {
      const { flight } = load;
      const answered = new Map<string, WalkedPage>();
      inProgress.set(flight, { progress: createProgressOf(load, answered), state: 'waiting' });
      return {
        run: () => run({ ...load, deadlineAt: clock.now() + load.timeoutMs }),
        pages: () => [...answered.values()],
        close: () => void inProgress.delete(flight),
      };
    },
    awaitEarly: (flight, request) => inProgress.get(flight)?.progress.join(request),
    counts() {
      const counts = { waiting: 0, loading: 0 };
      for (const { state } of inProgress.values()) counts[state]++;
      return counts;
    },
  };
}

const distrustsEmpty = ({ before }: Pick<ListLoad, 'before'>) => itemsOf(before) >= SUDDEN_ITEMS;

const isEmpty = (loaded: LoadResult<CachedList>) =>
  loaded.type === 'loaded' && loaded.value.type === 'list' && itemsOf(loaded.value) === 0;

const timedOutPaging = (page: PageResult) => page.type === 'refused' && isTimeoutWhilePaging(page.response);

async function walkedResult(result: WalkResult, listings: ListingFactory): Promise<LoadResult<CachedList>> {
  switch (result.type) {
    case 'walked':
      return {
        ...loadedListing(await listings.whole(result.parts, versionHeadersOf(result.headers))),
        loadedAt: result.loadedAt,
      };
    case 'too-long':
    case 'torn':
      return { type: 'loaded', value: TOO_LONG, bytes: TOO_LONG_BYTES };
    case 'refused':
      return { ...result, invalidatesCache: invalidatesCache(result.response) };
    case 'failed':
      return result;
  }
}

function listRequestOf({ query, priority, deadlineAt, loadClass, retry }: BegunLoad): ListRequest {
  const { operation, pathParameters, filters, mediaType, headers = [], caller } = query;
  const path = targetPath(operation, pathParameters);
  const canonicalFilters = canonicalQuery(filters);
  return {
    operation: operation.id,
    path,
    filters: canonicalFilters,
    list: listIdOf(path, canonicalFilters),
    countable: isCountable(operation),
    identityFields: identityFieldsOf(operation.id),
    accept: mediaType,
    headerParameters: headers,
    deadlineAt,
    priority,
    endpointSet: operation.endpointSet,
    scope: scopeOf(pathParameters),
    caller: caller.name,
    ...(loadClass === undefined ? {} : { loadClass }),
    ...(retry ? {} : { attempts: 1 }),
  };
}
