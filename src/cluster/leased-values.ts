import { type Seal, STAMP_BYTES } from '../lib/sealed-box.ts';
import type { SharedOutcome } from './events.ts';
import { createValueScripts } from './lua-scripts.ts';
import type { RedisClient } from './redis-client.ts';

/** The plaintext to store, and its lifetime. */
export interface StoredValue {
  readonly plain: Buffer;
  readonly lifeMs: number;
}

/**
 * `value`: another value than the known one is stored. `leased`: this owner now has the lease and loads. `held`: another gateway has it for
 * `leaseMs` more. `none`: nothing is stored and no lease was acquired, or the engine failed.
 */
export type ReadOrLeaseResult =
  | { readonly type: 'value'; readonly sealed: Buffer }
  | { readonly type: 'leased' }
  | { readonly type: 'held'; readonly leaseMs: number }
  | { readonly type: 'none' };

/** The calls to the engine that read and write sealed values and their leases. A failing engine is a miss: no call rejects. */
export interface LeasedValues {
  /** `known`: the stamp of a value that is not wanted again. Without an owner it only reads. */
  readOrLease(name: string, owner: string | undefined, known: Buffer): Promise<ReadOrLeaseResult>;
  renew(name: string, owner: string): Promise<void>;
  /** Stores the value and releases the owner's lease; returns false if the value was not stored. */
  publish(name: string, stored: StoredValue, owner: string): Promise<boolean>;
  release(name: string, owner: string): Promise<void>;
  /** Deletes the value with this stamp; with an empty stamp, any value. */
  discard(name: string, stamp: Buffer): Promise<void>;
}

/** A gateway that dies during a load blocks the others for at most this long. */
const LEASE_MS = 3_000;
/** Longer than the usual deadline: no request waits for writes. */
const WRITE_DEADLINE_MS = 2_000;

/** Identifies a sealed value without its content. */
export const stampOf = (sealed: Buffer): Buffer => sealed.subarray(0, STAMP_BYTES);

function parseReadOrLease(reply: unknown): ReadOrLeaseResult {
  if (!Array.isArray(reply)) return { type: 'none' };
  const [sealed, leased, leaseMs]: unknown[] = reply;
  if (Buffer.isBuffer(sealed)) return { type: 'value', sealed };
  if (leased === 1) return { type: 'leased' };
  return leased === 0 ? { type: 'held', leaseMs: Number(leaseMs) } : { type: 'none' };
}

function outcomeOf(reply: unknown): SharedOutcome {
  switch (parseReadOrLease(reply).type) {
    case 'value':
      return 'hit';
    case 'leased':
      return 'leased';
    case 'held':
      return 'held';
    case 'none':
      return 'miss';
  }
}

/** `channel` is notified of each published value; values of more than `maxBytes` are not stored. */
export function createLeasedValues(
  { channel, maxBytes }: { channel: string; maxBytes: number },
  { engine, seal }: { engine: RedisClient; seal: Seal },
): LeasedValues {
  // The hash tag in braces puts a value and its lease into the same cluster hash slot.
  const valueKey = (name: string) => `agw1:{${name}}:value`;
  const leaseKey = (name: string) => `agw1:{${name}}:lease`;
  const scripts = createValueScripts();

  return {
    async readOrLease(name, owner, known) {
      const reply = await engine.evaluate({
        operation: owner === undefined ? 'read' : 'lease',
        script: scripts.readOrLease,
        keys: [valueKey(name), leaseKey(name)],
        args: [owner ?? '', owner === undefined ? 0 : LEASE_MS, known],
        outcomeOf,
      });
      return parseReadOrLease(reply);
    },
    async renew(name, owner) {
      await engine.evaluate({
        operation: 'renew',
        script: scripts.renew,
        keys: [leaseKey(name)],
        args: [owner, LEASE_MS],
      });
    },
    async publish(name, { plain, lifeMs }, owner) {
      if (plain.length > maxBytes) return false;
      const sealed = await seal.seal(name, plain);
      const reply = await engine.evaluate({
        operation: 'publish',
        script: scripts.publish,
        keys: [valueKey(name), leaseKey(name)],
        args: [owner, sealed, Math.max(1, Math.ceil(lifeMs)), channel, name],
        deadlineMs: WRITE_DEADLINE_MS,
      });
      return reply === 1;
    },
    async release(name, owner) {
      await engine.evaluate({
        operation: 'release',
        script: scripts.release,
        keys: [leaseKey(name)],
        args: [owner, channel, name],
        deadlineMs: WRITE_DEADLINE_MS,
      });
    },
    async discard(name, stamp) {
      await engine.evaluate({
        operation: 'discard',
        script: scripts.discard,
        keys: [valueKey(name)],
        args: [stamp],
        deadlineMs: WRITE_DEADLINE_MS,
      });
    },
  };
}
