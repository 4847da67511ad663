import type { Clock } from '../lib/clock.ts';
import { compactBuffer } from '../lib/compact-buffer.ts';
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

/** What a load came back with: a value to keep, an answer of Atlas's that is no list (its own 4xx), or a failure. */
export type LoadResult<Value> =
  | {
      readonly type: 'loaded';
      readonly value: Value;
      readonly bytes: number;
      /** Instead of the question's. */
      readonly lifetimes?: Lifetimes;
      /** Where another gateway has loaded it: the times it has already, and why nothing newer came. */
      readonly shared?: { readonly window: FreshnessWindow; readonly failure?: UpstreamFailure };
    }
  | {
      readonly type: 'refused';
      readonly response: UpstreamResponse;
      /** Whether the list no longer exists or is no longer visible to the credential: a cached copy must not be served. */
      readonly invalidatesCache: boolean;
    }
  | UpstreamFailure;

/** What the request itself demands of freshness (RFC 9111 section 5.2.1). */
export interface CacheDirectives {
  readonly noCache: boolean;
  readonly onlyIfCached: boolean;
  readonly maxAgeMs?: number;
  readonly maxStaleMs?: number;
}

/** The demand of a request that makes none. */
export const NO_DIRECTIVES: CacheDirectives = { noCache: false, onlyIfCached: false };

/** One question to the cache. `load` is called at most once for all who ask at the same time, and never rejects. */
export interface CacheRequest<Value> {
  readonly project: string;
  readonly operation: string;
  readonly key: string;
  readonly lifetimes: Lifetimes;
  readonly directives: CacheDirectives;
  /**
   * Reserves a load for this caller; a failure where it may not have Atlas asked now: the cache then answers as far as it can. Undefined
   * where nothing limits it. `forced`: only the demand keeps the cache from answering.
   */
  readonly admitLoad: (load: { readonly forced: boolean }) => UpstreamFailure | LoadPermit | undefined;
  /** How many times as long as usual a list counts as fresh now, at least 1: more where Atlas's rate limit is nearly spent. */
  readonly freshnessFactor: () => number;
  readonly load: (
    priority: 'foreground' | 'background',
    permit: LoadPermit | undefined,
  ) => Promise<LoadResult<Value>>;
}

/** Leave to load once, with what was reserved for it. */
export interface LoadPermit {
  readonly type: 'reserved';
  /** Counts a call to Atlas. */
  charge(): void;
  /** The load is over, or none was begun: what was not used is given back. */
  end(): void;
}

/** How an answer came about: the `cache` label of metrics, and the words of `Cache-Status` (RFC 9211). */
export interface CacheStatus {
  readonly outcome: 'hit' | 'stale' | 'miss' | 'coalesced' | 'bypass';
  readonly forwarded?: 'miss' | 'stale' | 'request';
  readonly stored?: boolean;
  readonly collapsed?: boolean;
  readonly detail?: string;
}

/** The cache's answer. */
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

/** Kept under a key: a listing, or for a short while Atlas's refusal of one. */
type Content<Value> = Exclude<LoadResult<Value>, UpstreamFailure>;

export interface ListCacheOptions {
  readonly maxBytes: number;
  /** Part of `maxBytes` that one project may hold, over 0 and up to 1. */
  readonly projectShare: number;
  /** How long a refusal of Atlas's is remembered. */
  readonly negativeTtlMs: number;
  /** How long after a failed load the next may begin while something is held; longer where Atlas asks for it, up to `longestPauseMs`. */
  readonly refreshPauseMs: number;
  readonly longestPauseMs: number;
  readonly maxLoads: number;
  readonly maxWaiting: number;
}

/** A list that is held, with where and until when. */
export interface CacheEntry<Value> {
  readonly project: string;
  readonly operation: string;
  readonly key: string;
  readonly value: Value;
  readonly window: FreshnessWindow;
  readonly bytes: number;
}

/** Lists by project and key: read through, refreshed beside the answer, kept when Atlas fails. */
export interface ListCache<Value> {
  /** Answers at once where memory can; a promise only where a load has to be waited for. */
  read(request: CacheRequest<Value>): CacheRead<Value> | Promise<CacheRead<Value>>;
  /** What is held under a key and fresh, for a question that demands nothing: the same as `read` answers, without making the question. */
  fresh(project: string, operation: string, key: string): (CacheRead<Value> & { type: 'value' }) | undefined;
  /** What is held under a key, however old, without loading anything. */
  peek(project: string, operation: string, key: string): Value | undefined;
  /** `soft`: what is covered is asked for again at its next use, and kept in case that fails. */
  purge(scope: PurgeScope & { soft: boolean }): void;
  /** Puts in what an earlier process held; false where there is no room or something newer. */
  restore(listing: CacheEntry<Value>): boolean;
  readonly bytes: number;
  readonly size: number;
  readonly loading: number;
  /** How much each project holds, for metrics. */
  sizes(): Iterable<ProjectSize>;
  /** Projects that hold something, with their values, for the status page. */
  listings(): Iterable<CacheEntry<Value>>;
}

/**
 * Counted for each entry beside its value's bytes and its key: what the tier keeps, with a project of its own, and the objects around
 * the bytes. Measured; test/cache/memory.test.ts holds it.
 */
const ENTRY_BYTES = 1_280;
/** Counted for each header of a refusal beside its text. */
const HEADER_BYTES = 64;

const entryBytes = (key: string, valueBytes: number) => valueBytes + key.length + ENTRY_BYTES;

/** What is kept of a load: a refusal, which may be a view of something larger, in memory of its own. */
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
  const tier = createMemoryTier<Content<Value>>(options, (reason) => observe({ type: 'evicted', reason }));
  const purgeLog = createPurgeLog(10_000);
  const softPurgeLog = createPurgeLog(10_000);
  const flights = createSingleFlight<LoadOutcome<Value>>({
    maxFlights: options.maxLoads,
    maxWaiting: options.maxWaiting,
  });
  /** After a load failed, what is held is served without another try for a moment. */
  const cooling = new WeakMap<Entry<Content<Value>>, { until: number; failure: UpstreamFailure }>();

  interface LoadOutcome<V> {
    readonly loaded: LoadResult<V>;
    readonly window: FreshnessWindow;
    readonly stored: boolean;
  }

  const window = ({ project, operation, key }: CacheRequest<Value>) => entryUnder(project, operation, key);

  function entryUnder(project: string, operation: string, key: string): Entry<Content<Value>> | undefined {
    const entry = tier.get(project, key);
    if (entry === undefined || !purgeLog.isPurgedSince(project, operation, entry.sequence)) return entry;
    tier.delete(project, key);
    observe({ type: 'evicted', reason: 'purge' });
    return undefined;
  }

  /** Keeps what a load brought, unless a purge came between; tells what became of it. */
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
          window(request)?.value.type === 'loaded'
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
        // What was held is older than what could not be kept.
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

  /** Those who come after a purge must not share a load that began before it. */
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
    const known = cooling.get(entry);
    return known !== undefined && known.until > clock.now() ? known.failure : undefined;
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
        // Who wants something newer than what a load under way came back with begins one of his own.
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

  /** Whether an entry would have been served, had the request not demanded something newer. */
  const isServable = (entry: Entry<Content<Value>> | undefined) =>
    entry !== undefined && clock.now() < entry.window.revalidateUntil;

  const isNewEnough = (
    { noCache, maxAgeMs, maxStaleMs = 0 }: CacheDirectives,
    { loadedAt }: FreshnessWindow,
  ) => !noCache && (maxAgeMs === undefined || clock.now() - loadedAt <= maxAgeMs + maxStaleMs);

  /** What another gateway has loaded may be stale already: it is then asked for beside the answer, or not for a moment where that failed. */
  function fromSharedTier(
    request: CacheRequest<Value>,
    { window: times, failure }: { window: FreshnessWindow; failure?: UpstreamFailure },
    cacheStatus: CacheStatus,
  ): CacheStatus {
    const entry = window(request);
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
      const entry = window(request);
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
      const tooOld =
        directives.maxAgeMs !== undefined &&
        now - times.loadedAt > directives.maxAgeMs + (directives.maxStaleMs ?? 0);
      const staleEnough = now - times.freshUntil <= (directives.maxStaleMs ?? 0);
      if (!tooOld && state === 'fresh') return serve(usable, HIT);
      if (!tooOld && state === 'stale' && !softlyPurged) {
        const longer = extendFreshness(times, request.freshnessFactor());
        if (now < longer.freshUntil) return serve(usable, { outcome: 'hit', detail: 'stretched' }, longer);
      }
      if (!tooOld && (state === 'stale' || staleEnough)) {
        refresh(request, usable);
        return serve(usable, { outcome: 'stale' });
      }
      return directives.onlyIfCached
        ? { type: 'not-cached' }
        : loadAndAnswer(request, tooOld ? 'request' : 'stale', usable);
    },
    fresh(project, operation, key) {
      const entry = entryUnder(project, operation, key);
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
      const entry = entryUnder(project, operation, key);
      return entry?.value.type === 'loaded' ? entry.value.value : undefined;
    },
    purge({ soft, ...scope }) {
      (soft ? softPurgeLog : purgeLog).add(scope);
      // An entry carries one number, which both kinds are compared with.
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
