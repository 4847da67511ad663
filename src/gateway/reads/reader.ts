import { type CacheDirectives, NO_DIRECTIVES } from '../../cache/decide.ts';
import { type FreshnessWindow, freshness, limitToErrors } from '../../cache/freshness.ts';
import type { PinnedListings } from '../../cache/pinned-listings.ts';
import type { Clock } from '../../lib/clock.ts';
import { upstreamFailure } from '../../upstream/failure.ts';
import type { Caller } from '../auth/key-auth.ts';
import { cutOf } from '../auth/policy.ts';
import type { Credential, Credentials } from '../credentials/selection.ts';
import { createCacheKeys, lastWholeKeyOf, partitionOf } from './cache-key.ts';
import type { CacheRead, ListCache } from './list-cache.ts';
import {
  bytesOf,
  type CachedList,
  type CachePolicy,
  type Listing,
  type ReadQuery,
  type ReadResult,
} from './listing.ts';
import type { ReadContext, ReadThrough } from './read-through.ts';

/** Reads one query, any number of times. The lists it returns contain only items that its caller may see. */
export interface Reader {
  /** Returns synchronously if memory suffices. Undefined if no credential covers the project. */
  read(directives: CacheDirectives): ReadResult | Promise<ReadResult | undefined> | undefined;
  /** Pins a listing because a link was written that leads back to it. */
  pin(list: Listing, window: FreshnessWindow): void;
}

export interface ReaderDependencies {
  readonly cache: ListCache<CachedList>;
  readonly clock: Clock;
  readonly credentials: Credentials;
  /** Pinned listings, which links lead back to. */
  readonly pinnedListings: PinnedListings<Listing>;
  /** Filters a list across projects to one caller; returns any other list unchanged. */
  readonly filterFor: (caller: Caller, operationId: string, list: Listing) => Listing;
  readonly readThrough: ReadThrough;
  /** Until when a listing need not be pinned again. */
  readonly pinnedUntil: WeakMap<Listing, number>;
}

/** Minimum time between two pins of the same listing; much shorter than the lifetime of a pin. */
const REPIN_MS = 10_000;
/** Returned to callers with access to some projects if a list across projects cannot be cached whole. */
const NOT_WHOLE = upstreamFailure(
  'UPSTREAM_TOO_LARGE',
  'This list across projects is too long or changes too often to be loaded as a whole, and the gateway filters only whole lists by the projects of a caller. An operator can raise cache.maxItems.',
);

/** Which credentials serve this query: those of the project or organization in its path, or, if it names none, of the one in a filter. */
function createChoice({ pathParameters, filters }: ReadQuery, credentials: Credentials) {
  const { groupId, orgId } = { ...Object.fromEntries(filters), ...pathParameters };
  const covered = groupId ?? orgId;
  return () => (covered === undefined ? credentials.all() : credentials.candidatesFor(covered));
}

/** Reads a query whole if possible, so that one load serves all pages and page options; otherwise page by page. */
export function createReader(
  query: ReadQuery,
  policy: CachePolicy,
  { cache, clock, credentials, pinnedListings, filterFor, readThrough, pinnedUntil }: ReaderDependencies,
): Reader {
  const { operation, pathParameters, shape, caller } = query;
  const partition = partitionOf(pathParameters);
  const choose = createChoice(query, credentials);
  const cut = cutOf(caller, operation.id);
  const keysFor = createCacheKeys(query, cut?.fingerprint);
  // Filtering a page instead of the whole list would reveal the positions of other projects' items.
  const readsWhole = policy.whole || cut !== undefined;
  const visible = (list: Listing) => filterFor(caller, operation.id, list);

  /** The fresh entry of the list or page, if memory has one. */
  function fresh(chosen: readonly Credential[]): ReadResult | undefined {
    const { whole, page } = keysFor(chosen);
    const freshPage = () => cache.fresh(partition, operation.id, page.key, page);
    let hit = readsWhole ? cache.fresh(partition, operation.id, whole) : freshPage();
    if (hit?.value.type === 'long' && cut === undefined) hit = freshPage();
    if (hit?.value.type !== 'list') return undefined;
    const { window, cacheStatus } = hit;
    return { type: 'value', value: visible(hit.value), window, cacheStatus, upstreamCalls: 0 };
  }

  const counted = (reading: ReadContext, result: CacheRead<Listing>): ReadResult => ({
    ...withSnapshotStatus(cut === undefined ? result : withoutMeasures(result), shape.snapshot),
    upstreamCalls: reading.upstreamCalls,
  });

  /** The last whole listing of a list that is cached by the page, where a page cannot be loaded. */
  function readLastWhole({ chosen }: ReadContext, detail: string): CacheRead<Listing> | undefined {
    const last = cache.peek(partition, operation.id, lastWholeKeyOf(keysFor(chosen).whole));
    const now = clock.now();
    if (last?.value.type !== 'list' || freshness(last.window, now) === 'expired') return undefined;
    const window = limitToErrors(last.window, now);
    return { type: 'value', value: visible(last.value), window, cacheStatus: { outcome: 'stale', detail } };
  }

  /** A failure, unless the last whole listing can be served instead. */
  const failed = (reading: ReadContext, result: CacheRead<Listing> & { type: 'failed' }): ReadResult =>
    counted(reading, readLastWhole(reading, result.failure.code) ?? result);

  function settlePage(reading: ReadContext, result: CacheRead<CachedList>): ReadResult {
    if (result.type === 'failed') return failed(reading, result);
    if (result.type !== 'value') return counted(reading, result);
    // A page key only ever maps to a page.
    return result.value.type === 'list'
      ? counted(reading, { ...result, value: result.value })
      : counted(reading, { type: 'not-cached' });
  }

  function readPage(reading: ReadContext): ReadResult | Promise<ReadResult> {
    const page = readThrough(reading, keysFor(reading.chosen).page);
    return page instanceof Promise
      ? page.then((late) => settlePage(reading, late))
      : settlePage(reading, page);
  }

  function settleWhole(
    reading: ReadContext,
    result: CacheRead<CachedList>,
  ): ReadResult | Promise<ReadResult> {
    if (result.type !== 'value') return counted(reading, result);
    if (result.value.type === 'list') return counted(reading, { ...result, value: visible(result.value) });
    if (cut === undefined) return readPage(reading);
    return failed(reading, { type: 'failed', failure: NOT_WHOLE, cacheStatus: result.cacheStatus });
  }

  /** The pinned listing that a link leads back to. While it is still the current one, it is read as usual, and refreshed. */
  function findPinned(chosen: readonly Credential[]): ReadResult | undefined {
    if (shape.snapshot === undefined || !readsWhole) return undefined;
    const { whole, pinned: key } = keysFor(chosen);
    const pinned = pinnedListings.find(partition, key, shape.snapshot);
    if (pinned === undefined) return undefined;
    const current = cache.peek(partition, operation.id, whole);
    if (current?.value.type === 'list' && visible(current.value).snapshot === shape.snapshot)
      return undefined;
    const { value, window } = pinned;
    const cacheStatus = { outcome: 'hit', detail: 'snapshot' } as const;
    return { type: 'value', value, window, cacheStatus, upstreamCalls: 0 };
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
    const takesPages = cut === undefined;
    const reading: ReadContext = {
      ...{ query, partition, policy, chosen, directives, takesPages },
      startedAt: clock.now(),
      upstreamCalls: 0,
    };
    if (!readsWhole) return readPage(reading);
    const pinned = findPinned(chosen);
    if (pinned !== undefined) return pinned;
    const whole = readThrough(reading, keysFor(chosen).whole);
    return whole instanceof Promise
      ? whole.then((late) => settleWhole(reading, late))
      : settleWhole(reading, whole);
  }

  return {
    read(directives) {
      const chosen = choose();
      return chosen instanceof Promise
        ? chosen.then((found) => readWith(found, directives))
        : readWith(chosen, directives);
    },
    pin(list, window) {
      const now = clock.now();
      if ((pinnedUntil.get(list) ?? 0) > now) return;
      pinnedUntil.set(list, now + REPIN_MS);
      const chosen = choose();
      // Right after a read the credentials are known; if discovery has started again since, the listing is not pinned.
      if (chosen instanceof Promise) return;
      pinnedListings.pin(partition, keysFor(chosen).pinned, list.snapshot, list, window, bytesOf(list.items));
    },
  };
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
