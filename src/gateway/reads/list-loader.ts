import { targetPath } from '../../atlas/catalog.ts';
import { rewriteLinks } from '../../atlas/links.ts';
import { countItems, type Items } from '../../atlas/list-parser.ts';
import { canonicalQuery, isCountable } from '../../atlas/query.ts';
import { scopeOf } from '../../atlas/rate-limit-buckets.ts';
import { upstreamFailure } from '../../upstream/failure.ts';
import type { Send } from '../../upstream/message.ts';
import { fetchPage, type ListRequest, walk } from '../../upstream/walk/walk.ts';
import type { Credential } from '../credentials/selection.ts';
import { deprecationHeadersOf } from './deprecation-headers.ts';
import { withFailover } from './failover.ts';
import type { LoadResult } from './list-cache.ts';
import {
  bytesOf,
  type CachedList,
  itemsOf,
  type Listing,
  type ReadQuery,
  TOO_LONG,
  TOO_LONG_BYTES,
  TOO_LONG_LIFETIMES,
} from './listing.ts';
import { mergeAcrossCredentials } from './merge.ts';
import { snapshotOf } from './snapshot-id.ts';
import { invalidatesCache, isAddressRefused } from './upstream-denial.ts';

/** A list, or one page of it, to load from Atlas. */
export interface ListLoad {
  readonly query: ReadQuery;
  readonly unit: 'whole' | 'page';
  readonly credentials: readonly Credential[];
  /** Whether the list is merged from what each credential sees, instead of loaded with the first that works. */
  readonly merged: boolean;
  /** What the cache holds under the same key. */
  readonly before: CachedList | undefined;
  readonly priority: 'foreground' | 'background';
  readonly deadlineAt: number;
  /** Called before each call to Atlas. */
  readonly onCall: () => void;
}

export interface ListLoaderOptions {
  /** Scheme and host for links in items. */
  readonly publicUrl: () => string;
  /** Longer lists are cached page by page. */
  readonly maxItems: number;
  readonly nextRevision: () => number;
}

/** A list that had at least this many items is loaded again if it is suddenly empty. */
const SUDDEN_ITEMS = 100;

/** Loads lists from Atlas and makes listings of them. The function it returns never rejects because of what Atlas answers. */
export function createListLoader({ publicUrl, maxItems, nextRevision }: ListLoaderOptions) {
  function toLoadResult(
    items: Items,
    deprecationHeaders: Listing['deprecationHeaders'],
    rest: Pick<Listing, 'whole' | 'offset' | 'hasMore'> & { totalCount?: number },
  ): LoadResult<CachedList> {
    const rewritten = rewriteLinks(publicUrl(), items);
    const value: Listing = {
      type: 'list',
      revision: nextRevision(),
      items: rewritten,
      deprecationHeaders,
      snapshot: snapshotOf(rewritten),
      ...rest,
    };
    return { type: 'loaded', value, bytes: bytesOf(rewritten) };
  }

  const toWhole = (items: Items, deprecationHeaders: Listing['deprecationHeaders']) =>
    toLoadResult(items, deprecationHeaders, {
      whole: true,
      offset: 0,
      hasMore: false,
      totalCount: countItems(items),
    });

  async function loadWhole(send: Send, list: ListRequest): Promise<LoadResult<CachedList>> {
    const result = await walk(send, list, maxItems);
    switch (result.type) {
      case 'walked':
        return toWhole(result.items, deprecationHeadersOf(result.headers));
      case 'too-long':
      case 'torn':
        return { type: 'loaded', value: TOO_LONG, bytes: TOO_LONG_BYTES, lifetimes: TOO_LONG_LIFETIMES };
      case 'refused':
        return { ...result, invalidatesCache: invalidatesCache(result.response) };
      case 'failed':
        return result;
    }
  }

  async function loadPage(
    send: Send,
    list: ListRequest,
    { shape }: ReadQuery,
  ): Promise<LoadResult<CachedList>> {
    const page = await fetchPage(send, list, shape);
    switch (page.type) {
      case 'list': {
        const { items, headers, hasNext: hasMore, totalCount } = page;
        return toLoadResult(items, deprecationHeadersOf(headers), {
          whole: false,
          offset: (shape.pageNum - 1) * shape.itemsPerPage,
          hasMore,
          ...(totalCount === undefined ? {} : { totalCount }),
        });
      }
      case 'refused':
        return { ...page, invalidatesCache: invalidatesCache(page.response) };
      case 'failed':
        return page;
    }
  }

  function loadOnce(load: ListLoad): Promise<LoadResult<CachedList>> {
    const { query, unit, credentials, merged, onCall } = load;
    const list = listRequestOf(load);
    const loadWith = ({ send }: Credential) => {
      const counted: Send = (request) => {
        onCall();
        return send(request);
      };
      return unit === 'whole' ? loadWhole(counted, list) : loadPage(counted, list, query);
    };
    return merged
      ? mergeAcrossCredentials(credentials, loadWith, (items, first) =>
          toWhole(items, first.deprecationHeaders),
        )
      : withFailover(credentials, loadWith);
  }

  return async (load: ListLoad): Promise<LoadResult<CachedList>> => {
    const { before } = load;
    let loaded = await loadOnce(load);
    // A long list that is suddenly empty is more likely an error: it is accepted only if a second load is empty, too.
    if (itemsOf(before) >= SUDDEN_ITEMS && isEmpty(loaded)) loaded = await loadOnce(load);
    // The list exists and the credential may read it: the cached listing may be served, as after any other failure.
    if (loaded.type === 'refused' && before !== undefined && isAddressRefused(loaded.response))
      return upstreamFailure('UPSTREAM_AUTH', "Atlas does not accept the gateway's address.");
    return loaded;
  };
}

const isEmpty = (loaded: LoadResult<CachedList>) =>
  loaded.type === 'loaded' && loaded.value.type === 'list' && itemsOf(loaded.value) === 0;

function listRequestOf({ query, before, priority, deadlineAt }: ListLoad): ListRequest {
  const { operation, pathParameters, filters, mediaType, caller } = query;
  return {
    operation: operation.id,
    path: targetPath(operation, pathParameters),
    filters: canonicalQuery(filters),
    countable: isCountable(operation),
    accept: mediaType,
    deadlineAt,
    priority,
    endpointSet: operation.endpointSet,
    scope: scopeOf(pathParameters),
    expectedItems: before?.type === 'list' && before.whole ? itemsOf(before) : 0,
    caller: caller.name,
  };
}
