import { append, inOrder, type Placed, remove, touch, type UseOrder } from '../lib/recency-order.ts';
import type { FreshnessWindow } from './freshness.ts';

/** What is kept: a value, when it may be served how, and which purges it has outlived. */
export interface Entry<Value> {
  readonly value: Value;
  readonly window: FreshnessWindow;
  /** Bytes it is counted with; at least 1. */
  readonly bytes: number;
  /** The operation it answers, where purges ask for it. */
  readonly operation?: string;
  /** The purge sequence when its load began: a later purge of its kind makes it void. */
  readonly sequence: number;
}

/** Why an entry left before anyone asked it to. */
export type EvictionReason = 'capacity' | 'project-share';

/** What one project holds. */
export interface ProjectSize {
  readonly project: string;
  readonly bytes: number;
  readonly entries: number;
}

/** Entries in memory, by project and key, bounded in bytes as a whole and for each project. */
export interface MemoryTier<Value> {
  get(project: string, key: string): Entry<Value> | undefined;
  /** False where the entry is larger than a project's share and was not kept. */
  set(project: string, key: string, entry: Entry<Value>): boolean;
  delete(project: string, key: string): void;
  /** Lets go of everything a project holds; the work does not grow with it. */
  dropProject(project: string): void;
  clear(): void;
  readonly bytes: number;
  readonly size: number;
  /** What a project holds, what was used last at the end, without touching the order of use. Nothing may leave meanwhile, nor below. */
  entries(project: string): Iterable<readonly [string, Entry<Value>]>;
  projects(): Iterable<string>;
  /** How much each project holds; the work grows with the projects, not with what they hold. */
  sizes(): Iterable<ProjectSize>;
}

/** An entry in its project's order of use. */
interface Node<Value> extends Placed<Node<Value>> {
  readonly key: string;
  entry: Entry<Value>;
}

/** What a project holds, in the order of its use, and itself in the order of projects. */
interface Partition<Value> extends UseOrder<Node<Value>>, Placed<Partition<Value>> {
  readonly project: string;
  readonly nodes: Map<string, Node<Value>>;
  bytes: number;
}

/** An empty entry counts as well. */
const countedBytes = (entry: { readonly bytes: number }) => Math.max(1, entry.bytes);

/**
 * An order of use for each project, and one of the projects. What is over a project's share leaves that project, what was not used for
 * longest first; what is over the whole budget leaves the project that was not used for longest.
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

  function count(partition: Partition<Value>, more: number): void {
    partition.bytes += more;
    bytes += more;
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
    count(partition, -countedBytes(node.entry));
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
        count(partition, -countedBytes(known.entry));
        known.entry = entry;
        touch(partition, known);
      }
      count(partition, countedBytes(entry));
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
      for (const { project, bytes: window, nodes } of inOrder(order))
        yield { project, bytes: window, entries: nodes.size };
    },
  };
}
