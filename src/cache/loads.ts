import type { Clock } from '../lib/clock.ts';
import { type CoolDown, createCoolDown, type FailedLoads } from './cool-down.ts';
import type { CacheDirectives } from './decide.ts';
import type { Content, EntryAddress, EntryStore } from './entry-store.ts';
import type { CacheEvent, CoolingKind } from './events.ts';
import { type FreshnessWindow, freshness, freshnessWindow, type Lifetimes } from './freshness.ts';
import { createLoadOrder, type OrderedLoad } from './load-order.ts';
import type { PageGenerations } from './page-generation.ts';
import type { Loaded, LoadFailure, LoadPermit, LoadResult, LoadStart } from './results.ts';
import { createSingleFlight } from './single-flight.ts';

/** One request to the cache. Concurrent requests for a key share one call of `load`, which never rejects. */
export interface CacheRequest<Value, Failure extends LoadFailure> extends EntryAddress {
  readonly lifetimes: Lifetimes;
  readonly directives: CacheDirectives;
  /**
   * Reserves a load for this caller. Returns a failure if the caller may not cause an upstream request now, in which case the cache serves
   * what it has; undefined if no limit applies. `forced`: the cache could have answered without the request's directives.
   */
  readonly admitLoad: (load: { readonly forced: boolean }) => Failure | LoadPermit | undefined;
  /** Factor by which freshness is extended now, at least 1: it grows as Atlas's rate limit runs low. */
  readonly freshnessFactor: () => number;
  readonly load: (start: LoadStart) => Promise<LoadResult<Value, Failure>>;
  /** Waits for an answer that does not need the whole load; absent if only the whole load can answer. */
  readonly awaitEarly?: (wait: {
    /** The load that the request waits for. */
    readonly flight: number;
    /** Whether an older value can be served instead. */
    readonly hasFallback: boolean;
  }) => EarlyWait<Value, Failure> | undefined;
}

/** An answer before the load is complete. `partial`: the part that the request needs has arrived. `slow`: an older value is served. */
export type EarlyAnswer<Value, Failure extends LoadFailure> =
  | { readonly type: 'partial'; readonly value: Value; readonly loadedAt: number }
  | { readonly type: 'slow' }
  | Failure;

/** A wait for an answer before the load is complete; its `answer` rejects only on an unexpected exception. */
export interface EarlyWait<Value, Failure extends LoadFailure> {
  readonly answer: Promise<EarlyAnswer<Value, Failure>>;
  /** Ends the wait; call it when the request is answered. */
  end(): void;
}

export interface LoadsOptions<Failure extends LoadFailure> {
  /** How long a 4xx response of Atlas is cached. */
  readonly negativeTtlMs: number;
  /** Minimum pause after a failed load while a cached entry can be served; longer if Atlas sends `Retry-After`, up to `longestPauseMs`. */
  readonly refreshPauseMs: number;
  readonly longestPauseMs: number;
  /** Whether a failure is evidence that the next load of the same list will fail, too. */
  readonly isRepeatable: (failure: Failure) => boolean;
  /** What is cached under a key. */
  readonly kindOf: (key: string) => CoolingKind;
  readonly maxLoads: number;
  readonly maxWaiting: number;
}

/** A completed load. */
export type LoadOutcome<Value, Failure extends LoadFailure> =
  | Failure
  | {
      readonly type: 'completed';
      readonly content: Content<Value, Failure>;
      readonly window: FreshnessWindow;
      readonly stored: boolean;
    };

/** The answer to an attempt to load. `denied`: the caller may not cause a load now. */
export type LoadAttempt<Value, Failure extends LoadFailure> =
  | {
      readonly type: 'loading';
      readonly role: 'leader' | 'follower';
      readonly flight: number;
      readonly outcome: Promise<LoadOutcome<Value, Failure>>;
    }
  | { readonly type: 'denied'; readonly failure: Failure }
  | { readonly type: 'overloaded' };

/** The loads in progress: admitted, coalesced by key and purge epoch, and stored when they complete. */
export interface Loads<Value, Failure extends LoadFailure> {
  /** Joins the load in progress, or starts one. */
  start(
    request: CacheRequest<Value, Failure>,
    how: { priority: LoadStart['priority']; forced: boolean },
  ): LoadAttempt<Value, Failure>;
  isLoading(request: EntryAddress): boolean;
  /** The recent failed loads of a list, also after its cool-down has ended. */
  failedLoads(address: EntryAddress): FailedLoads<Failure> | undefined;
  /** Lets the next load of any list begin at once. */
  endCoolDowns(): void;
  /** How many lists and pages cool down now. */
  coolingDown(): Readonly<Record<CoolingKind, number>>;
  readonly size: number;
}

/** From this number of failures in a row, a load is attempted without retries. */
const FAILURES_BEFORE_SINGLE_ATTEMPT = 2;

const addressKey = ({ project, key }: EntryAddress) => `${project} ${key}`;

/** At most `maxLoads` loads run at once, each with at most `maxWaiting` waiters; every load returns its permit, however it ends. */
export function createLoads<Value, Failure extends LoadFailure>(
  options: LoadsOptions<Failure>,
  {
    store,
    generations,
    clock,
    observe,
  }: {
    store: EntryStore<Value, Failure>;
    generations: PageGenerations;
    clock: Clock;
    observe: (event: CacheEvent) => void;
  },
): Loads<Value, Failure> {
  const { refreshPauseMs: firstPauseMs, maxLoads, maxWaiting } = options;
  const flights = createSingleFlight<LoadOutcome<Value, Failure>>({ maxFlights: maxLoads, maxWaiting });
  const order = createLoadOrder(clock);
  const coolDown: CoolDown<Failure> = createCoolDown({ ...options, firstPauseMs }, { clock, observe });

  /** Requests that arrive after a purge must not join a load that began before it. */
  const flightKey = (address: EntryAddress) => `${store.epoch} ${addressKey(address)}`;

  const cachedEntry = ({ project, operation, key }: EntryAddress) => store.find(project, operation, key);

  function hasCopy(address: EntryAddress): boolean {
    const entry = cachedEntry(address);
    return entry?.value.type === 'loaded' && freshness(entry.window, clock.now()) !== 'expired';
  }

  function windowOf(content: Content<Value, Failure>, lifetimes: Lifetimes): FreshnessWindow {
    const now = clock.now();
    return content.type === 'refused'
      ? freshnessWindow(now, { ...ZERO, freshMs: options.negativeTtlMs })
      : (content.shared?.window ?? freshnessWindow(content.loadedAt ?? now, content.lifetimes ?? lifetimes));
  }

  /** A refusal that does not mean "gone" must not replace a list. */
  const isOutranked = (content: Content<Value, Failure>, address: EntryAddress) =>
    content.type === 'refused' && !content.invalidatesCache && cachedEntry(address)?.value.type === 'loaded';

  /** A load of a list that is not cached by the page, or no longer is one, ends what is cached of its pages. */
  function recordGeneration(
    { project, key, page, lifetimes, freshnessFactor }: CacheRequest<Value, Failure>,
    { loadedAt, shared }: Loaded<Value, Failure>,
    startedAt: number,
  ): void {
    if (page === undefined) {
      generations.start(project, key, startedAt);
      return;
    }
    // When the load of another gateway ended is known only as precisely as the clocks of both agree.
    const times =
      shared === undefined
        ? { requestedAt: loadedAt ?? startedAt, completedAt: clock.now() }
        : { requestedAt: shared.window.loadedAt, completedAt: shared.window.loadedAt };
    generations.loaded(project, page, times, lifetimes.freshMs * freshnessFactor());
  }

  /** Records and stores the result of a load that began in `epoch`. */
  function complete(
    request: CacheRequest<Value, Failure>,
    result: LoadResult<Value, Failure>,
    { epoch, load }: { epoch: number; load: OrderedLoad },
  ): LoadOutcome<Value, Failure> {
    if (result.type === 'failed') {
      if (!load.isOvertaken) coolDown.failed(request, result, hasCopy(request));
      return result;
    }
    if (result.type === 'loaded') recordGeneration(request, result, load.startedAt);
    const window = windowOf(result, request.lifetimes);
    const replaced = cachedEntry(request);
    const stored =
      !load.isOvertaken && !isOutranked(result, request) && store.store(request, result, window, epoch);
    if (stored && result.type === 'refused' && replaced?.value.type === 'loaded')
      observe({ type: 'evicted', reason: 'refused' });
    load.complete();
    const failure = result.type === 'loaded' ? result.shared?.failure : undefined;
    if (failure === undefined) coolDown.succeeded(request);
    else coolDown.failed(request, failure, true);
    return { type: 'completed', content: result, window, stored };
  }

  /**
   * Whether a request must not join the load in progress: `no-cache` asks for what Atlas has now, and that load may have read it earlier
   * (RFC 9111 section 5.2.1.4).
   */
  const needsNewLoad = (request: CacheRequest<Value, Failure>) =>
    request.directives.noCache && (order.lastStartedAt(addressKey(request)) ?? clock.now()) < clock.now();

  /** The quota for a load that this request would start; `join` if it joins the load in progress instead. */
  function admit(
    request: CacheRequest<Value, Failure>,
    key: string,
    forced: boolean,
  ): LoadPermit | Failure | undefined | 'join' {
    const isLoading = flights.isLoading(key);
    if (isLoading && !needsNewLoad(request)) return 'join';
    const permit = request.admitLoad({ forced });
    return isLoading && permit?.type === 'failed' ? 'join' : permit;
  }

  function begin(
    request: CacheRequest<Value, Failure>,
    key: string,
    { priority, permit }: Pick<LoadStart, 'priority' | 'permit'>,
  ) {
    const { epoch } = store;
    const retry = (coolDown.find(request)?.failures ?? 0) < FAILURES_BEFORE_SINGLE_ATTEMPT;
    const flight = flights.start(key, async (id) => {
      const load = order.begin(addressKey(request));
      try {
        const result = await request.load({ priority, permit, retry, flight: id });
        return complete(request, result, { epoch, load });
      } finally {
        permit?.end();
        load.end();
      }
    });
    if (flight === 'overloaded') permit?.end();
    return flight;
  }

  return {
    start(request, { priority, forced }) {
      const key = flightKey(request);
      const admitted = admit(request, key, forced);
      if (admitted !== 'join' && admitted?.type === 'failed') return { type: 'denied', failure: admitted };
      const flight =
        (admitted === 'join' ? flights.join(key) : undefined) ??
        begin(request, key, { priority, permit: admitted === 'join' ? undefined : admitted });
      return flight === 'overloaded'
        ? { type: 'overloaded' }
        : { type: 'loading', role: flight.role, flight: flight.id, outcome: flight.value };
    },
    isLoading: (request) => flights.isLoading(flightKey(request)),
    failedLoads: (address) => coolDown.find(address),
    endCoolDowns: () => coolDown.clear(),
    coolingDown: () => coolDown.counts(),
    get size() {
      return flights.size;
    },
  };
}

const ZERO: Lifetimes = { freshMs: 0, staleWhileRevalidateMs: 0, staleIfErrorMs: 0 };
