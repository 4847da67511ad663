import { append, inOrder, type Placed, remove, touch, type UseOrder } from '../lib/recency-order.ts';
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
  readonly sequence: number;
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

/** An entry in the LRU order of its project. */
interface Node<Value> extends Placed<Node<Value>> {
  readonly key: string;
  entry: Entry<Value>;
}

/** The entries of a project in LRU order; the partition itself is a node in the LRU order of projects. */
interface Partition<Value> extends UseOrder<Node<Value>>, Placed<Partition<Value>> {
  readonly project: string;
  readonly nodes: Map<string, Node<Value>>;
  bytes: number;
}

/** An empty entry counts as one byte. */
const countedBytes = (entry: { readonly bytes: number }) => Math.max(1, entry.bytes);

/**
 * One LRU order per project, and one of the projects. Entries over a project's share are evicted from that project in LRU order; entries
 * over the total limit are evicted from the least recently used project.
 */
export function createMemoryTier<Value>(
  options: { maxBytes: number; projectShare: number },
  onEvict: (reason: EvictionReason) => void,
): MemoryTier<Value> {
  const shareBytes = Math.max(1, Math.floor(options.maxBytes * options.projectShare));
  const partitions = new Map<string, Partition<Value>>();
  let order: UseOrder<Partition<Value>> = { oldest: undefined, newest: undefined };
  let bytes = 0;
  let size = 0;

  function partitionFor(project: string): Partition<Value> {
    const known = partitions.get(project);
    if (known !== undefined) {
      touch(order, known);
      return known;
    }
    const partition: Partition<Value> = {
      project,
      nodes: new Map(),
      bytes: 0,
      oldest: undefined,
      newest: undefined,
      older: undefined,
      newer: undefined,
    };
    partitions.set(project, partition);
    append(order, partition);
    return partition;
  }

  function addBytes(partition: Partition<Value>, delta: number): void {
    partition.bytes += delta;
    bytes += delta;
  }

  function drop(partition: Partition<Value>): void {
    partitions.delete(partition.project);
    remove(order, partition);
    bytes -= partition.bytes;
    size -= partition.nodes.size;
  }

  function unlink(partition: Partition<Value>, node: Node<Value>): void {
    partition.nodes.delete(node.key);
    remove(partition, node);
    addBytes(partition, -countedBytes(node.entry));
    size--;
    if (partition.nodes.size === 0) drop(partition);
  }

  function evict(partition: Partition<Value> | undefined, reason: EvictionReason): void {
    if (partition?.oldest === undefined) return;
    unlink(partition, partition.oldest);
    onEvict(reason);
  }

  return {
    get(project, key) {
      const partition = partitions.get(project);
      const node = partition?.nodes.get(key);
      if (partition === undefined || node === undefined) return undefined;
      touch(partition, node);
      touch(order, partition);
      return node.entry;
    },
    set(project, key, entry) {
      if (entry.bytes > shareBytes) return false;
      const partition = partitionFor(project);
      const known = partition.nodes.get(key);
      if (known === undefined) {
        const node = { key, entry, older: undefined, newer: undefined };
        partition.nodes.set(key, node);
        append(partition, node);
        size++;
      } else {
        addBytes(partition, -countedBytes(known.entry));
        known.entry = entry;
        touch(partition, known);
      }
      addBytes(partition, countedBytes(entry));
      while (partition.bytes > shareBytes) evict(partition, 'project-share');
      while (bytes > options.maxBytes) evict(order.oldest, 'capacity');
      return true;
    },
    delete(project, key) {
      const partition = partitions.get(project);
      const node = partition?.nodes.get(key);
      if (partition !== undefined && node !== undefined) unlink(partition, node);
    },
    dropProject(project) {
      const partition = partitions.get(project);
      if (partition !== undefined) drop(partition);
    },
    clear() {
      partitions.clear();
      order = { oldest: undefined, newest: undefined };
      bytes = 0;
      size = 0;
    },
    get bytes() {
      return bytes;
    },
    get size() {
      return size;
    },
    *entries(project) {
      const partition = partitions.get(project);
      if (partition === undefined) return;
      for (const { key, entry } of inOrder(partition)) yield [key, entry] as const;
    },
    *projects() {
      for (const { project } of inOrder(order)) yield project;
    },
    *sizes() {
      for (const partition of inOrder(order))
        yield { project: partition.project, bytes: partition.bytes, entries: partition.nodes.size };
    },
  };
}
