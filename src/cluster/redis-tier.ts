import type { Entry } from '../cache/memory-tier.ts';
import { fromWallTimes, lifetimesOf, toWallTimes, type WallTimes } from '../cache/persisted-times.ts';
import type { PurgeScope } from '../cache/purge-log.ts';
import type { Clock } from '../lib/clock.ts';
import type { Cluster } from './cluster.ts';
import type { StoredValue } from './leased-values.ts';
import type { SealedStore } from './sealed-store.ts';

/** An entry in the form that is shared with other gateways. */
export interface SharedRecord<Value> extends WallTimes {
  readonly project: string;
  readonly operation: string;
  readonly key: string;
  readonly value: Value;
}

/** Serializes and parses values; `read` returns undefined for invalid bytes. */
export interface SharedCodec<Value> {
  /** Another number for each format: gateways of different releases then use different keys, and do not delete each other's values. */
  readonly format: number;
  write(record: SharedRecord<Value>): Buffer;
  read(bytes: Buffer): (SharedRecord<Value> & { readonly bytes: number }) | undefined;
}

/** A load that gateways share. */
export interface SharedLoad<Value, LoadResult> {
  readonly project: string;
  readonly operation: string;
  readonly key: string;
  /** Undefined if the entry does not satisfy the request. */
  readonly accept: (entry: Entry<Value>) => LoadResult | undefined;
  /** Never rejects. */
  readonly load: () => Promise<LoadResult>;
  readonly toStore: (loaded: LoadResult) => Omit<Entry<Value>, 'epoch'> | 'nothing' | 'discard';
  /** Monotonic milliseconds until which this gateway waits for another gateway's load. */
  readonly waitUntil: number;
}

/** Entries shared by several gateways. Same contract as the memory tier, but asynchronous; a failure is a miss. */
export interface SharedTier<Value> {
  get(project: string, key: string): Promise<Entry<Value> | undefined>;
  /** Returns false if the entry was not stored. */
  set(project: string, key: string, entry: Entry<Value>): Promise<boolean>;
  delete(project: string, key: string): Promise<void>;
  /** From now on no gateway serves shared entries that were loaded earlier and are within the scope. */
  purge(scope: PurgeScope & { soft: boolean }): void;
  through<LoadResult>(load: SharedLoad<Value, LoadResult>): Promise<LoadResult>;
  /** The purge epoch to record for an entry whose load begins now. */
  readonly epoch: number;
}

/** Tolerated clock difference between two gateways; entries from further in the future are not trusted. */
const SKEW_MS = 5_000;
const SEQUENCE_BYTES = 6;
/** The format of what precedes the value of a codec. */
const ENTRY_FORMAT = 1;

/**
 * Entries are sealed under key names that only the group can derive; each records the purge epoch at which its load began. `binding`:
 * what entries are valid for in addition to their key.
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
  const format = `${ENTRY_FORMAT}.${codec.format}`;
  const keyFor = (project: string, key: string) => group.keyFor('list', format, binding(), project, key);

  function write(project: string, key: string, entry: Entry<Value>): StoredValue {
    const { value, window, operation = '', epoch } = entry;
    const head = Buffer.alloc(SEQUENCE_BYTES);
    head.writeUIntLE(epoch, 0, SEQUENCE_BYTES);
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
    const epoch = plain.readUIntLE(0, SEQUENCE_BYTES);
    if (group.isPurgedSince(project, record.operation, epoch)) return undefined;
    const { value, bytes, operation, loadedAt } = record;
    const window = fromWallTimes(loadedAt, lifetimesOf(record), { clock, skewMs: SKEW_MS });
    return window.staleIfErrorUntil <= clock.now() ? undefined : { value, bytes, operation, epoch, window };
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
      let epoch = group.epoch;
      return values.getOrLoad({
        name,
        waitUntil,
        accept(plain) {
          const entry = read(project, key, plain);
          return entry === undefined || entry === 'broken' ? entry : accept(entry);
        },
        load() {
          epoch = group.epoch;
          return load();
        },
        toStore(loaded) {
          const stored = toStore(loaded);
          return typeof stored === 'string' ? stored : write(project, key, { ...stored, epoch });
        },
      });
    },
    get epoch() {
      return group.epoch;
    },
  };
}
