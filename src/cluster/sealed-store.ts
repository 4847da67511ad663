import { createBackoff } from '../lib/backoff.ts';
import { type Clock, pause } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { Seal } from '../lib/sealed-box.ts';
import { createChangeWaiters } from './change-waiters.ts';
import { createLeasedValues, type StoredValue, stampOf } from './leased-values.ts';
import type { RedisClient } from './redis-client.ts';

/** A value that several gateways need, and how to load it if it is not stored. */
export interface LoadSpec<Value> {
  readonly name: string;
  /** Parses a stored value; undefined if it does not satisfy the request, `broken` if it is not a valid value. */
  readonly accept: (plain: Buffer) => Value | undefined | 'broken';
  /** Never rejects. */
  readonly load: () => Promise<Value>;
  /** What to store of a loaded value; `nothing` to store nothing, `discard` to remove an outdated stored value. */
  readonly toStore: (value: Value) => StoredValue | 'nothing' | 'discard';
  /** Monotonic milliseconds until which this gateway waits for another gateway's load. */
  readonly waitUntil: number;
}

/** Sealed values by name. A failing engine is a miss: no function throws or waits without a deadline. */
export interface SealedStore {
  read(name: string): Promise<Buffer | undefined>;
  /** Returns false if the value was not stored. */
  publish(name: string, stored: StoredValue): Promise<boolean>;
  discard(name: string): Promise<void>;
  /** One load for all gateways: the lease holder loads, the others wait for its result. */
  getOrLoad<Value>(spec: LoadSpec<Value>): Promise<Value>;
  /** Another gateway published a value under this name, or released its lease. */
  notifyChanged(name: string): void;
}

const RENEW_MS = 600;
/** Waiters also poll, because a notification may be lost. */
const POLL_MS = 250;
const NOTHING = Buffer.alloc(0);
/** Reads without a usable value that are repeated at once. */
const FREE_READS = 2;
const missPauseMs = createBackoff({ firstMs: 4, longestMs: POLL_MS });

export function createSealedStore(
  { channel, maxBytes }: { channel: string; maxBytes: number },
  { engine, seal, clock, random }: { engine: RedisClient; seal: Seal; clock: Clock; random: Random },
): SealedStore {
  const self = random.bytes(9).toString('base64url');
  let leases = 0;
  const values = createLeasedValues({ channel, maxBytes }, { engine, seal });
  const waiters = createChangeWaiters(clock);

  /** Renews the lease until the returned function is called. */
  function keepLease(name: string, owner: string): () => void {
    let ended = false;
    const renew = () =>
      clock.after(RENEW_MS, () => {
        if (ended) return;
        void values.renew(name, owner);
        renew();
      });
    renew();
    return () => {
      ended = true;
    };
  }

  /** Loads without the lease; the result is stored unless another gateway holds the lease and will store a newer one. */
  async function loadAlone<Value>(spec: LoadSpec<Value>, owner: string): Promise<Value> {
    const value = await spec.load();
    void settle(spec, value, owner);
    return value;
  }

  async function lead<Value>(spec: LoadSpec<Value>, owner: string): Promise<Value> {
    const endLease = keepLease(spec.name, owner);
    const value = await spec.load().finally(endLease);
    // Local waiters get the value before it is written for other gateways.
    void settle(spec, value, owner);
    return value;
  }

  async function settle<Value>(
    { name, toStore }: LoadSpec<Value>,
    value: Value,
    owner: string,
  ): Promise<void> {
    const stored = toStore(value);
    if (stored === 'discard') await values.discard(name, NOTHING);
    if (stored === 'discard' || stored === 'nothing' || !(await values.publish(name, stored, owner)))
      await values.release(name, owner);
  }

  /** Anyone with write access to the engine can wake and mislead waiters, so unsuccessful reads back off exponentially. */
  function createReadBackoff(waitUntil: number): () => Promise<void> {
    let misses = 0;
    return async () => {
      misses++;
      if (misses <= FREE_READS) return;
      const pauseMs = Math.min(missPauseMs(misses - FREE_READS - 1), waitUntil - clock.now());
      await pause(clock, Math.max(1, pauseMs));
    };
  }

  return {
    async read(name) {
      const found = await values.readOrLease(name, undefined, NOTHING);
      if (found.type !== 'value') return undefined;
      const plain = await seal.open(name, found.sealed);
      if (plain === undefined) await values.discard(name, stampOf(found.sealed));
      return plain;
    },
    publish: (name, stored) => values.publish(name, stored, ''),
    discard: (name) => values.discard(name, NOTHING),
    async getOrLoad(spec) {
      const { name, accept, waitUntil } = spec;
      const owner = `${self}-${(++leases).toString(36)}`;
      let known = NOTHING;
      const backOff = createReadBackoff(waitUntil);
      for (let attempt = 0; attempt === 0 || clock.now() < waitUntil; attempt++) {
        const found = await values.readOrLease(name, owner, known);
        switch (found.type) {
          case 'leased':
            return lead(spec, owner);
          case 'none':
            return loadAlone(spec, owner);
          case 'held': {
            const ms = Math.min(POLL_MS, Math.max(1, found.leaseMs), waitUntil - clock.now());
            if (await waiters.wait(name, Math.max(1, ms))) await backOff();
            break;
          }
          case 'value': {
            known = Buffer.from(stampOf(found.sealed));
            const plain = await seal.open(name, found.sealed);
            const value = plain === undefined ? 'broken' : accept(plain);
            if (value === 'broken') await values.discard(name, known);
            else if (value !== undefined) return value;
            await backOff();
          }
        }
      }
      return loadAlone(spec, owner);
    },
    notifyChanged: waiters.notify,
  };
}
