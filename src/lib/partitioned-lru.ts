import { LRUCache } from 'lru-cache';
import type { Clock } from './clock.ts';
import { expireAfter } from './lru-expiry.ts';

/** A value that knows its size. It must not change while it is stored: the same object is not measured again. */
interface Sized {
  readonly bytes: number;
}

/** Why an entry was evicted: the entries of all partitions, or those of its own, exceeded their limit. */
export type EvictionReason = 'capacity' | 'share';

/** The usage of one partition. */
export interface PartitionSize<Name> {
  readonly name: Name;
  readonly bytes: number;
  readonly entries: number;
}

/** Values by partition and key that may be forgotten, bounded in bytes overall and per partition. */
export interface PartitionedLru<Name, Value> {
  get(name: Name, key: string): Value | undefined;
  /** Returns false if the value is larger than a partition may be; it is then not stored, and an earlier value stays. */
  set(name: Name, key: string, value: Value): boolean;
  delete(name: Name, key: string): void;
  /** Removes a partition in constant time. */
  drop(name: Name): void;
  clear(): void;
  readonly bytes: number;
  readonly size: number;
  /** Least recently used first, without changing that order. The store must not change during iteration, here and below. */
  entries(name: Name): Iterable<readonly [string, Value]>;
  names(): Iterable<Name>;
  /** The cost grows with the number of partitions, not of entries. */
  sizes(): Iterable<PartitionSize<Name>>;
}

/** Memory that an `LRUCache` takes in addition to its values. */
export interface LruOverhead {
  /** Taken while it is empty. */
  readonly emptyBytes: number;
  /** Taken per value, and kept when the value is removed: its arrays do not shrink. */
  readonly slotBytes: number;
}

/** Measured; test/cache/memory.test.ts verifies it. */
export const LRU_OVERHEAD: LruOverhead = { emptyBytes: 1_920, slotBytes: 64 };
export const EXPIRING_LRU_OVERHEAD: LruOverhead = { emptyBytes: 2_560, slotBytes: 80 };
const NO_OVERHEAD: LruOverhead = { emptyBytes: 0, slotBytes: 0 };

interface PartitionedLruOptions {
  readonly maxBytes: number;
  readonly maxPartitionBytes: number;
  /** Counted per partition in addition to the bytes of its values; absent: nothing. */
  readonly overhead?: LruOverhead;
  /** How long after it was set a value expires; absent: never. */
  readonly lifetime?: { readonly ms: number; readonly clock: Pick<Clock, 'now'> };
}

/** Sizes are integers, and an empty value counts as one byte: `LRUCache` accepts nothing else. */
const countedBytes = ({ bytes }: Sized) => Math.max(1, Math.ceil(bytes));

class Partition<Value extends Sized> extends LRUCache<string, Value> {
  /** The largest number of values that it has ever contained. */
  slots = 0;
}

/**
 * One `LRUCache` per partition, found through an `LRUCache` of partitions. Values over the share of a partition are evicted from that
 * partition in LRU order; values over the total limit are evicted from the least recently used partition.
 */
export function createPartitionedLru<Name extends string | object, Value extends Sized>(
  { maxBytes, maxPartitionBytes, overhead = NO_OVERHEAD, lifetime }: PartitionedLruOptions,
  onEvict: (reason: EvictionReason) => void = () => undefined,
): PartitionedLru<Name, Value> {
  const { emptyBytes, slotBytes } = overhead;
  const maxSize = Math.max(1, Math.floor(maxPartitionBytes) - emptyBytes);
  const storedBytes = (value: Value) => countedBytes(value) + slotBytes;
  let bytes = 0;
  let size = 0;

  /** Shared by all partitions. `set` inserts a value again only if it is another object. */
  const partitionOptions: LRUCache.Options<string, Value, unknown> = {
    maxSize,
    sizeCalculation: storedBytes,
    onInsert(value, _key, reason) {
      if (reason === 'update') return;
      bytes += countedBytes(value);
      size++;
    },
    dispose(value, _key, reason) {
      // The total is over its limit only while `makeRoom` runs.
      if (reason === 'evict') onEvict(bytes > maxBytes ? 'capacity' : 'share');
      bytes -= countedBytes(value);
      size--;
    },
    ...(lifetime === undefined ? {} : expireAfter(lifetime.ms, lifetime.clock)),
  };

  const bytesOf = ({ calculatedSize, slots, size: used }: Partition<Value>) =>
    emptyBytes + calculatedSize + (slots - used) * slotBytes;

  /** Never full: each partition holds at least one byte, so the total limit is reached first. */
  const partitions = new LRUCache<Name, Partition<Value>>({
    maxSize: Math.max(1, Math.floor(maxBytes)) + 1,
    sizeCalculation: () => 1,
    dispose(partition) {
      bytes -= bytesOf(partition);
      size -= partition.size;
    },
  });

  function open(name: Name): Partition<Value> {
    const partition = new Partition(partitionOptions);
    partitions.set(name, partition);
    bytes += emptyBytes;
    return partition;
  }

  /** A slot belongs to the total from its first use on; values enter and leave the total without theirs. */
  function countSlot(partition: Partition<Value>): void {
    if (partition.size <= partition.slots) return;
    partition.slots = partition.size;
    bytes += slotBytes;
  }

  function makeRoom(): void {
    while (bytes > maxBytes) {
      const [oldest] = partitions.rvalues();
      if (oldest === undefined) return;
      oldest.pop();
      if (oldest.size === 0) partitions.pop();
    }
  }

  return {
    get(name, key) {
      const partition = partitions.peek(name);
      if (partition === undefined) return undefined;
      const value = partition.get(key);
      // Only a hit counts as use of the partition. A miss may have removed its last value, which had expired.
      if (value !== undefined) partitions.get(name);
      else if (partition.size === 0) partitions.delete(name);
      return value;
    },
    set(name, key, value) {
      // Checked here, because `set` of an oversized value would delete the earlier one.
      if (storedBytes(value) > maxSize) return false;
      const partition = partitions.get(name) ?? open(name);
      partition.set(key, value);
      countSlot(partition);
      makeRoom();
      return true;
    },
    delete(name, key) {
      const partition = partitions.peek(name);
      partition?.delete(key);
      if (partition?.size === 0) partitions.delete(name);
    },
    drop: (name) => void partitions.delete(name),
    clear: () => partitions.clear(),
    get bytes() {
      return bytes;
    },
    get size() {
      return size;
    },
    *entries(name) {
      const partition = partitions.peek(name);
      for (const key of partition?.rkeys() ?? []) {
        const value = partition?.peek(key);
        if (value !== undefined) yield [key, value] as const;
      }
    },
    names: () => partitions.rkeys(),
    *sizes() {
      for (const name of partitions.rkeys()) {
        const partition = partitions.peek(name);
        if (partition !== undefined) yield { name, bytes: bytesOf(partition), entries: partition.size };
      }
    },
  };
}
