import { errorCodeOf } from '../../atlas/api-error.ts';
import { type Operation, targetPath } from '../../atlas/catalog.ts';
import { rewriteLinks } from '../../atlas/links.ts';
import { concatItems, countItems, type Items, pickItems, sliceItems } from '../../atlas/list-parser.ts';
import { canonicalQuery, type Filters, isCountable, type PageOptions } from '../../atlas/query.ts';
import { scopeOf } from '../../atlas/rate-limit-buckets.ts';
import { type CacheDirectives, NO_DIRECTIVES } from '../../cache/decide.ts';
import type { FreshnessWindow, Lifetimes } from '../../cache/freshness.ts';
import type { PinnedListings } from '../../cache/pinned-listings.ts';
import type { LoadPermit, LoadStart } from '../../cache/results.ts';
import type { Clock } from '../../lib/clock.ts';
import { headerValue } from '../../lib/header-value.ts';
import { upstreamFailure } from '../../upstream/failure.ts';
import type { Send, UpstreamFailure, UpstreamHeaders, UpstreamResponse } from '../../upstream/message.ts';
import { fetchPage, type ListRequest, WALK_PAGE_SIZE, walk } from '../../upstream/walk/walk.ts';
import type { LoadNeed } from '../auth/authentication.ts';
import type { Caller } from '../auth/key-auth.ts';
import { crossProjectRule, cutOf } from '../auth/policy.ts';
import type { Credential, Credentials } from '../credentials/selection.ts';
import type { CacheRead, ListCache, LoadResult } from './list-cache.ts';
import type { SharedLists } from './shared-listing-types.ts';
import { snapshotOf } from './snapshot-id.ts';

/** A cached list: all of it, or one page. */
export interface Listing {
  readonly type: 'list';
  /** Unique among all listings of this process. */
  readonly revision: number;
  readonly items: Items;
  /** Whether `items` is the whole list rather than one page. */
  readonly whole: boolean;
  /** Number of items before the first one in `items`. */
  readonly offset: number;
  /** Total number of items; absent if Atlas did not count them. */
  readonly totalCount?: number;
  readonly hasMore: boolean;
  /** Identifies this listing in links; equal for lists with equal items. */
  readonly snapshot: string;
  /** `Deprecation` and `Sunset` as Atlas sent them. */
  readonly deprecationHeaders: Readonly<Record<string, string>>;
}

/** Cached in place of a list that cannot be cached whole: while this entry lives, the list is cached page by page. */
interface TooLong {
  readonly type: 'long';
}

/** The values of the list cache. */
export type CachedList = Listing | TooLong;

/** A resolved query for a list: equivalent requests resolve to equal queries. */
export interface ReadQuery {
  readonly operation: Operation;
  readonly pathParameters: Readonly<Record<string, string>>;
  readonly mediaType: string;
  readonly version: string;
  readonly filters: Filters;
  readonly shape: PageOptions;
  readonly caller: Caller;
}

/** Reads one query, any number of times. The lists it returns contain only items that its caller may see. */
export interface Reader {
  /** Returns synchronously if memory suffices. Undefined if no credential covers the project. */
  read(directives: CacheDirectives): ReadResult | Promise<ReadResult | undefined> | undefined;
  /** Pins a listing because a link was written that leads back to it. */
  pin(list: Listing, window: FreshnessWindow): void;
}

/** How lists of an operation are cached. */
export interface CachePolicy extends Lifetimes {
  readonly whole: boolean;
}

export interface ReadServiceOptions {
  /** Scheme and host for links in items. */
  readonly publicUrl: () => string;
  /** Longer lists are cached page by page. */
  readonly maxItems: number;
  /** Time limit for an entire load. */
  readonly timeoutMs: number;
}

export interface ReadServiceDependencies {
  readonly cache: ListCache<CachedList>;
  readonly clock: Clock;
  readonly cachePolicyOf: (operation: Operation) => CachePolicy;
  readonly credentials: Credentials;
  /** Pinned listings, which links lead back to. */
  readonly snapshots: PinnedListings<Listing>;
  readonly onUpstreamCall: (caller: string) => void;
  /** Called when a cached list may no longer be served from anywhere. */
  readonly onGone: () => void;
  /** Reserves what a load may cost this caller; returns a failure if the caller may not cause a load now. */
  readonly admitLoad: (query: ReadQuery, load: LoadNeed) => UpstreamFailure | LoadPermit | undefined;
  /** Filters a list across projects to one caller; returns any other list unchanged. */
  readonly filterFor: (caller: Caller, operationId: string, list: Listing) => Listing;
  /** Lists shared with other gateways; absent if there is no shared tier. */
  readonly sharing?: SharedLists<CachedList> | undefined;
}

/** The result of a read, and the number of upstream calls that this request caused. */
export type ReadResult = Exclude<CacheRead<Listing>, never> & { readonly upstreamCalls: number };

export const TOO_LONG: TooLong = { type: 'long' };
const TOO_LONG_LIFETIMES: Lifetimes = {
  freshMs: 600_000,
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 3_600_000,
};
export const TOO_LONG_BYTES = 64;
/** Bytes that items count as in the cache. */
export const bytesOf = ({ bytes, starts }: Items): number => bytes.length + starts.byteLength;

/** Atlas error codes that mean: the list exists and the credential may read it, but not from this IP address. */
export const ADDRESS_CODES: ReadonlySet<string> = new Set([
  'IP_ADDRESS_NOT_ON_ACCESS_LIST',
  'ORG_REQUIRES_WHITELIST',
]);
const GONE_STATUSES: ReadonlySet<number> = new Set([401, 403, 404, 410]);

const isAddressRefused = ({ body }: Pick<UpstreamResponse, 'body'>) =>
  ADDRESS_CODES.has(errorCodeOf(body) ?? '');

function invalidatesCache(response: UpstreamResponse): boolean {
  return GONE_STATUSES.has(response.status) && !isAddressRefused(response);
}

/** Dates and `true` are short; longer values are not stored with every list and its pages. */
const MAX_DEPRECATION_LENGTH = 64;

function deprecationValue(value: string | undefined): string | undefined {
  const valid = headerValue(value);
  return valid !== undefined && valid.length <= MAX_DEPRECATION_LENGTH ? valid : undefined;
}

function deprecationHeadersOf(headers: UpstreamHeaders): Record<string, string> {
  const deprecation = deprecationValue(headers['deprecation']);
  const sunset = deprecationValue(headers['sunset']);
  return {
    ...(deprecation === undefined ? {} : { Deprecation: deprecation }),
    ...(sunset === undefined ? {} : { Sunset: sunset }),
  };
}

/** The cache partition of a list: its project's, else its organization's, else one for all others. */
export const partitionOf = ({ groupId, orgId }: Readonly<Record<string, string>>): string =>
  groupId ?? orgId ?? '-';

/** Reads lists through the cache: whole if possible, so that one load serves all pages and page options; otherwise page by page. */
export function createReadService(
  options: ReadServiceOptions,
  {
    cache,
    clock,
    cachePolicyOf,
    credentials,
    snapshots,
    admitLoad,
    onUpstreamCall,
    onGone,
    filterFor,
    sharing,
  }: ReadServiceDependencies,
) {
  let revisions = 0;
  /** Until when a listing need not be pinned again. */
  const pinnedUntil = new WeakMap<Listing, number>();

  function toLoadResult(
    items: Items,
    headers: UpstreamHeaders,
    rest: Pick<Listing, 'whole' | 'offset' | 'hasMore'> & { totalCount?: number },
    deprecationHeaders = deprecationHeadersOf(headers),
  ): LoadResult<CachedList> {
    const rewritten = rewriteLinks(options.publicUrl(), items);
    const value: Listing = {
      type: 'list',
      revision: ++revisions,
      items: rewritten,
      deprecationHeaders,
      snapshot: snapshotOf(rewritten),
      ...rest,
    };
    return { type: 'loaded', value, bytes: bytesOf(rewritten) };
  }

  /** A long list that is suddenly empty is more likely an error: it is accepted only if a second load is empty, too. */
  async function confirmEmpty(
    before: CachedList | undefined,
    load: () => Promise<LoadResult<CachedList>>,
  ): Promise<LoadResult<CachedList>> {
    const first = await load();
    return itemsOf(before) >= SUDDEN_ITEMS && first.type === 'loaded' && isEmpty(first.value)
      ? load()
      : first;
  }

  async function loadWhole(send: Send, list: ListRequest): Promise<LoadResult<CachedList>> {
    const result = await walk(send, list, options.maxItems);
    switch (result.type) {
      case 'walked':
        return toLoadResult(result.items, result.headers, {
          whole: true,
          offset: 0,
          hasMore: false,
          totalCount: countItems(result.items),
        });
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
    shape: PageOptions,
  ): Promise<LoadResult<CachedList>> {
    const page = await fetchPage(send, list, shape);
    switch (page.type) {
      case 'list': {
        const { items, headers, hasNext: hasMore, totalCount } = page;
        return toLoadResult(items, headers, {
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

  /** Tries the next credential if one fails or is rejected: credentials that cover the same project back each other up. */
  async function withFailover(
    chosen: readonly Credential[],
    load: (credential: Credential) => Promise<LoadResult<CachedList>>,
  ): Promise<LoadResult<CachedList>> {
    let result: LoadResult<CachedList> = NO_CREDENTIAL;
    for (const credential of chosen) {
      result = await load(credential);
      if (!isCredentialsFault(result)) return result;
    }
    return result;
  }

  /** A list across projects as all credentials together see it, without duplicates. */
  async function mergeAcrossCredentials(
    chosen: readonly Credential[],
    load: (credential: Credential) => Promise<LoadResult<CachedList>>,
  ): Promise<LoadResult<CachedList>> {
    const listings: Listing[] = [];
    for (const credential of chosen) {
      const loaded = await load(credential);
      if (loaded.type !== 'loaded' || loaded.value.type !== 'list') return loaded;
      listings.push(loaded.value);
    }
    const [first] = listings;
    if (first === undefined) return NO_CREDENTIAL;
    const all = concatItems(listings.map(({ items }) => items));
    const seen = new Set<string>();
    const distinct = Array.from({ length: countItems(all) }, (_none, index) => index).filter((index) => {
      const item = sliceItems(all, index, index + 1).toString('latin1');
      return seen.size !== seen.add(item).size;
    });
    return toLoadResult(
      pickItems(all, distinct),
      {},
      { whole: true, offset: 0, hasMore: false, totalCount: distinct.length },
      first.deprecationHeaders,
    );
  }

  /** Two queries share a key only if credentials, version, path and filters are equal. */
  const keyOf = (
    chosen: readonly Credential[],
    { operation, pathParameters, mediaType, filters }: ReadQuery,
  ) =>
    `${chosen.map(({ name }) => name).join('|')} ${mediaType} ${targetPath(operation, pathParameters)}?${canonicalQuery(filters)}`;

  function createReader(query: ReadQuery): Reader {
    const { operation, pathParameters, mediaType, filters, shape, caller } = query;
    const path = targetPath(operation, pathParameters);
    const filterQuery = canonicalQuery(filters);
    const policy = cachePolicyOf(operation);
    const partition = partitionOf(pathParameters);
    const scope = scopeOf(pathParameters);
    // The project or organization in the path selects the credentials; if the path names none, the one in a filter does.
    const { groupId, orgId } = { ...Object.fromEntries(filters), ...pathParameters };
    const covered = groupId ?? orgId;
    const chosenNow = () => (covered === undefined ? credentials.all() : credentials.candidatesFor(covered));
    const cut = cutOf(caller, operation.id);
    // Filtering a page instead of the whole list would reveal the positions of other projects' items.
    const readsWhole = policy.whole || cut !== undefined;
    const visible = (list: Listing) => filterFor(caller, operation.id, list);
    let last: { chosen: readonly Credential[]; whole: string; page: string; pinned: string } | undefined;

    /** The cache keys of the list, of the page, and of pinned listings, for these credentials. */
    function keysFor(chosen: readonly Credential[]) {
      if (last?.chosen === chosen) return last;
      const whole = keyOf(chosen, query);
      const page = `${whole}#${shape.pageNum}/${shape.itemsPerPage}/${shape.includeCount}`;
      // Callers with the same grants share pinned listings; no other caller can follow a link to them.
      const pinned = cut === undefined ? whole : `${whole} ${cut.fingerprint}`;
      last = { chosen, whole, page, pinned };
      return last;
    }

    /** The fresh entry of the list or page, if memory has one. */
    function fresh(chosen: readonly Credential[]): ReadResult | undefined {
      const { whole, page } = keysFor(chosen);
      let hit = cache.fresh(partition, operation.id, readsWhole ? whole : page);
      if (hit?.value.type === 'long' && cut === undefined) hit = cache.fresh(partition, operation.id, page);
      return hit?.value.type === 'list'
        ? {
            type: 'value',
            value: visible(hit.value),
            window: hit.window,
            cacheStatus: hit.cacheStatus,
            upstreamCalls: 0,
          }
        : undefined;
    }

    function readWith(
      chosen: readonly Credential[],
      directives: CacheDirectives,
    ): ReadResult | Promise<ReadResult> | undefined {
      if (chosen.length === 0) return undefined;
      if (directives === NO_DIRECTIVES && shape.snapshot === undefined) {
        const hit = fresh(chosen);
        if (hit !== undefined) return hit;
      }
      const keys = keysFor(chosen);
      const merged =
        crossProjectRule(operation.id) !== undefined &&
        pathParameters['orgId'] === undefined &&
        chosen.length > 1;
      let upstreamCalls = 0;

      function readThrough(
        key: string,
        load: (send: Send, list: ListRequest) => Promise<LoadResult<CachedList>>,
      ) {
        const shared = {
          partition,
          operation: operation.id,
          key,
          credentials: chosen.map(({ name }) => name),
          lifetimes: policy,
          directives,
        };
        /** Upstream calls that a load is known to need: pages of the list as last loaded, for each credential whose lists are merged. */
        const expectedCalls = () => {
          const before = cache.peek(partition, operation.id, key);
          const pages = before?.type === 'list' && before.whole ? itemsOf(before) / WALK_PAGE_SIZE : 1;
          return Math.max(1, Math.ceil(pages)) * (merged ? chosen.length : 1);
        };
        const loadAll = ({ priority, permit }: LoadStart) => {
          const before = cache.peek(partition, operation.id, key);
          const list: ListRequest = {
            operation: operation.id,
            path,
            filters: filterQuery,
            countable: isCountable(operation),
            accept: mediaType,
            deadlineAt: clock.now() + options.timeoutMs,
            priority,
            endpointSet: operation.endpointSet,
            scope,
            expectedItems: before?.type === 'list' && before.whole ? itemsOf(before) : 0,
            caller: caller.name,
          };
          const loadWith = ({ send }: Credential) => {
            const counting: Send = (request) => {
              upstreamCalls++;
              permit?.charge();
              onUpstreamCall(caller.name);
              return send(request);
            };
            return load(counting, list);
          };
          const loadOnce = () =>
            merged ? mergeAcrossCredentials(chosen, loadWith) : withFailover(chosen, loadWith);
          const loadFromAtlas = () =>
            confirmEmpty(before, loadOnce).then((loaded) => {
              // The list exists and the credential may read it: the cached listing may be served, as after any other failure.
              if (loaded.type === 'refused' && before !== undefined && isAddressRefused(loaded.response))
                return upstreamFailure('UPSTREAM_AUTH', "Atlas does not accept the gateway's address.");
              // A list that is gone or no longer readable must not be served from an older listing either.
              if (loaded.type === 'refused' && loaded.invalidatesCache) {
                snapshots.purge(partition);
                if (before !== undefined) onGone();
              }
              return loaded;
            });
          const { deadlineAt } = list;
          return sharing === undefined
            ? loadFromAtlas()
            : sharing.load({ ...shared, priority, deadlineAt, cold: before === undefined }, loadFromAtlas);
        };
        const read = cache.read({
          project: partition,
          operation: operation.id,
          key,
          lifetimes: policy,
          directives,
          admitLoad: ({ forced }) => admitLoad(query, { forced, calls: expectedCalls() }),
          freshnessFactor: () =>
            Math.min(...chosen.map((credential) => credential.freshnessFactor(operation.endpointSet, scope))),
          load: loadAll,
        });
        if (sharing === undefined || read instanceof Promise || read.type !== 'not-cached') return read;
        return sharing.find(shared).then((found) =>
          found === undefined
            ? read
            : {
                type: 'value' as const,
                ...found,
                cacheStatus: { outcome: 'hit' as const, detail: 'shared' },
              },
        );
      }

      const counted = (result: CacheRead<Listing>): ReadResult => ({
        ...withSnapshotStatus(cut === undefined ? result : withoutMeasures(result), shape.snapshot),
        upstreamCalls,
      });
      const settlePage = (result: CacheRead<CachedList>): ReadResult => {
        if (result.type !== 'value') return counted(result);
        // A page key only ever maps to a page.
        return result.value.type === 'list'
          ? counted({ ...result, value: result.value })
          : counted({ type: 'not-cached' });
      };
      const readPage = () => {
        const page = readThrough(keys.page, (send, list) => loadPage(send, list, shape));
        return page instanceof Promise ? page.then(settlePage) : settlePage(page);
      };
      const settle = (result: CacheRead<CachedList>): ReadResult | Promise<ReadResult> => {
        if (result.type !== 'value') return counted(result);
        if (result.value.type === 'list') return counted({ ...result, value: visible(result.value) });
        return cut === undefined
          ? readPage()
          : counted({ type: 'failed', failure: NOT_WHOLE, cacheStatus: result.cacheStatus });
      };
      if (!readsWhole) return readPage();
      const pinned =
        shape.snapshot === undefined ? undefined : snapshots.find(partition, keys.pinned, shape.snapshot);
      if (pinned !== undefined) {
        const now = cache.peek(partition, operation.id, keys.whole);
        // While the pinned listing is still the current one, it is read through the cache as usual, and refreshed.
        if (now?.type !== 'list' || visible(now).snapshot !== shape.snapshot) {
          return {
            type: 'value',
            value: pinned.value,
            window: pinned.window,
            cacheStatus: { outcome: 'hit', detail: 'snapshot' },
            upstreamCalls,
          };
        }
      }
      const whole = readThrough(keys.whole, loadWhole);
      return whole instanceof Promise ? whole.then(settle) : settle(whole);
    }

    return {
      read(directives) {
        const chosen = chosenNow();
        return chosen instanceof Promise
          ? chosen.then((found) => readWith(found, directives))
          : readWith(chosen, directives);
      },
      pin(list, window) {
        const now = clock.now();
        if ((pinnedUntil.get(list) ?? 0) > now) return;
        pinnedUntil.set(list, now + REPIN_MS);
        const chosen = chosenNow();
        // Right after a read the credentials are known; if discovery has started again since, the listing is not pinned.
        if (chosen instanceof Promise) return;
        snapshots.pin(partition, keysFor(chosen).pinned, list.snapshot, list, window, bytesOf(list.items));
      },
    };
  }

  return { nextRevision: () => ++revisions, createReader };
}

/** Minimum time between two pins of the same listing; much shorter than the lifetime of a pin. */
const REPIN_MS = 10_000;
/** A list that had at least this many items is loaded again if it is suddenly empty. */
const SUDDEN_ITEMS = 100;
/** Returned to callers with access to some projects if a list across projects cannot be cached whole. */
const NOT_WHOLE = upstreamFailure(
  'UPSTREAM_TOO_LARGE',
  'This list across projects is too long or changes too often to be loaded as a whole, and the gateway filters only whole lists by the projects of a caller. An operator can raise cache.maxItems.',
);
const NO_CREDENTIAL = upstreamFailure(
  'CREDENTIALS_UNAVAILABLE',
  'No credential is available for this request.',
);
const itemsOf = (listing: CachedList | undefined) =>
  listing?.type === 'list' ? countItems(listing.items) : 0;
const isEmpty = (listing: CachedList) => listing.type === 'list' && itemsOf(listing) === 0;

/** Whether another credential may succeed after this result. */
function isCredentialsFault(result: LoadResult<CachedList>): boolean {
  if (result.type === 'failed')
    return result.code === 'CREDENTIALS_UNAVAILABLE' || result.code === 'UPSTREAM_AUTH';
  return result.type === 'refused' && (result.response.status === 401 || result.response.status === 403);
}

/** Says in `Cache-Status` that the listing which the request's link leads to is not pinned here, so that another one was served. */
const withSnapshotStatus = (result: CacheRead<Listing>, snapshot: string | undefined): CacheRead<Listing> =>
  result.type === 'value' && snapshot !== undefined && result.value.snapshot !== snapshot
    ? { ...result, cacheStatus: { ...result.cacheStatus, detail: 'snapshot-gone' } }
    : result;

/** Removes sizes and positions from a failure message, because they are those of the unfiltered list. */
const withoutMeasures = (result: CacheRead<Listing>): CacheRead<Listing> =>
  result.type === 'failed' && result.failure.code === 'UPSTREAM_BAD_BODY'
    ? { ...result, failure: { ...result.failure, detail: 'Atlas answered with a body that is not a list.' } }
    : result;
