import type { Operation } from '../../atlas/catalog.ts';
import { countItems, viewItems } from '../../atlas/list-parser.ts';
import { canonicalQuery, resolveQuery } from '../../atlas/query.ts';
import { type CacheDirectives, NO_DIRECTIVES, satisfies } from '../../cache/decide.ts';
import { type FreshnessWindow, freshness } from '../../cache/freshness.ts';
import type { Clock } from '../../lib/clock.ts';
import type { TraceSpan } from '../../lib/trace-span.ts';
import { WALK_PAGE_SIZE } from '../../upstream/walk/plan.ts';
import type { Credential, CredentialChoice } from '../credentials/selection.ts';
import { createCacheKeys, partitionOf } from './cache-key.ts';
import { createElementIndex, type ElementIndex } from './element-index.ts';
import type { ListCache } from './list-cache.ts';
import type { CachedList, Listing, ReadQuery, ReadResult } from './listing.ts';
import { createMissingElements } from './missing-elements.ts';
import { createChoice, type Reader } from './reader.ts';

/** The credentials that serve a query. */
type Chosen = readonly Credential[];

/** A listing as it is cached. */
interface LoadedListing {
  readonly value: Listing;
  readonly window: FreshnessWindow;
}

export interface ElementDependencies {
  readonly cache: ListCache<CachedList>;
  readonly clock: Clock;
  readonly credentials: CredentialChoice;
  /** The list whose items are proven equal to what this query returns; undefined if there is none. */
  readonly listOf: (query: ReadQuery) => Operation | undefined;
}

/** An element, and how it is found in its list. */
interface ListedElement {
  readonly partition: string;
  /** The query of its list: the same version, headers and credentials, without filters. */
  readonly list: ReadQuery;
  readonly listKey: (chosen: Chosen) => string;
  readonly elementKey: (chosen: Chosen) => string;
  /** The number of its item; undefined if the list does not contain it, or more than once. */
  readonly indexIn: (listing: Listing) => number | undefined;
}

/** Answers elements from cached listings of the lists that contain them. */
export interface Elements {
  /** A reader that answers from the listing if it can, and with `document` otherwise; `document` itself if no list is proven equal. */
  createReader(query: ReadQuery, document: Reader, readerOf: (list: ReadQuery) => Reader): Reader;
  /** Atlas does not have an element any more: a listing that contains it is no longer fresh, and does not answer for it. */
  forget(query: ReadQuery, chosen: Chosen): void;
}

/** The parameters without which a list, or an element, is requested by default. */
function defaultFiltersOf(operation: Operation): ReadQuery['filters'] | undefined {
  const resolved = resolveQuery(operation, '');
  return resolved.type === 'resolved' ? resolved.filters : undefined;
}

/** The query of the list of an element; undefined if the element is requested with parameters of its own, or does not name its list. */
function listQueryOf(query: ReadQuery, list: Operation): ReadQuery | undefined {
  const { operation, filters, pathParameters } = query;
  const own = defaultFiltersOf(operation);
  const listFilters = defaultFiltersOf(list);
  if (own === undefined || listFilters === undefined) return undefined;
  if (canonicalQuery(own) !== canonicalQuery(filters)) return undefined;
  const path = list.pathParameters.map(({ name }) => [name, pathParameters[name]] as const);
  const named = path.filter(
    (parameter): parameter is readonly [string, string] => parameter[1] !== undefined,
  );
  if (named.length < path.length) return undefined;
  const shape = { ...query.shape, pageNum: 1, itemsPerPage: WALK_PAGE_SIZE };
  return {
    ...query,
    operation: list,
    pathParameters: Object.fromEntries(named),
    filters: listFilters,
    shape,
  };
}

/** One item of a listing, as a listing of its own. */
function itemOf(listing: Listing, index: number): Listing {
  const items = viewItems(listing.items, index, index + 1);
  return { ...listing, items, whole: true, offset: 0, hasMore: false, totalCount: 1 };
}

export function createElements({ cache, clock, credentials, listOf }: ElementDependencies): Elements {
  const indexes = new Map<string, ElementIndex>();
  const missing = createMissingElements(clock);

  function indexOf({ id }: Operation, itemField: string): ElementIndex {
    const known = indexes.get(id) ?? createElementIndex(itemField);
    indexes.set(id, known);
    return known;
  }

  function listedElement(query: ReadQuery): ListedElement | undefined {
    const { operation, pathParameters } = query;
    const { element } = operation;
    const listOperation = listOf(query);
    const list = listOperation === undefined ? undefined : listQueryOf(query, listOperation);
    if (element === undefined || list === undefined) return undefined;
    const id = element.idParameter.split('+').map((name) => pathParameters[name] ?? '');
    const index = indexOf(operation, element.itemField);
    let last: { readonly revision: number; readonly found: number | undefined } | undefined;
    const listKeys = createCacheKeys(list, undefined);
    const elementKeys = createCacheKeys(query, undefined);
    return {
      partition: partitionOf(pathParameters),
      list,
      listKey: (chosen) => listKeys(chosen).whole,
      elementKey: (chosen) => elementKeys(chosen).whole,
      indexIn(listing) {
        if (last?.revision !== listing.revision)
          last = { revision: listing.revision, found: index.find(listing, id) };
        return last.found;
      },
    };
  }

  /** The element in a listing; undefined if it does not contain the element, or if Atlas has said since that it does not exist any more. */
  function findIn(
    { value, window }: LoadedListing,
    { indexIn, elementKey }: ListedElement,
    chosen: Chosen,
  ): Listing | undefined {
    const index = indexIn(value);
    return index === undefined || missing.isMissingSince(elementKey(chosen), window.loadedAt)
      ? undefined
      : itemOf(value, index);
  }

  /** The cached listing that answers for an element: it contains the element, and was not loaded before the element itself was. */
  function listingWith(query: ReadQuery, element: ListedElement, chosen: Chosen) {
    const { partition, list, listKey, elementKey } = element;
    const listed = cache.peek(partition, list.operation.id, listKey(chosen));
    if (listed?.value.type !== 'list' || freshness(listed.window, clock.now()) === 'expired')
      return undefined;
    const own = cache.peek(partition, query.operation.id, elementKey(chosen));
    if (own !== undefined && own.window.loadedAt > listed.window.loadedAt) return undefined;
    const value = findIn({ value: listed.value, window: listed.window }, element, chosen);
    return value === undefined ? undefined : { value, listing: listed.value };
  }

  /** The element in a fresh listing. */
  function freshIn(
    { partition, list, listKey }: ListedElement,
    value: Listing,
    chosen: Chosen,
    directives: CacheDirectives,
  ): ReadResult | undefined {
    const hit = cache.fresh(partition, list.operation.id, listKey(chosen));
    if (hit === undefined || !satisfies(directives, hit.window, clock.now())) return undefined;
    return { ...hit, value, cacheStatus: { outcome: 'hit', detail: 'list' }, upstreamCalls: 0 };
  }

  function createElementReader(
    query: ReadQuery,
    { element, document, listReader }: { element: ListedElement; document: Reader; listReader: Reader },
  ): Reader {
    const choose = createChoice(query, credentials);

    /** The element in a listing that has been refreshed, or may be served stale; if it is not there, Atlas is asked. */
    function settle(
      chosen: Chosen,
      read: ReadResult | undefined,
      span: TraceSpan | undefined,
    ): ReturnType<Reader['read']> {
      const value = read?.type === 'value' ? findIn(read, element, chosen) : undefined;
      if (read?.type !== 'value' || value === undefined) return document.read(NO_DIRECTIVES, span);
      const { detail = 'list' } = read.cacheStatus;
      const cacheStatus = { ...read.cacheStatus, detail: detail === 'partial' ? 'list' : detail };
      return { ...read, value, cacheStatus };
    }

    function readWith(
      chosen: Chosen,
      directives: CacheDirectives,
      span: TraceSpan | undefined,
    ): ReturnType<Reader['read']> {
      const found = listingWith(query, element, chosen);
      if (found === undefined) return document.read(directives, span);
      const hit = freshIn(element, found.value, chosen, directives);
      if (hit !== undefined) return hit;
      // A listing of one page costs as much to refresh as the element; a longer one, and a cold walk, would cost more.
      const isOnePage = countItems(found.listing.items) <= WALK_PAGE_SIZE;
      if (!isOnePage || directives !== NO_DIRECTIVES) return document.read(directives, span);
      const read = listReader.read(NO_DIRECTIVES, span);
      return read instanceof Promise
        ? read.then((late) => settle(chosen, late, span))
        : settle(chosen, read, span);
    }

    return {
      read(directives, span) {
        const chosen = choose();
        return chosen instanceof Promise
          ? chosen.then((late) => readWith(late, directives, span))
          : readWith(chosen, directives, span);
      },
      pin: document.pin,
    };
  }

  return {
    createReader(query, document, readerOf) {
      const listed = listedElement(query);
      return listed === undefined
        ? document
        : createElementReader(query, { element: listed, document, listReader: readerOf(listed.list) });
    },
    forget(query, chosen) {
      const element = listedElement(query);
      if (element === undefined) return;
      const { partition, list, listKey, elementKey } = element;
      const listed = cache.peek(partition, list.operation.id, listKey(chosen));
      const isListed =
        listed?.value.type === 'list' &&
        findIn({ value: listed.value, window: listed.window }, element, chosen) !== undefined;
      missing.add(elementKey(chosen));
      if (isListed) cache.purge({ project: partition, operation: list.operation.id, soft: true });
    },
  };
}
