import type { Clock } from '../lib/clock.ts';
import { exactCopy } from '../lib/exact-copy.ts';
import { unexpectedError } from '../lib/unexpected-error.ts';
import type { UpstreamFailure, UpstreamResponse } from '../upstream/message.ts';
import type { CacheEvent } from './events.ts';
import { freshness, type Held, hold, type Lifetimes, outdated, stretched } from './freshness.ts';
import { createMemoryTier, type Entry, type ProjectSize } from './memory-tier.ts';
import { createPurges, type PurgeScope } from './purges.ts';
import { createSingleFlight } from './single-flight.ts';

/** What a load came back with: a value to keep, an answer of Atlas's that is no list (its own 4xx), or a failure. */
export type Loaded<Value> =
  | {
      readonly type: 'loaded';
      readonly value: Value;
      readonly bytes: number;
      /** Instead of the question's. */
      readonly lifetimes?: Lifetimes;
      /** Where another gateway has loaded it: the times it has already, and why nothing newer came. */
      readonly shared?: { readonly held: Held; readonly failure?: UpstreamFailure };
    }
  | { readonly type: 'refused'; readonly response: UpstreamResponse; readonly meaning: Meaning }
  | UpstreamFailure;

/** `gone`: the list is no longer there or no longer ours, a held one must not be served. `no`: only this question was refused. */
export type Meaning = 'gone' | 'no';

/** What the request itself demands of freshness (RFC 9111 section 5.2.1). */
export interface Demand {
  readonly noCache: boolean;
  readonly onlyIfCached: boolean;
  readonly maxAgeMs?: number;
  readonly maxStaleMs?: number;
}

/** The demand of a request that makes none. */
export const NO_DEMAND: Demand = { noCache: false, onlyIfCached: false };

/** One question to the cache. `load` is called at most once for all who ask at the same time, and never rejects. */
export interface Question<Value> {
  readonly project: string;
  readonly operation: string;
  readonly key: string;
  readonly lifetimes: Lifetimes;
  readonly demand: Demand;
  /**
   * Reserves a load for this caller; a failure where it may not have Atlas asked now: the cache then answers as far as it can. Undefined
   * where nothing limits it. `forced`: only the demand keeps the cache from answering.
   */
  readonly mayLoad: (load: { readonly forced: boolean }) => UpstreamFailure | LoadPermit | undefined;
  /** How many times as long as usual a list counts as fresh now, at least 1: more where Atlas's rate limit is nearly spent. */
  readonly stretch: () => number;
  readonly load: (
    purpose: 'foreground' | 'background',
    permit: LoadPermit | undefined,
  ) => Promise<Loaded<Value>>;
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
export interface How {
  readonly outcome: 'hit' | 'stale' | 'miss' | 'coalesced' | 'bypass';
  readonly forwarded?: 'miss' | 'stale' | 'request';
  readonly stored?: boolean;
  readonly collapsed?: boolean;
  readonly detail?: string;
}

/** The cache's answer. */
export type Read<Value> =
  | { readonly type: 'value'; readonly value: Value; readonly held: Held; readonly how: How }
  | { readonly type: 'refused'; readonly response: UpstreamResponse; readonly held: Held; readonly how: How }
  | { readonly type: 'failed'; readonly failure: UpstreamFailure; readonly how: How }
  | { readonly type: 'not-cached' }
  | { readonly type: 'full' };

/** Kept under a key: a listing, or for a short while Atlas's refusal of one. */
type Content<Value> = Exclude<Loaded<Value>, UpstreamFailure>;

export interface ListCacheOptions {
  readonly maxBytes: number;
  /** Part of `maxBytes` that one project may hold, over 0 and up to 1. */
  readonly projectShare: number;
  /** How long a refusal of Atlas's is remembered. */
  readonly refusalMs: number;
  /** How long after a failed load the next may begin while something is held; longer where Atlas asks for it, up to `longestPauseMs`. */
  readonly refreshPauseMs: number;
  readonly longestPauseMs: number;
  readonly maxLoads: number;
  readonly maxWaiting: number;
}

/** A list that is held, with where and until when. */
export interface HeldListing<Value> {
  readonly project: string;
  readonly operation: string;
  readonly key: string;
  readonly value: Value;
  readonly held: Held;
  readonly bytes: number;
}

/** Lists by project and key: read through, refreshed beside the answer, kept when Atlas fails. */
export interface ListCache<Value> {
  /** Answers at once where memory can; a promise only where a load has to be waited for. */
  read(question: Question<Value>): Read<Value> | Promise<Read<Value>>;
  /** What is held under a key and fresh, for a question that demands nothing: the same as `read` answers, without making the question. */
  fresh(project: string, operation: string, key: string): (Read<Value> & { type: 'value' }) | undefined;
  /** What is held under a key, however old, without loading anything. */
  peek(project: string, operation: string, key: string): Value | undefined;
  /** `soft`: what is covered is asked for again at its next use, and kept in case that fails. */
  purge(scope: PurgeScope & { soft: boolean }): void;
  /** Puts in what an earlier process held; false where there is no room or something newer. */
  restore(listing: HeldListing<Value>): boolean;
  readonly bytes: number;
  readonly size: number;
  readonly loading: number;
  /** How much each project holds, for metrics. */
  sizes(): Iterable<ProjectSize>;
  /** Projects that hold something, with their values, for the status page. */
  listings(): Iterable<HeldListing<Value>>;
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
function keepable<Value>(loaded: Content<Value>): { value: Content<Value>; bytes: number } {
  if (loaded.type === 'loaded') return { value: loaded, bytes: loaded.bytes };
  const { response } = loaded;
  const body = exactCopy(response.body);
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
  const purges = createPurges(10_000);
  const softPurges = createPurges(10_000);
  const flights = createSingleFlight<Finished<Value>>({
    maxFlights: options.maxLoads,
    maxWaiting: options.maxWaiting,
  });
  /** After a load failed, what is held is served without another try for a moment. */
  const paused = new WeakMap<Entry<Content<Value>>, { until: number; failure: UpstreamFailure }>();

  interface Finished<V> {
    readonly loaded: Loaded<V>;
    readonly held: Held;
    readonly stored: boolean;
  }

  const held = ({ project, operation, key }: Question<Value>) => heldUnder(project, operation, key);

  function heldUnder(project: string, operation: string, key: string): Entry<Content<Value>> | undefined {
    const entry = tier.get(project, key);
    if (entry === undefined || !purges.covers(project, operation, entry.sequence)) return entry;
    tier.delete(project, key);
    observe({ type: 'evicted', reason: 'purge' });
    return undefined;
  }

  /** Keeps what a load brought, unless a purge came between; tells what became of it. */
  function keep(
    question: Question<Value>,
    loaded: Loaded<Value>,
    began: { sequence: number; soft: number },
  ): Finished<Value> {
    const now = clock.now();
    switch (loaded.type) {
      case 'failed':
        return { loaded, held: hold(now, ZERO), stored: false };
      case 'loaded':
      case 'refused': {
        const times =
          loaded.type === 'loaded'
            ? (loaded.shared?.held ?? hold(now, loaded.lifetimes ?? question.lifetimes))
            : hold(now, { ...ZERO, freshMs: options.refusalMs });
        if (purges.covers(question.project, question.operation, began.sequence))
          return { loaded, held: times, stored: false };
        if (loaded.type === 'refused' && loaded.meaning === 'no' && held(question)?.value.type === 'loaded') {
          return { loaded, held: times, stored: false };
        }
        const { value, bytes } = keepable(loaded);
        const stored = tier.set(question.project, question.key, {
          value,
          held: softPurges.covers(question.project, question.operation, began.soft)
            ? outdated(times, now)
            : times,
          bytes: entryBytes(question.key, bytes),
          sequence: began.sequence,
          operation: question.operation,
        });
        // What was held is older than what could not be kept.
        if (!stored) tier.delete(question.project, question.key);
        return { loaded, held: times, stored };
      }
    }
  }

  function begin(
    question: Question<Value>,
    purpose: 'foreground' | 'background',
    permit: LoadPermit | undefined,
  ) {
    const began = { sequence: purges.sequence, soft: softPurges.sequence };
    const flight = flights.join(flightKey(question, began.sequence), async () => {
      const loaded = await question.load(purpose, permit).finally(() => permit?.end());
      return keep(question, loaded, began);
    });
    if (flight === 'full' || flight.role === 'follower') permit?.end();
    return flight;
  }

  /** Those who come after a purge must not share a load that began before it. */
  const flightKey = (question: Question<Value>, sequence: number) =>
    `${sequence} ${question.project} ${question.key}`;

  function refresh(question: Question<Value>, entry: Entry<Content<Value>>): void {
    if (pauseOf(entry) !== undefined) return;
    if (flights.isLoading(flightKey(question, purges.sequence))) return;
    const permit = question.mayLoad({ forced: false });
    if (permit?.type === 'failed') return;
    const flight = begin(question, 'background', permit);
    if (flight === 'full') return;
    const { operation, project } = question;
    const settled = flight.value.then(({ loaded }) => {
      switch (loaded.type) {
        case 'loaded':
          observe({ type: 'refreshed', operation, project, outcome: 'replaced' });
          return;
        case 'refused':
          observe({ type: 'refreshed', operation, project, outcome: 'refused' });
          return;
        case 'failed':
          pause(entry, loaded);
          observe({ type: 'refreshed', operation, project, outcome: 'kept', detail: loaded.code });
      }
    });
    settled.catch((error: unknown) => {
      observe(unexpectedError('a refresh', error));
      observe({ type: 'refreshed', operation, project, outcome: 'kept', detail: 'UNEXPECTED_ERROR' });
    });
  }

  function pauseOf(entry: Entry<Content<Value>>): UpstreamFailure | undefined {
    const known = paused.get(entry);
    return known !== undefined && known.until > clock.now() ? known.failure : undefined;
  }

  function pause(entry: Entry<Content<Value>>, failure: UpstreamFailure): void {
    const pauseMs = Math.max(
      options.refreshPauseMs,
      Math.min(options.longestPauseMs, failure.retryAfterMs ?? 0),
    );
    paused.set(entry, { until: clock.now() + pauseMs, failure });
  }

  const serve = (entry: Entry<Content<Value>>, how: How, times = entry.held): Read<Value> =>
    entry.value.type === 'loaded'
      ? { type: 'value', value: entry.value.value, held: times, how }
      : { type: 'refused', response: entry.value.response, held: times, how };

  async function loadAndAnswer(
    question: Question<Value>,
    forwarded: 'miss' | 'stale' | 'request',
    fallback?: Entry<Content<Value>>,
  ): Promise<Read<Value>> {
    const failing = fallback === undefined || forwarded === 'request' ? undefined : pauseOf(fallback);
    if (failing !== undefined) return withFallback(failing, fallback, { outcome: 'miss', forwarded });
    const permit = flights.isLoading(flightKey(question, purges.sequence))
      ? undefined
      : question.mayLoad({
          forced: question.demand.noCache || (forwarded === 'request' && isServable(fallback)),
        });
    if (permit?.type === 'failed') return withFallback(permit, fallback, { outcome: 'miss', forwarded });
    const flight = begin(question, 'foreground', permit);
    if (flight === 'full')
      return fallback === undefined
        ? { type: 'full' }
        : serve(fallback, { outcome: 'stale', detail: 'OVERLOADED' });
    const { loaded, held: times, stored } = await flight.value;
    const collapsed = flight.role === 'follower';
    const outcome = forwarded === 'request' ? 'bypass' : collapsed ? 'coalesced' : 'miss';
    const how: How = { outcome, forwarded, stored, collapsed };
    switch (loaded.type) {
      case 'loaded': {
        if (loaded.shared === undefined) return { type: 'value', value: loaded.value, held: times, how };
        // Who wants something newer than what a load under way came back with begins one of his own.
        if (collapsed && !isNewEnough(question.demand, times))
          return loadAndAnswer(question, forwarded, fallback);
        return {
          type: 'value',
          value: loaded.value,
          held: times,
          how: askedElsewhere(question, loaded.shared, how),
        };
      }
      case 'refused':
        return { type: 'refused', response: loaded.response, held: times, how };
      case 'failed':
        if (fallback !== undefined) pause(fallback, loaded);
        return withFallback(loaded, fallback, how);
    }
  }

  /** Whether an entry would have been served, had the request not demanded something newer. */
  const isServable = (entry: Entry<Content<Value>> | undefined) =>
    entry !== undefined && clock.now() < entry.held.staleUntil;

  const isNewEnough = ({ noCache, maxAgeMs, maxStaleMs = 0 }: Demand, { loadedAt }: Held) =>
    !noCache && (maxAgeMs === undefined || clock.now() - loadedAt <= maxAgeMs + maxStaleMs);

  /** What another gateway has loaded may be stale already: it is then asked for beside the answer, or not for a moment where that failed. */
  function askedElsewhere(
    question: Question<Value>,
    { held: times, failure }: { held: Held; failure?: UpstreamFailure },
    how: How,
  ): How {
    const entry = held(question);
    if (failure !== undefined && entry !== undefined) pause(entry, failure);
    if (clock.now() < times.freshUntil) return { ...how, detail: failure?.code ?? 'shared' };
    if (failure === undefined && entry !== undefined) refresh(question, entry);
    return { ...how, outcome: 'stale', detail: failure?.code ?? 'shared' };
  }

  function withFallback(
    failure: UpstreamFailure,
    fallback: Entry<Content<Value>> | undefined,
    how: How,
  ): Read<Value> {
    if (fallback === undefined) return { type: 'failed', failure, how };
    return serve(fallback, { outcome: 'stale', forwarded: 'stale', detail: failure.code });
  }

  return {
    read(question) {
      const { demand } = question;
      const entry = held(question);
      if (entry === undefined)
        return demand.onlyIfCached ? { type: 'not-cached' } : loadAndAnswer(question, 'miss');
      const now = clock.now();
      const softlyPurged = softPurges.covers(question.project, question.operation, entry.sequence);
      const times = entry.held;
      const state = freshness(softlyPurged ? outdated(times, now) : times, now);
      const usable =
        state === 'expired' || (entry.value.type === 'refused' && state !== 'fresh') ? undefined : entry;
      if (usable === undefined)
        return demand.onlyIfCached ? { type: 'not-cached' } : loadAndAnswer(question, 'miss');
      if (demand.noCache && !demand.onlyIfCached) return loadAndAnswer(question, 'request', usable);
      const tooOld =
        demand.maxAgeMs !== undefined && now - times.loadedAt > demand.maxAgeMs + (demand.maxStaleMs ?? 0);
      const staleEnough = now - times.freshUntil <= (demand.maxStaleMs ?? 0);
      if (!tooOld && state === 'fresh') return serve(usable, HIT);
      if (!tooOld && state === 'stale' && !softlyPurged) {
        const longer = stretched(times, question.stretch());
        if (now < longer.freshUntil) return serve(usable, { outcome: 'hit', detail: 'stretched' }, longer);
      }
      if (!tooOld && (state === 'stale' || staleEnough)) {
        refresh(question, usable);
        return serve(usable, { outcome: 'stale' });
      }
      return demand.onlyIfCached
        ? { type: 'not-cached' }
        : loadAndAnswer(question, tooOld ? 'request' : 'stale', usable);
    },
    fresh(project, operation, key) {
      const entry = heldUnder(project, operation, key);
      if (entry?.value.type !== 'loaded' || clock.now() >= entry.held.freshUntil) return undefined;
      if (softPurges.covers(project, operation, entry.sequence)) return undefined;
      return { type: 'value', value: entry.value.value, held: entry.held, how: HIT };
    },
    restore({ project, operation, key, value, bytes, held: times }) {
      if (tier.get(project, key) !== undefined) return false;
      return tier.set(project, key, {
        value: { type: 'loaded', value, bytes },
        held: times,
        bytes: entryBytes(key, bytes),
        sequence: purges.sequence,
        operation,
      });
    },
    peek(project, operation, key) {
      const entry = heldUnder(project, operation, key);
      return entry?.value.type === 'loaded' ? entry.value.value : undefined;
    },
    purge({ soft, ...scope }) {
      (soft ? softPurges : purges).add(scope);
      // An entry carries one number, which both kinds are compared with.
      (soft ? purges : softPurges).pass();
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
          const { value, held: times, bytes, operation = '', sequence } = entry;
          if (value.type !== 'loaded' || purges.covers(project, operation, sequence)) continue;
          const softlyPurged = softPurges.covers(project, operation, sequence);
          const now = softlyPurged ? outdated(times, clock.now()) : times;
          yield { project, operation, key, value: value.value, held: now, bytes };
        }
      }
    },
  };
}

const HIT: How = { outcome: 'hit' };
const ZERO: Lifetimes = { freshMs: 0, staleWhileRevalidateMs: 0, staleIfErrorMs: 0 };
