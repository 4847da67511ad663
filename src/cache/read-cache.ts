import type { Clock } from '../lib/clock.ts';
import { decide, decideCold } from './decide.ts';
import { type CacheEntry, createEntryStore, type EntryAddress, type RequestedList } from './entry-store.ts';
import type { CacheEvent, CoolingKind } from './events.ts';
import type { FreshnessWindow } from './freshness.ts';
import { type CacheRequest, createLoads, type LoadsOptions } from './loads.ts';
import type { ProjectSize } from './memory-tier.ts';
import { createPageGenerations, type PagePlace } from './page-generation.ts';
import type { PurgeScope } from './purge-log.ts';
import { createReadThrough, serveEntry } from './read-through.ts';
import type { CacheRead, CacheStatus, LoadFailure } from './results.ts';
import { createRevalidation } from './revalidation.ts';

export interface ListCacheOptions<Failure extends LoadFailure> extends LoadsOptions<Failure> {
  readonly maxBytes: number;
  /** Fraction of `maxBytes` that one project may use, over 0 and up to 1. */
  readonly projectShare: number;
}

/** Read-through cache of lists by project and key, with stale-while-revalidate and stale-if-error (RFC 5861). */
export interface ListCache<Value, Failure extends LoadFailure = LoadFailure> {
  /** Returns synchronously if memory can answer, and a promise only if the request has to wait for a load. */
  read(request: CacheRequest<Value, Failure>): CacheRead<Value, Failure> | Promise<CacheRead<Value, Failure>>;
  /** The fresh entry under a key, as `read` would return it for a request without directives; avoids building the request. */
  fresh(
    project: string,
    operation: string,
    key: string,
    page?: PagePlace,
  ): (CacheRead<Value, Failure> & { type: 'value' }) | undefined;
  /** The cached value under a key regardless of its age; never loads. */
  peek(
    project: string,
    operation: string,
    key: string,
  ): { readonly value: Value; readonly window: FreshnessWindow } | undefined;
  /** Monotonic milliseconds before which a page must not have been requested, to fit the other pages of its list. */
  earliestRequest(project: string, page: PagePlace): number;
  /** The number of purges so far. */
  readonly epoch: number;
  /** Stores a value that was read in `epoch` by the load of another one, unless it was purged since or is too large. */
  put(entry: CacheEntry<Value>, epoch: number): void;
  delete(address: EntryAddress): void;
  /**
   * `soft`: marks the covered entries stale, so that the next read revalidates them and they can still be served if that fails. A purge
   * that is not soft ends all cool-downs, so that lists are loaded again at once.
   */
  purge(scope: PurgeScope & { soft: boolean }): void;
  /** Restores an entry of an earlier process; returns false if it is too large or the key is already cached. */
  restore(listing: CacheEntry<Value>): boolean;
  readonly bytes: number;
  readonly size: number;
  readonly loading: number;
  /** How many lists and pages cool down now, because their loads fail. */
  coolingDown(): Readonly<Record<CoolingKind, number>>;
  /** Usage per project, for metrics. */
  sizes(): Iterable<ProjectSize>;
  /** All cached lists, for the status page. */
  listings(): Iterable<CacheEntry<Value>>;
  /** Lists that were requested in the last five minutes and have not been replaced since, for metrics. */
  recentlyRequested(): Iterable<RequestedList>;
}

const RECENT_MS = 300_000;

const HIT: CacheStatus = { outcome: 'hit' };
const EXTENDED: CacheStatus = { outcome: 'hit', detail: 'stretched' };
const STALE: CacheStatus = { outcome: 'stale' };

/** Composes the entry store, the loads, the page generations and the background refreshes; `decide` has the rules. */
export function createListCache<Value, Failure extends LoadFailure = LoadFailure>(
  options: ListCacheOptions<Failure>,
  { clock, observe }: { clock: Clock; observe: (event: CacheEvent) => void },
): ListCache<Value, Failure> {
  const store = createEntryStore<Value, Failure>(options, { clock, observe });
  const generations = createPageGenerations();
  const loads = createLoads(options, { store, generations, clock, observe });
  const revalidate = createRevalidation({ loads, clock, observe });
  const readThrough = createReadThrough({ loads, revalidate, generations, clock });

  const isSuperseded = (project: string, page: PagePlace | undefined, { loadedAt }: FreshnessWindow) =>
    page !== undefined && generations.isSuperseded(project, page, loadedAt);

  return {
    read(request) {
      const { project, operation, key, page, directives } = request;
      const entry = store.find(project, operation, key);
      const now = clock.now();
      const coolingUntil = loads.failedLoads(request)?.until ?? 0;
      if (entry === undefined)
        return readThrough(request, decideCold(coolingUntil, directives, now), undefined);
      entry.requestedAt = now;
      const { window, value } = entry;
      const decision = decide(
        {
          window,
          kind: value.type === 'loaded' ? 'value' : 'refusal',
          softPurged: store.isSoftPurged(project, operation, entry),
          superseded: value.type === 'loaded' && isSuperseded(project, page, window),
          freshnessFactor: now < window.freshUntil ? 1 : request.freshnessFactor(),
          coolingUntil,
        },
        directives,
        now,
      );
      if (decision.type === 'serve')
        return serveEntry({ entry, window: decision.window }, decision.extended ? EXTENDED : HIT);
      if (decision.type !== 'revalidate') return readThrough(request, decision, entry);
      revalidate(request);
      return serveEntry({ entry, window: decision.window }, STALE);
    },
    fresh(project, operation, key, page) {
      const entry = store.find(project, operation, key);
      const now = clock.now();
      if (entry?.value.type !== 'loaded' || now >= entry.window.freshUntil) return undefined;
      entry.requestedAt = now;
      if (store.isSoftPurged(project, operation, entry) || isSuperseded(project, page, entry.window))
        return undefined;
      return { type: 'value', value: entry.value.value, window: entry.window, cacheStatus: HIT };
    },
    peek(project, operation, key) {
      const entry = store.find(project, operation, key);
      return entry?.value.type === 'loaded' ? { value: entry.value.value, window: entry.window } : undefined;
    },
    earliestRequest: generations.earliestRequest,
    get epoch() {
      return store.epoch;
    },
    put({ value, window, bytes, page, ...address }, epoch) {
      if (page !== undefined)
        generations.loaded(
          address.project,
          page,
          { requestedAt: window.loadedAt, completedAt: clock.now() },
          window.freshUntil - window.loadedAt,
        );
      store.store(address, { type: 'loaded', value, bytes }, window, epoch);
    },
    delete: store.delete,
    purge(scope) {
      store.purge(scope);
      if (!scope.soft) loads.endCoolDowns();
    },
    restore: store.restore,
    get bytes() {
      return store.bytes;
    },
    get size() {
      return store.size;
    },
    get loading() {
      return loads.size;
    },
    coolingDown: loads.coolingDown,
    sizes: store.sizes,
    listings: store.listings,
    recentlyRequested: () => store.requestedSince(clock.now() - RECENT_MS),
  };
}
