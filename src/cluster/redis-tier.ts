import type { Entry } from '../cache/memory-tier.ts';
import { fromWallTimes, lifetimesOf, toWallTimes, type WallTimes } from '../cache/persisted-times.ts';
import type { PurgeScope } from '../cache/purge-log.ts';
import type { Clock } from '../lib/clock.ts';
import type { Cluster } from './cluster.ts';
import type { SealedStore, StoredValue } from './sealed-store.ts';

/** An entry as it is written for others. */
export interface SharedRecord<Value> extends WallTimes {
  readonly project: string;
  readonly operation: string;
  readonly key: string;
  readonly value: Value;
}

/** How values become bytes and come back; undefined for bytes that hold none. */
export interface SharedCodec<Value> {
  write(record: SharedRecord<Value>): Buffer;
  read(bytes: Buffer): (SharedRecord<Value> & { readonly bytes: number }) | undefined;
}

/** A load that gateways share. */
export interface SharedLoad<Value, LoadResult> {
  readonly project: string;
  readonly operation: string;
  readonly key: string;
  /** Undefined where the entry is not good enough now. */
  readonly accept: (entry: Entry<Value>) => LoadResult | undefined;
  /** Never rejects. */
  readonly load: () => Promise<LoadResult>;
  readonly toStore: (loaded: LoadResult) => Omit<Entry<Value>, 'sequence'> | 'nothing' | 'discard';
  /** Monotonic milliseconds until which another gateway's load is waited for. */
  readonly waitUntil: number;
}

/** Entries that several gateways hold together. What the memory tier promises holds here, with a promise around it; a failure is a miss. */
export interface SharedTier<Value> {
  get(project: string, key: string): Promise<Entry<Value> | undefined>;
  /** False where it was not kept. */
  set(project: string, key: string, entry: Entry<Value>): Promise<boolean>;
  delete(project: string, key: string): Promise<void>;
  /** From now on nobody is served what was loaded before. */
  purge(scope: PurgeScope & { soft: boolean }): void;
  through<LoadResult>(load: SharedLoad<Value, LoadResult>): Promise<LoadResult>;
  /** What an entry that is loaded now has outlived. */
  readonly sequence: number;
}

/** By how much the clocks of two gateways may differ before what one writes is no longer believed by the other. */
const SKEW_MS = 5_000;
const SEQUENCE_BYTES = 6;

/**
 * Entries sealed under names that only the group can make; each carries the number of the last purge it has outlived. `binding`: what
 * entries are true for besides their key.
 */
export function createSharedTier<Value>(
  { binding }: { binding: () => string },
  {
    group,
    values,
    codec,
    clock,
  }: { group: Cluster; values: SealedStore; codec: SharedCodec<Value>; clock: Clock },
): SharedTier<Value> {
  const keyFor = (project: string, key: string) => group.keyFor('list', binding(), project, key);

  function write(project: string, key: string, entry: Entry<Value>): StoredValue {
    const { value, window, operation = '', sequence } = entry;
    const head = Buffer.alloc(SEQUENCE_BYTES);
    head.writeUIntLE(sequence, 0, SEQUENCE_BYTES);
    const record = { project, operation, key, value, ...toWallTimes(window, clock) };
    return {
      plain: Buffer.concat([head, codec.write(record)]),
      lifeMs: window.staleIfErrorUntil - clock.now(),
    };
  }

  function read(project: string, key: string, plain: Buffer): Entry<Value> | undefined | 'broken' {
    if (plain.length < SEQUENCE_BYTES) return 'broken';
    const record = codec.read(plain.subarray(SEQUENCE_BYTES));
    if (record === undefined || record.project !== project || record.key !== key) return 'broken';
    const sequence = plain.readUIntLE(0, SEQUENCE_BYTES);
    if (group.isPurgedSince(project, record.operation, sequence)) return undefined;
    const { value, bytes, operation, loadedAt } = record;
    const window = fromWallTimes(loadedAt, lifetimesOf(record), { clock, skewMs: SKEW_MS });
    return window.staleIfErrorUntil <= clock.now()
      ? undefined
      : { value, bytes, operation, sequence, window };
  }

  return {
    async get(project, key) {
      const name = (await group.isSynced()) ? keyFor(project, key) : undefined;
      const plain = name === undefined ? undefined : await values.read(name);
      if (name === undefined || plain === undefined) return undefined;
      const entry = read(project, key, plain);
      if (entry !== 'broken') return entry;
      await values.discard(name);
      return undefined;
    },
    async set(project, key, entry) {
      const name = (await group.isSynced()) ? keyFor(project, key) : undefined;
      return name !== undefined && values.publish(name, write(project, key, entry));
    },
    async delete(project, key) {
      const name = keyFor(project, key);
      if (name !== undefined) await values.discard(name);
    },
    purge: (scope) => group.broadcastPurge(scope),
    async through({ project, key, accept, load, toStore, waitUntil }) {
      const name = (await group.isSynced()) ? keyFor(project, key) : undefined;
      if (name === undefined) return load();
      let sequence = group.sequence;
      return values.getOrLoad({
        name,
        waitUntil,
        accept(plain) {
          const entry = read(project, key, plain);
          return entry === undefined || entry === 'broken' ? entry : accept(entry);
        },
        load() {
          sequence = group.sequence;
          return load();
        },
        toStore(loaded) {
          const stored = toStore(loaded);
          return typeof stored === 'string' ? stored : write(project, key, { ...stored, sequence });
        },
      });
    },
    get sequence() {
      return group.sequence;
    },
  };
}
