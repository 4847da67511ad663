import type { Clock } from '../lib/clock.ts';
import { compactBuffer } from '../lib/compact-buffer.ts';
import { LRU_OVERHEAD } from '../lib/partitioned-lru.ts';
import { unexpectedError } from '../lib/unexpected-error.ts';
import type { UpstreamFailure, UpstreamResponse } from '../upstream/message.ts';
import type { CacheEvent } from './events.ts';
import {
  extendFreshness,
  type FreshnessWindow,
  freshness,
  freshnessWindow,
  type Lifetimes,
  markStale,
} from './freshness.ts';
import { createMemoryTier, type Entry, type ProjectSize } from './memory-tier.ts';
import { createPurgeLog, type PurgeScope } from './purge-log.ts';
import { createSingleFlight } from './single-flight.ts';

/** The result of a load: a value to cache, a 4xx response of Atlas instead of a list, or a failure. */
export type LoadResult<Value> =
  | {
      readonly type: 'loaded';
      readonly value: Value;
      readonly bytes: number;
      /** Overrides the lifetimes of the request. */
      readonly lifetimes?: Lifetimes;
      /** Set if another gateway loaded the value: its freshness window, and why no newer value could be loaded. */
      readonly shared?: { readonly window: FreshnessWindow; readonly failure?: UpstreamFailure };
    }
  | {
      readonly type: 'refused';
      readonly response: UpstreamResponse;
      /** The list no longer exists or is no longer visible to the credential: a cached copy must not be served. */
      readonly invalidatesCache: boolean;
    }
  | UpstreamFailure;

/** The `Cache-Control` request directives (RFC 9111 section 5.2.1). */
export interface CacheDirectives {
  readonly noCache: boolean;
  readonly onlyIfCached: boolean;
  readonly maxAgeMs?: number;
  readonly maxStaleMs?: number;
}

/** The directives of a request without `Cache-Control`. */
export const NO_DIRECTIVES: CacheDirectives = { noCache: false, onlyIfCached: false };

/** One request to the cache. Concurrent requests for a key share one call of `load`, which never rejects. */
export interface CacheRequest<Value> {
  readonly project: string;
  readonly operation: string;
  readonly key: string;
  readonly lifetimes: Lifetimes;
  readonly directives: CacheDirectives;
  /**
   * Reserves a load for this caller. Returns a failure if the caller may not cause an upstream request now, in which case the cache serves
   * what it has; undefined if no limit applies. `forced`: the cache could have answered without the request's directives.
   */
  readonly admitLoad: (load: { readonly forced: boolean }) => UpstreamFailure | LoadPermit | undefined;
  /** Factor by which freshness is extended now, at least 1: it grows as Atlas's rate limit runs low. */
  readonly freshnessFactor: () => number;
  readonly load: (
    priority: 'foreground' | 'background',
    permit: LoadPermit | undefined,
  ) => Promise<LoadResult<Value>>;
}

/** Permission for one load, with the quota reserved for it. */
export interface LoadPermit {
  readonly type: 'reserved';
  /** Charges one call to Atlas. */
  charge(): void;
  /** Call when the load has completed or was not started: returns the unused quota. */
  end(): void;
}

/** How the cache handled a request: the `cache` label of metrics and the parameters of `Cache-Status` (RFC 9211). */
export interface CacheStatus {
  readonly outcome: 'hit' | 'stale' | 'miss' | 'coalesced' | 'bypass';
  readonly forwarded?: 'miss' | 'stale' | 'request';
  readonly stored?: boolean;
  readonly collapsed?: boolean;
  readonly detail?: string;
}

/** The result of a cache read. */
export type CacheRead<Value> =
  | {
      readonly type: 'value';
      readonly value: Value;
      readonly window: FreshnessWindow;
      readonly cacheStatus: CacheStatus;
    }
  | {
      readonly type: 'refused';
      readonly response: UpstreamResponse;
      readonly window: FreshnessWindow;
      readonly cacheStatus: CacheStatus;
    }
  | { readonly type: 'failed'; readonly failure: UpstreamFailure; readonly cacheStatus: CacheStatus }
  | { readonly type: 'not-cached' }
  | { readonly type: 'overloaded' };

/** What is cached under a key: a listing, or for a short time a 4xx response of Atlas (negative caching). */
type Content<Value> = Exclude<LoadResult<Value>, UpstreamFailure>;

export interface ListCacheOptions {
  readonly maxBytes: number;
  /** Fraction of `maxBytes` that one project may use, over 0 and up to 1. */
  readonly projectShare: number;
  /** How long a 4xx response of Atlas is cached. */
  readonly negativeTtlMs: number;
  /** Minimum pause after a failed load while a cached entry can be served; longer if Atlas sends `Retry-After`, up to `longestPauseMs`. */
  readonly refreshPauseMs: number;
  readonly longestPauseMs: number;
  readonly maxLoads: number;
  readonly maxWaiting: number;
}

/** A cached list with its key and freshness window. */
export interface CacheEntry<Value> {
  readonly project: string;
  readonly operation: string;
  readonly key: string;
  readonly value: Value;
  readonly window: FreshnessWindow;
  readonly bytes: number;
}

/** Read-through cache of lists by project and key, with stale-while-revalidate and stale-if-error (RFC 5861). */
export interface ListCache<Value> {
  /** Returns synchronously if memory can answer, and a promise only if the request has to wait for a load. */
  read(request: CacheRequest<Value>): CacheRead<Value> | Promise<CacheRead<Value>>;
  /** The fresh entry under a key, as `read` would return it for a request without directives; avoids building the request. */
  fresh(project: string, operation: string, key: string): (CacheRead<Value> & { type: 'value' }) | undefined;
  /** The cached value under a key regardless of its age; never loads. */
  peek(project: string, operation: string, key: string): Value | undefined;
  /** `soft`: marks the covered entries stale, so that the next read revalidates them and they can still be served if that fails. */
  purge(scope: PurgeScope & { soft: boolean }): void;
  /** Restores an entry of an earlier process; returns false if it is too large or the key is already cached. */
  restore(listing: CacheEntry<Value>): boolean;
  readonly bytes: number;
  readonly size: number;
  readonly loading: number;
  /** Usage per project, for metrics. */
  sizes(): Iterable<ProjectSize>;
  /** All cached lists, for the status page. */
  listings(): Iterable<CacheEntry<Value>>;
}

/**
 * Overhead charged per entry in addition to its value's bytes and its key: the entry, and the objects around the bytes. Measured; test/cache/memory.test.ts verifies it.
 */
const ENTRY_BYTES = 1_088;
/** Overhead charged per header of a cached 4xx response in addition to its text. */
const HEADER_BYTES = 64;

const entryBytes = (key: string, valueBytes: number) => valueBytes + key.length + ENTRY_BYTES;

/** The form in which a result is cached. The body of a 4xx response may be a view of a larger buffer, so it is copied. */
function storable<Value>(loaded: Content<Value>): { value: Content<Value>; bytes: number } {
  if (loaded.type === 'loaded') return { value: loaded, bytes: loaded.bytes };
  const { response } = loaded;
  const body = compactBuffer(response.body);
  const texts = Object.entries(response.headers).map(([name, value = '']) => name.length + value.length);
  return {
    value: { ...loaded, response: { ...response, body } },
    bytes: texts.reduce((sum, length) => sum + length + HEADER_BYTES, body.length),
  };
}

export function createListCache<Value>(
  options: ListCacheOptions,
  { clock, observe }: { clock: Clock; observe: (event: CacheEvent) => void },
): ListCache<Value> {
  const tier = createMemoryTier<Content<Value>>({ ...options, overhead: LRU_OVERHEAD }, (reason) =>
    observe({ type: 'evicted', reason }),
  );
  const purgeLog = createPurgeLog(10_000);
  const softPurgeLog = createPurgeLog(10_000);
  const flights = createSingleFlight<LoadOutcome<Value>>({
    maxFlights: options.maxLoads,
    maxWaiting: options.maxWaiting,
  });
  /** Entries whose last load failed: they are served without another attempt until the pause is over. */
  const cooling = new WeakMap<Entry<Content<Value>>, { until: number; failure: UpstreamFailure }>();

  interface LoadOutcome<V> {
    readonly loaded: LoadResult<V>;
    readonly window: FreshnessWindow;
    readonly stored: boolean;
  }

  const entryFor = ({ project, operation, key }: CacheRequest<Value>) => findEntry(project, operation, key);

  function findEntry(project: string, operation: string, key: string): Entry<Content<Value>> | undefined {
    const entry = tier.get(project, key);
    if (entry === undefined || !purgeLog.isPurgedSince(project, operation, entry.sequence)) return entry;
    tier.delete(project, key);
    observe({ type: 'evicted', reason: 'purge' });
    return undefined;
  }

  /** Stores the result of a load unless a purge invalidated it in the meantime. */
  function store(
    request: CacheRequest<Value>,
    loaded: LoadResult<Value>,
    began: { sequence: number; soft: number },
  ): LoadOutcome<Value> {
    const now = clock.now();
    switch (loaded.type) {
      case 'failed':
        return { loaded, window: freshnessWindow(now, ZERO), stored: false };
      case 'loaded':
      case 'refused': {
        const times =
          loaded.type === 'loaded'
            ? (loaded.shared?.window ?? freshnessWindow(now, loaded.lifetimes ?? request.lifetimes))
            : freshnessWindow(now, { ...ZERO, freshMs: options.negativeTtlMs });
        if (purgeLog.isPurgedSince(request.project, request.operation, began.sequence))
          return { loaded, window: times, stored: false };
        if (
          loaded.type === 'refused' &&
          !loaded.invalidatesCache &&
          entryFor(request)?.value.type === 'loaded'
        ) {
          return { loaded, window: times, stored: false };
        }
        const { value, bytes } = storable(loaded);
        const stored = tier.set(request.project, request.key, {
          value,
          window: softPurgeLog.isPurgedSince(request.project, request.operation, began.soft)
            ? markStale(times, now)
            : times,
          bytes: entryBytes(request.key, bytes),
          sequence: began.sequence,
          operation: request.operation,
        });
        // The cached entry is older than the result that could not be stored.
        if (!stored) tier.delete(request.project, request.key);
        return { loaded, window: times, stored };
      }
    }
  }

  function begin(
    request: CacheRequest<Value>,
    priority: 'foreground' | 'background',
    permit: LoadPermit | undefined,
  ) {
    const began = { sequence: purgeLog.sequence, soft: softPurgeLog.sequence };
    const flight = flights.join(flightKey(request, began.sequence), async () => {
      const loaded = await request.load(priority, permit).finally(() => permit?.end());
      return store(request, loaded, began);
    });
    if (flight === 'overloaded' || flight.role === 'follower') permit?.end();
    return flight;
  }

  /** Requests that arrive after a purge must not join a load that began before it. */
  const flightKey = (request: CacheRequest<Value>, sequence: number) =>
    `${sequence} ${request.project} ${request.key}`;

  function refresh(request: CacheRequest<Value>, entry: Entry<Content<Value>>): void {
    if (coolingDown(entry) !== undefined) return;
    if (flights.isLoading(flightKey(request, purgeLog.sequence))) return;
    const permit = request.admitLoad({ forced: false });
    if (permit?.type === 'failed') return;
    const flight = begin(request, 'background', permit);
    if (flight === 'overloaded') return;
    const { operation, project } = request;
    const settled = flight.value.then(({ loaded }) => {
      switch (loaded.type) {
        case 'loaded':
          observe({ type: 'refreshed', operation, project, outcome: 'replaced' });
          return;
        case 'refused':
          observe({ type: 'refreshed', operation, project, outcome: 'refused' });
          return;
        case 'failed':
          coolDown(entry, loaded);
          observe({ type: 'refreshed', operation, project, outcome: 'kept', detail: loaded.code });
      }
    });
    settled.catch((error: unknown) => {
      observe(unexpectedError('a refresh', error));
      observe({ type: 'refreshed', operation, project, outcome: 'kept', detail: 'UNEXPECTED_ERROR' });
    });
  }

  function coolingDown(entry: Entry<Content<Value>>): UpstreamFailure | undefined {
    const coolingEntry = cooling.get(entry);
    return coolingEntry !== undefined && coolingEntry.until > clock.now() ? coolingEntry.failure : undefined;
  }

  function coolDown(entry: Entry<Content<Value>>, failure: UpstreamFailure): void {
    const pauseMs = Math.max(
      options.refreshPauseMs,
      Math.min(options.longestPauseMs, failure.retryAfterMs ?? 0),
    );
    cooling.set(entry, { until: clock.now() + pauseMs, failure });
  }

  const serve = (
    entry: Entry<Content<Value>>,
    cacheStatus: CacheStatus,
    times = entry.window,
  ): CacheRead<Value> =>
    entry.value.type === 'loaded'
      ? { type: 'value', value: entry.value.value, window: times, cacheStatus }
      : { type: 'refused', response: entry.value.response, window: times, cacheStatus };

  async function loadAndAnswer(
    request: CacheRequest<Value>,
    forwarded: 'miss' | 'stale' | 'request',
    staleEntry?: Entry<Content<Value>>,
  ): Promise<CacheRead<Value>> {
    const failing = staleEntry === undefined || forwarded === 'request' ? undefined : coolingDown(staleEntry);
    if (failing !== undefined) return withStaleEntry(failing, staleEntry, { outcome: 'miss', forwarded });
    const permit = flights.isLoading(flightKey(request, purgeLog.sequence))
      ? undefined
      : request.admitLoad({
          forced: request.directives.noCache || (forwarded === 'request' && isServable(staleEntry)),
        });
    if (permit?.type === 'failed') return withStaleEntry(permit, staleEntry, { outcome: 'miss', forwarded });
    const flight = begin(request, 'foreground', permit);
    if (flight === 'overloaded')
      return staleEntry === undefined
        ? { type: 'overloaded' }
        : serve(staleEntry, { outcome: 'stale', detail: 'OVERLOADED' });
    const { loaded, window: times, stored } = await flight.value;
    const collapsed = flight.role === 'follower';
    const outcome = forwarded === 'request' ? 'bypass' : collapsed ? 'coalesced' : 'miss';
    const cacheStatus: CacheStatus = { outcome, forwarded, stored, collapsed };
    switch (loaded.type) {
      case 'loaded': {
        if (loaded.shared === undefined)
          return { type: 'value', value: loaded.value, window: times, cacheStatus };
        // A follower whose directives require a newer value than the shared load returned starts a load of its own.
        if (collapsed && !isNewEnough(request.directives, times))
          return loadAndAnswer(request, forwarded, staleEntry);
        return {
          type: 'value',
          value: loaded.value,
          window: times,
          cacheStatus: fromSharedTier(request, loaded.shared, cacheStatus),
        };
      }
      case 'refused':
        return { type: 'refused', response: loaded.response, window: times, cacheStatus };
      case 'failed':
        if (staleEntry !== undefined) coolDown(staleEntry, loaded);
        return withStaleEntry(loaded, staleEntry, cacheStatus);
    }
  }

  /** Whether the entry would have been served if the request had no directives. */
  const isServable = (entry: Entry<Content<Value>> | undefined) =>
    entry !== undefined && clock.now() < entry.window.revalidateUntil;

  const isNewEnough = (
    { noCache, maxAgeMs, maxStaleMs = 0 }: CacheDirectives,
    { loadedAt }: FreshnessWindow,
  ) => !noCache && (maxAgeMs === undefined || clock.now() - loadedAt <= maxAgeMs + maxStaleMs);

  /** A value from another gateway may already be stale: it is then refreshed in the background, or, if its last load failed, cools down. */
  function fromSharedTier(
    request: CacheRequest<Value>,
    { window: times, failure }: { window: FreshnessWindow; failure?: UpstreamFailure },
    cacheStatus: CacheStatus,
  ): CacheStatus {
    const entry = entryFor(request);
    if (failure !== undefined && entry !== undefined) coolDown(entry, failure);
    if (clock.now() < times.freshUntil) return { ...cacheStatus, detail: failure?.code ?? 'shared' };
    if (failure === undefined && entry !== undefined) refresh(request, entry);
    return { ...cacheStatus, outcome: 'stale', detail: failure?.code ?? 'shared' };
  }

  function withStaleEntry(
    failure: UpstreamFailure,
    staleEntry: Entry<Content<Value>> | undefined,
    cacheStatus: CacheStatus,
  ): CacheRead<Value> {
    if (staleEntry === undefined) return { type: 'failed', failure, cacheStatus };
    return serve(staleEntry, { outcome: 'stale', forwarded: 'stale', detail: failure.code });
  }

  return {
    read(request) {
      const { directives } = request;
      const entry = entryFor(request);
      if (entry === undefined)
        return directives.onlyIfCached ? { type: 'not-cached' } : loadAndAnswer(request, 'miss');
      const now = clock.now();
      const softlyPurged = softPurgeLog.isPurgedSince(request.project, request.operation, entry.sequence);
      const times = entry.window;
      const state = freshness(softlyPurged ? markStale(times, now) : times, now);
      const usable =
        state === 'expired' || (entry.value.type === 'refused' && state !== 'fresh') ? undefined : entry;
      if (usable === undefined)
        return directives.onlyIfCached ? { type: 'not-cached' } : loadAndAnswer(request, 'miss');
      if (directives.noCache && !directives.onlyIfCached) return loadAndAnswer(request, 'request', usable);
      const exceedsMaxAge =
        directives.maxAgeMs !== undefined &&
        now - times.loadedAt > directives.maxAgeMs + (directives.maxStaleMs ?? 0);
      const withinMaxStale = now - times.freshUntil <= (directives.maxStaleMs ?? 0);
      if (!exceedsMaxAge && state === 'fresh') return serve(usable, HIT);
      if (!exceedsMaxAge && state === 'stale' && !softlyPurged) {
        const extended = extendFreshness(times, request.freshnessFactor());
        if (now < extended.freshUntil)
          return serve(usable, { outcome: 'hit', detail: 'stretched' }, extended);
      }
      if (!exceedsMaxAge && (state === 'stale' || withinMaxStale)) {
        refresh(request, usable);
        return serve(usable, { outcome: 'stale' });
      }
      return directives.onlyIfCached
        ? { type: 'not-cached' }
        : loadAndAnswer(request, exceedsMaxAge ? 'request' : 'stale', usable);
    },
    fresh(project, operation, key) {
      const entry = findEntry(project, operation, key);
      if (entry?.value.type !== 'loaded' || clock.now() >= entry.window.freshUntil) return undefined;
      if (softPurgeLog.isPurgedSince(project, operation, entry.sequence)) return undefined;
      return { type: 'value', value: entry.value.value, window: entry.window, cacheStatus: HIT };
    },
    restore({ project, operation, key, value, bytes, window: times }) {
      if (tier.get(project, key) !== undefined) return false;
      return tier.set(project, key, {
        value: { type: 'loaded', value, bytes },
        window: times,
        bytes: entryBytes(key, bytes),
        sequence: purgeLog.sequence,
        operation,
      });
    },
    peek(project, operation, key) {
      const entry = findEntry(project, operation, key);
      return entry?.value.type === 'loaded' ? entry.value.value : undefined;
    },
    purge({ soft, ...scope }) {
      (soft ? softPurgeLog : purgeLog).add(scope);
      // Both logs share one sequence: an entry records a single number.
      (soft ? purgeLog : softPurgeLog).advance();
      if (!soft && scope.operation === undefined) {
        if (scope.project === undefined) tier.clear();
        else tier.dropProject(scope.project);
      }
    },
    get bytes() {
      return tier.bytes;
    },
    get size() {
      return tier.size;
    },
    get loading() {
      return flights.size;
    },
    sizes: () => tier.sizes(),
    *listings() {
      for (const project of tier.projects()) {
        for (const [key, entry] of tier.entries(project)) {
          const { value, window: times, bytes, operation = '', sequence } = entry;
          if (value.type !== 'loaded' || purgeLog.isPurgedSince(project, operation, sequence)) continue;
          const softlyPurged = softPurgeLog.isPurgedSince(project, operation, sequence);
          const now = softlyPurged ? markStale(times, clock.now()) : times;
          yield { project, operation, key, value: value.value, window: now, bytes };
        }
      }
    },
  };
}

const HIT: CacheStatus = { outcome: 'hit' };
const ZERO: Lifetimes = { freshMs: 0, staleWhileRevalidateMs: 0, staleIfErrorMs: 0 };
