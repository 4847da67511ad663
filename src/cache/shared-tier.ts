import type { Clock } from '../lib/clock.ts';
import type { Entry } from './memory-tier.ts';
import type { PurgeScope } from './purges.ts';
import type { SharedGroup } from './shared-group.ts';
import type { Kept, SharedValues } from './shared-values.ts';
import { fromWallTimes, lifetimesOf, toWallTimes, type WallTimes } from './wall-times.ts';

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
export interface SharedLoad<Value, Loaded> {
  readonly project: string;
  readonly operation: string;
  readonly key: string;
  /** Undefined where the entry is not good enough now. */
  readonly accept: (entry: Entry<Value>) => Loaded | undefined;
  /** Never rejects. */
  readonly load: () => Promise<Loaded>;
  readonly keep: (loaded: Loaded) => Omit<Entry<Value>, 'sequence'> | 'nothing' | 'discard';
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
  through<Loaded>(load: SharedLoad<Value, Loaded>): Promise<Loaded>;
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
  }: { group: SharedGroup; values: SharedValues; codec: SharedCodec<Value>; clock: Clock },
): SharedTier<Value> {
  const nameOf = (project: string, key: string) => group.nameOf('list', binding(), project, key);

  function write(project: string, key: string, entry: Entry<Value>): Kept {
    const { value, held, operation = '', sequence } = entry;
    const head = Buffer.alloc(SEQUENCE_BYTES);
    head.writeUIntLE(sequence, 0, SEQUENCE_BYTES);
    const record = { project, operation, key, value, ...toWallTimes(held, clock) };
    return {
      plain: Buffer.concat([head, codec.write(record)]),
      lifeMs: held.fallbackUntil - clock.now(),
    };
  }

  function read(project: string, key: string, plain: Buffer): Entry<Value> | undefined | 'broken' {
    if (plain.length < SEQUENCE_BYTES) return 'broken';
    const record = codec.read(plain.subarray(SEQUENCE_BYTES));
    if (record === undefined || record.project !== project || record.key !== key) return 'broken';
    const sequence = plain.readUIntLE(0, SEQUENCE_BYTES);
    if (group.covers(project, record.operation, sequence)) return undefined;
    const { value, bytes, operation, loadedAt } = record;
    const held = fromWallTimes(loadedAt, lifetimesOf(record), { clock, skewMs: SKEW_MS });
    return held.fallbackUntil <= clock.now() ? undefined : { value, bytes, operation, sequence, held };
  }

  return {
    async get(project, key) {
      const name = (await group.upToDate()) ? nameOf(project, key) : undefined;
      const plain = name === undefined ? undefined : await values.read(name);
      if (name === undefined || plain === undefined) return undefined;
      const entry = read(project, key, plain);
      if (entry !== 'broken') return entry;
      await values.discard(name);
      return undefined;
    },
    async set(project, key, entry) {
      const name = (await group.upToDate()) ? nameOf(project, key) : undefined;
      return name !== undefined && values.publish(name, write(project, key, entry));
    },
    async delete(project, key) {
      const name = nameOf(project, key);
      if (name !== undefined) await values.discard(name);
    },
    purge: (scope) => group.announcePurge(scope),
    async through({ project, key, accept, load, keep, waitUntil }) {
      const name = (await group.upToDate()) ? nameOf(project, key) : undefined;
      if (name === undefined) return load();
      let sequence = group.sequence;
      return values.together({
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
        keep(loaded) {
          const kept = keep(loaded);
          return typeof kept === 'string' ? kept : write(project, key, { ...kept, sequence });
        },
      });
    },
    get sequence() {
      return group.sequence;
    },
  };
}
