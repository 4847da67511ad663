import { createPartitionedLru, type LruOverhead } from '../lib/partitioned-lru.ts';
import type { FreshnessWindow } from './freshness.ts';

/** A cached value with its freshness window and the purge sequence at which it was loaded. */
export interface Entry<Value> {
  readonly value: Value;
  readonly window: FreshnessWindow;
  /** Bytes charged against the limits; at least 1. */
  readonly bytes: number;
  /** The operation of the list, for purges by operation. */
  readonly operation?: string;
  /** The purge sequence when the load began: a later purge whose scope covers the entry invalidates it. */
  readonly epoch: number;
  /** When it was last requested, in monotonic milliseconds. */
  requestedAt?: number;
}

/** Why an entry was evicted. */
export type EvictionReason = 'capacity' | 'project-share';

/** The cache usage of one project. */
export interface ProjectSize {
  readonly project: string;
  readonly bytes: number;
  readonly entries: number;
}

/** Entries in memory by project and key, bounded in bytes overall and per project. */
export interface MemoryTier<Value> {
  get(project: string, key: string): Entry<Value> | undefined;
  /** Returns false if the entry is larger than a project's share; it is then not stored. */
  set(project: string, key: string, entry: Entry<Value>): boolean;
  delete(project: string, key: string): void;
  /** Removes all entries of a project in constant time. */
  dropProject(project: string): void;
  clear(): void;
  readonly bytes: number;
  readonly size: number;
  /**
   * Entries of a project, least recently used first, without changing the LRU order. The tier must not change during iteration, here and
   * below.
   */
  entries(project: string): Iterable<readonly [string, Entry<Value>]>;
  projects(): Iterable<string>;
  /** Usage per project; the cost grows with the number of projects, not of entries. */
  sizes(): Iterable<ProjectSize>;
}

export interface MemoryTierOptions {
  readonly maxBytes: number;
  /** Fraction of `maxBytes` that one project may use, over 0 and up to 1. */
  readonly projectShare: number;
  /** Counted per project in addition to its entries; absent: nothing. */
  readonly overhead?: LruOverhead;
}

/** Each project is a partition of its own: its lists do not evict those of another before all projects exceed the total limit. */
export function createMemoryTier<Value>(
  { projectShare, ...limits }: MemoryTierOptions,
  onEvict: (reason: EvictionReason) => void,
): MemoryTier<Value> {
  const lru = createPartitionedLru<string, Entry<Value>>(
    { ...limits, maxPartitionBytes: limits.maxBytes * projectShare },
    (reason) => onEvict(reason === 'share' ? 'project-share' : reason),
  );
  return {
    get: lru.get,
    set: lru.set,
    delete: lru.delete,
    dropProject: lru.drop,
    clear: lru.clear,
    get bytes() {
      return lru.bytes;
    },
    get size() {
      return lru.size;
    },
    entries: lru.entries,
    projects: lru.names,
    *sizes() {
      for (const { name, bytes, entries } of lru.sizes()) yield { project: name, bytes, entries };
    },
  };
}
