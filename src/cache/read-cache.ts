import type { Clock } from '../lib/clock.ts';
import { type ColdDecision, decide, decideCold, satisfies } from './decide.ts';
import { type CacheEntry, type Content, createEntryStore } from './entry-store.ts';
import type { CacheEvent } from './events.ts';
import type { FreshnessWindow } from './freshness.ts';
import { type CacheRequest, createLoads, type LoadOutcome, type LoadsOptions } from './loads.ts';
import type { Entry, ProjectSize } from './memory-tier.ts';
import type { PurgeScope } from './purge-log.ts';
import type { CacheRead, CacheStatus, Forwarded, LoadFailure, SharedOrigin } from './results.ts';
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
  ): (CacheRead<Value, Failure> & { type: 'value' }) | undefined;
  /** The cached value under a key regardless of its age; never loads. */
  peek(project: string, operation: string, key: string): Value | undefined;
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
  /** Usage per project, for metrics. */
  sizes(): Iterable<ProjectSize>;
  /** All cached lists, for the status page. */
  listings(): Iterable<CacheEntry<Value>>;
}

const HIT: CacheStatus = { outcome: 'hit' };
const EXTENDED: CacheStatus = { outcome: 'hit', detail: 'stretched' };
const STALE: CacheStatus = { outcome: 'stale' };

export function createListCache<Value, Failure extends LoadFailure = LoadFailure>(
  options: ListCacheOptions<Failure>,
  { clock, observe }: { clock: Clock; observe: (event: CacheEvent) => void },
): ListCache<Value, Failure> {
  type Read = CacheRead<Value, Failure>;
  /** An entry to serve if a load is not possible or fails. */
  interface Fallback {
    readonly entry: Entry<Content<Value, Failure>>;
    readonly window: FreshnessWindow;
  }
  const store = createEntryStore<Value, Failure>(options, { clock, observe });
  const loads = createLoads(options, { store, clock });
  const revalidate = createRevalidation({ loads, clock, observe });

  const serve = ({ entry, window }: Fallback, cacheStatus: CacheStatus): Read =>
    entry.value.type === 'loaded'
      ? { type: 'value', value: entry.value.value, window, cacheStatus }
      : { type: 'refused', response: entry.value.response, window, cacheStatus };

  /** Serves the fallback although the decision was to load, without a request to Atlas. */
  const serveInstead = (fallback: Fallback, detail: string): Read =>
    serve(fallback, { outcome: clock.now() < fallback.window.freshUntil ? 'hit' : 'stale', detail });

  const refuse = (failure: Failure, fallback: Fallback | undefined): Read =>
    fallback === undefined
      ? { type: 'failed', failure, cacheStatus: { outcome: 'miss' } }
      : serveInstead(fallback, failure.code);

  /** A request without an entry that could be served at once. */
  function readCold(
    request: CacheRequest<Value, Failure>,
    decision: ColdDecision,
    entry: Entry<Content<Value, Failure>> | undefined,
  ): Read | Promise<Read> {
    if (decision.type === 'not-cached') return { type: 'not-cached' };
    const window = decision.fallback;
    const fallback = entry === undefined || window === undefined ? undefined : { entry, window };
    if (decision.type === 'load') return load(request, decision, fallback);
    const failed = loads.failedLoads(request);
    // Only failed loads start a cool-down.
    if (failed === undefined) return { type: 'overloaded' };
    const retryAfterMs = Math.max(0, failed.until - clock.now());
    return refuse({ ...failed.failure, retryAfterMs }, fallback);
  }

  async function load(
    request: CacheRequest<Value, Failure>,
    decision: ColdDecision & { type: 'load' },
    fallback: Fallback | undefined,
  ): Promise<Read> {
    const { forced, forwarded } = decision;
    const attempt = loads.start(request, { priority: 'foreground', forced });
    switch (attempt.type) {
      case 'denied':
        return refuse(attempt.failure, fallback);
      case 'overloaded':
        return fallback === undefined ? { type: 'overloaded' } : serveInstead(fallback, 'OVERLOADED');
      case 'loading': {
        const collapsed = attempt.role === 'follower';
        const loaded = await attempt.outcome;
        // A follower whose directives require a newer value than the shared load returned starts a load of its own.
        if (collapsed && !isAcceptable(request, loaded)) return load(request, decision, fallback);
        const bypass = forced && fallback !== undefined;
        const outcome = bypass ? 'bypass' : collapsed ? 'coalesced' : 'miss';
        return toRead(request, loaded, { outcome, forwarded, collapsed }, fallback);
      }
    }
  }

  /** Only a value that another gateway loaded may be older than the request. */
  function isAcceptable(
    { directives }: CacheRequest<Value, Failure>,
    loaded: LoadOutcome<Value, Failure>,
  ): boolean {
    if (loaded.type === 'failed' || loaded.content.type === 'refused') return true;
    const { shared } = loaded.content;
    return (
      shared === undefined ||
      shared.failure !== undefined ||
      satisfies(directives, shared.window, clock.now())
    );
  }

  function serveAfterFailure({ code, unsent }: Failure, forwarded: Forwarded, fallback: Fallback): Read {
    if (unsent === true) return serveInstead(fallback, code);
    return serve(fallback, { outcome: 'stale', forwarded, detail: code });
  }

  function toRead(
    request: CacheRequest<Value, Failure>,
    loaded: LoadOutcome<Value, Failure>,
    cacheStatus: CacheStatus & { readonly forwarded: Forwarded },
    fallback: Fallback | undefined,
  ): Read {
    if (loaded.type === 'failed')
      return fallback === undefined
        ? { type: 'failed', failure: loaded, cacheStatus }
        : serveAfterFailure(loaded, cacheStatus.forwarded, fallback);
    const { content, window, stored } = loaded;
    const status = { ...cacheStatus, stored };
    if (content.type === 'refused')
      return { type: 'refused', response: content.response, window, cacheStatus: status };
    const { value, shared } = content;
    if (shared === undefined) return { type: 'value', value, window, cacheStatus: status };
    return { type: 'value', value, window, cacheStatus: sharedStatus(request, shared, status) };
  }

  /** Without a failure nothing was requested from Atlas: another gateway did that. Its value may already be stale. */
  function sharedStatus(
    request: CacheRequest<Value, Failure>,
    { window, failure }: SharedOrigin<Failure>,
    cacheStatus: CacheStatus,
  ): CacheStatus {
    const isFresh = clock.now() < window.freshUntil;
    const outcome = isFresh ? cacheStatus.outcome : 'stale';
    if (failure !== undefined) return { ...cacheStatus, outcome, detail: failure.code };
    if (!isFresh && cacheStatus.stored === true) revalidate(request);
    return { outcome, detail: 'shared' };
  }

  return {
    read(request) {
      const { project, operation, key, directives } = request;
      const entry = store.find(project, operation, key);
      const now = clock.now();
      const coolingUntil = loads.failedLoads(request)?.until ?? 0;
      if (entry === undefined) return readCold(request, decideCold(coolingUntil, directives, now), undefined);
      const { window, value } = entry;
      const decision = decide(
        {
          window,
          kind: value.type === 'loaded' ? 'value' : 'refusal',
          softPurged: store.isSoftPurged(project, operation, entry),
          freshnessFactor: now < window.freshUntil ? 1 : request.freshnessFactor(),
          coolingUntil,
        },
        directives,
        now,
      );
      if (decision.type === 'serve')
        return serve({ entry, window: decision.window }, decision.extended ? EXTENDED : HIT);
      if (decision.type !== 'revalidate') return readCold(request, decision, entry);
      revalidate(request);
      return serve({ entry, window: decision.window }, STALE);
    },
    fresh(project, operation, key) {
      const entry = store.find(project, operation, key);
      if (entry?.value.type !== 'loaded' || clock.now() >= entry.window.freshUntil) return undefined;
      if (store.isSoftPurged(project, operation, entry)) return undefined;
      return { type: 'value', value: entry.value.value, window: entry.window, cacheStatus: HIT };
    },
    peek(project, operation, key) {
      const entry = store.find(project, operation, key);
      return entry?.value.type === 'loaded' ? entry.value.value : undefined;
    },
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
    sizes: store.sizes,
    listings: store.listings,
  };
}
