import type { Clock } from '../lib/clock.ts';
import { compactBuffer } from '../lib/compact-buffer.ts';
import { LRU_OVERHEAD } from '../lib/partitioned-lru.ts';
import type { CacheEvent } from './events.ts';
import { type FreshnessWindow, markStale } from './freshness.ts';
import { createMemoryTier, type Entry, type ProjectSize } from './memory-tier.ts';
import type { PagePlace } from './page-generation.ts';
import { createPurgeLog, type PurgeScope } from './purge-log.ts';
import type { Loaded, LoadFailure, Refused } from './results.ts';

/** What is cached under a key: a listing, or for a short time a 4xx response of Atlas (negative caching). */
export type Content<Value, Failure extends LoadFailure> = Loaded<Value, Failure> | Refused;

/** Where an entry is stored. */
export interface EntryAddress {
  readonly project: string;
  readonly operation: string;
  readonly key: string;
  /** Set for a page of a list that is cached by the page. */
  readonly page?: PagePlace | undefined;
}

/** A cached list with its key and freshness window. */
export interface CacheEntry<Value> extends EntryAddress {
  readonly value: Value;
  readonly window: FreshnessWindow;
  readonly bytes: number;
}

/** The entries in memory, without those that a purge has invalidated. */
export interface EntryStore<Value, Failure extends LoadFailure> {
  /** The number of purges so far. Nothing that was loaded before a purge is found after it. */
  readonly epoch: number;
  find(project: string, operation: string, key: string): Entry<Content<Value, Failure>> | undefined;
  isSoftPurged(project: string, operation: string, entry: Entry<Content<Value, Failure>>): boolean;
  /** Stores the result of a load that began in `epoch`, unless it was purged since or is too large; returns whether it is stored. */
  store(
    address: EntryAddress,
    content: Content<Value, Failure>,
    window: FreshnessWindow,
    epoch: number,
  ): boolean;
  delete(address: EntryAddress): void;
  /** Stores an entry of an earlier process; returns false if it is too large or the key is already cached. */
  restore(listing: CacheEntry<Value>): boolean;
  /** `soft`: the covered entries stay, as stale ones. */
  purge(scope: PurgeScope & { soft: boolean }): void;
  readonly bytes: number;
  readonly size: number;
  sizes(): Iterable<ProjectSize>;
  listings(): Iterable<CacheEntry<Value>>;
  /** The lists that were requested at or after `since`, in monotonic milliseconds, and have not been replaced since. */
  requestedSince(since: number): Iterable<RequestedList>;
}

/** A cached list as it was when it was last requested. */
export interface RequestedList {
  readonly project: string;
  readonly ageMs: number;
  /** Whether it was too old to be served without waiting for a load. */
  readonly isOverdue: boolean;
}

/**
 * Overhead charged per entry in addition to its value's bytes and its key: the entry, and the objects around the bytes. Measured; test/cache/memory.test.ts verifies it.
 */
const ENTRY_BYTES = 1_088;
/** Overhead charged per header of a cached 4xx response in addition to its text. */
const HEADER_BYTES = 64;
/** Scopes that the purge logs record individually. */
const MAX_SCOPES = 10_000;

const entryBytes = (key: string, valueBytes: number) => valueBytes + key.length + ENTRY_BYTES;

/**
 * The form in which a result is cached: without what only its load needs. The body of a 4xx response may be a view of a larger buffer, so it
 * is copied.
 */
function storable<Value, Failure extends LoadFailure>(
  content: Content<Value, Failure>,
): { value: Content<Value, Failure>; bytes: number } {
  if (content.type === 'loaded') {
    const { value, bytes } = content;
    return { value: { type: 'loaded', value, bytes }, bytes };
  }
  const { response } = content;
  const body = compactBuffer(response.body);
  const texts = Object.entries(response.headers).map(([name, value = '']) => name.length + value.length);
  return {
    value: { ...content, response: { ...response, body } },
    bytes: texts.reduce((sum, length) => sum + length + HEADER_BYTES, body.length),
  };
}

/** `maxBytes` bounds all entries together, `projectShare` is the fraction of it that one project may use. */
export function createEntryStore<Value, Failure extends LoadFailure>(
  options: { maxBytes: number; projectShare: number },
  { clock, observe }: { clock: Clock; observe: (event: CacheEvent) => void },
): EntryStore<Value, Failure> {
  const tier = createMemoryTier<Content<Value, Failure>>({ ...options, overhead: LRU_OVERHEAD }, (reason) =>
    observe({ type: 'evicted', reason }),
  );
  const purgeLog = createPurgeLog(MAX_SCOPES);
  const softPurgeLog = createPurgeLog(MAX_SCOPES);

  return {
    get epoch() {
      return purgeLog.epoch;
    },
    find(project, operation, key) {
      const entry = tier.get(project, key);
      if (entry === undefined || !purgeLog.isPurgedSince(project, operation, entry.epoch)) return entry;
      tier.delete(project, key);
      observe({ type: 'evicted', reason: 'purge' });
      return undefined;
    },
    isSoftPurged: (project, operation, { epoch }) => softPurgeLog.isPurgedSince(project, operation, epoch),
    store({ project, operation, key }, content, window, epoch) {
      if (purgeLog.isPurgedSince(project, operation, epoch)) return false;
      const { value, bytes } = storable(content);
      const isSoftPurged = softPurgeLog.isPurgedSince(project, operation, epoch);
      const stored = tier.set(project, key, {
        value,
        window: isSoftPurged ? markStale(window, clock.now()) : window,
        bytes: entryBytes(key, bytes),
        epoch,
        operation,
      });
      // The cached entry is older than the result that could not be stored.
      if (!stored) tier.delete(project, key);
      return stored;
    },
    delete: ({ project, key }) => tier.delete(project, key),
    restore({ project, operation, key, value, bytes, window }) {
      if (tier.get(project, key) !== undefined) return false;
      return tier.set(project, key, {
        value: { type: 'loaded', value, bytes },
        window,
        bytes: entryBytes(key, bytes),
        epoch: purgeLog.epoch,
        operation,
      });
    },
    purge({ soft, ...scope }) {
      (soft ? softPurgeLog : purgeLog).add(scope);
      // Both logs share one sequence: an entry records a single number.
      (soft ? purgeLog : softPurgeLog).advance();
      if (soft || scope.operation !== undefined) return;
      if (scope.project === undefined) tier.clear();
      else tier.dropProject(scope.project);
    },
    get bytes() {
      return tier.bytes;
    },
    get size() {
      return tier.size;
    },
    sizes: () => tier.sizes(),
    *requestedSince(since) {
      for (const project of tier.projects()) {
        for (const [, { value, window, requestedAt, operation = '', epoch }] of tier.entries(project)) {
          if (value.type !== 'loaded' || requestedAt === undefined || requestedAt < since) continue;
          if (purgeLog.isPurgedSince(project, operation, epoch)) continue;
          const isOverdue = requestedAt >= window.revalidateUntil;
          yield { project, ageMs: requestedAt - window.loadedAt, isOverdue };
        }
      }
    },
    *listings() {
      for (const project of tier.projects()) {
        for (const [key, entry] of tier.entries(project)) {
          const { value, window: times, bytes, operation = '', epoch } = entry;
          if (value.type !== 'loaded' || purgeLog.isPurgedSince(project, operation, epoch)) continue;
          const isSoftPurged = softPurgeLog.isPurgedSince(project, operation, epoch);
          const window = isSoftPurged ? markStale(times, clock.now()) : times;
          yield { project, operation, key, value: value.value, window, bytes };
        }
      }
    },
  };
}
