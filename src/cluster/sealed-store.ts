import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { type Seal, STAMP_BYTES } from '../lib/sealed-box.ts';
import type { SharedOutcome } from './events.ts';
import { createScript, type RedisClient } from './redis-client.ts';

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

/** The plaintext to store, and its lifetime. */
export interface StoredValue {
  readonly plain: Buffer;
  readonly lifeMs: number;
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

/** A gateway that dies during a load blocks the others for at most this long. */
const LEASE_MS = 3_000;
const RENEW_MS = 600;
/** Waiters also poll, because a notification may be lost. */
const POLL_MS = 250;
/** Longer than the usual deadline: no request waits for writes. */
const WRITE_DEADLINE_MS = 2_000;
const NOTHING = Buffer.alloc(0);

/** The pause after the third consecutive read without a usable value; it doubles with each further one. */
const FIRST_PAUSE_MS = 4;

/**
 * Returns a value other than the known one, else acquires the lease, else returns the remaining time of another gateway's lease. An engine
 * that is out of memory still answers reads. No gateway writes a lease longer than `ARGV[2]` or a value of another type: a longer lease is
 * shortened, a value of another type is deleted.
 */
const READ_OR_LEASE = `
local stamp = redis.pcall('GETRANGE', KEYS[1], 0, ${STAMP_BYTES - 1})
if type(stamp) == 'table' then
  redis.call('DEL', KEYS[1])
  stamp = ''
end
if stamp ~= '' and stamp ~= ARGV[3] then return {redis.call('GET', KEYS[1])} end
if ARGV[2] == '0' then return {} end
local acquired = redis.pcall('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2])
if type(acquired) == 'table' and acquired.err then return {} end
if acquired then return {false, 1} end
local longest, leaseMs = tonumber(ARGV[2]), redis.call('PTTL', KEYS[2])
if leaseMs < 0 or leaseMs > longest then
  redis.call('PEXPIRE', KEYS[2], longest)
  leaseMs = longest
end
return {false, 0, leaseMs}`;

const RENEW = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

/** Stores the value unless another gateway holds the lease: its result will be newer. */
const PUBLISH = `
local owner = redis.call('GET', KEYS[2])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if owner then redis.call('DEL', KEYS[2]) end
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 1`;

const RELEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1`;

/** Deletes the value only if it still has the given stamp; an empty stamp deletes unconditionally. */
const DISCARD = `
if ARGV[1] ~= '' and redis.call('GETRANGE', KEYS[1], 0, ${STAMP_BYTES - 1}) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;

type ReadOrLeaseResult =
  | { readonly type: 'value'; readonly sealed: Buffer }
  | { readonly type: 'leased' }
  | { readonly type: 'held'; readonly leaseMs: number }
  | { readonly type: 'none' };

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

export function createSealedStore(
  { channel, maxBytes }: { channel: string; maxBytes: number },
  { engine, seal, clock, random }: { engine: RedisClient; seal: Seal; clock: Clock; random: Random },
): SealedStore {
  const self = random.bytes(9).toString('base64url');
  let leases = 0;
  const waiting = new Map<string, Set<() => void>>();
  // The hash tag in braces puts a value and its lease into the same cluster hash slot.
  const valueKey = (name: string) => `agw1:{${name}}:value`;
  const leaseKey = (name: string) => `agw1:{${name}}:lease`;
  const scripts = {
    readOrLease: createScript(READ_OR_LEASE),
    renew: createScript(RENEW),
    publish: createScript(PUBLISH),
    release: createScript(RELEASE),
    discard: createScript(DISCARD),
  };

  const readOrLease = async (
    name: string,
    owner: string | undefined,
    known: Buffer,
  ): Promise<ReadOrLeaseResult> =>
    parseReadOrLease(
      await engine.evaluate({
        operation: owner === undefined ? 'read' : 'lease',
        script: scripts.readOrLease,
        keys: [valueKey(name), leaseKey(name)],
        args: [owner ?? '', owner === undefined ? 0 : LEASE_MS, known],
        outcomeOf,
      }),
    );

  async function discard(name: string, stamp: Buffer): Promise<void> {
    await engine.evaluate({
      operation: 'discard',
      script: scripts.discard,
      keys: [valueKey(name)],
      args: [stamp],
      deadlineMs: WRITE_DEADLINE_MS,
    });
  }

  async function publish(name: string, { plain, lifeMs }: StoredValue, owner: string): Promise<boolean> {
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
  }

  async function release(name: string, owner: string): Promise<void> {
    await engine.evaluate({
      operation: 'release',
      script: scripts.release,
      keys: [leaseKey(name)],
      args: [owner, channel, name],
      deadlineMs: WRITE_DEADLINE_MS,
    });
  }

  /** Renews the lease until the returned function is called. */
  function keepLease(name: string, owner: string): () => void {
    let ended = false;
    const renew = () =>
      clock.after(RENEW_MS, () => {
        if (ended) return;
        void engine.evaluate({
          operation: 'renew',
          script: scripts.renew,
          keys: [leaseKey(name)],
          args: [owner, LEASE_MS],
        });
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
    const value = await spec.load();
    endLease();
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
    if (stored === 'discard') await discard(name, NOTHING);
    if (stored === 'discard' || stored === 'nothing' || !(await publish(name, stored, owner)))
      await release(name, owner);
  }

  /** Resolves to true when the name changes, or to false after `ms`. */
  function waitForChange(name: string, ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (changed: boolean) => {
        cancel();
        wakeups.delete(wake);
        if (wakeups.size === 0) waiting.delete(name);
        resolve(changed);
      };
      const wake = () => end(true);
      const wakeups = waiting.get(name) ?? new Set();
      waiting.set(name, wakeups.add(wake));
      const cancel = clock.after(ms, () => end(false));
    });
  }

  /** Anyone with write access to the engine can wake and mislead waiters, so unsuccessful reads back off exponentially. */
  function createReadBackoff(waitUntil: number): () => Promise<void> {
    let misses = 0;
    return async () => {
      misses++;
      if (misses < 3) return;
      const pauseMs = Math.min(
        POLL_MS,
        FIRST_PAUSE_MS * 2 ** Math.min(misses - 3, 8),
        waitUntil - clock.now(),
      );
      await new Promise<void>((resolve) => void clock.after(Math.max(1, pauseMs), resolve));
    };
  }

  return {
    async read(name) {
      const found = await readOrLease(name, undefined, NOTHING);
      if (found.type !== 'value') return undefined;
      const plain = await seal.open(name, found.sealed);
      if (plain === undefined) await discard(name, found.sealed.subarray(0, STAMP_BYTES));
      return plain;
    },
    publish: (name, stored) => publish(name, stored, ''),
    discard: (name) => discard(name, NOTHING),
    async getOrLoad(spec) {
      const { name, accept, waitUntil } = spec;
      const owner = `${self}-${(++leases).toString(36)}`;
      let known = NOTHING;
      const backOff = createReadBackoff(waitUntil);
      for (let attempt = 0; attempt === 0 || clock.now() < waitUntil; attempt++) {
        const found = await readOrLease(name, owner, known);
        switch (found.type) {
          case 'leased':
            return lead(spec, owner);
          case 'none':
            return loadAlone(spec, owner);
          case 'held': {
            const ms = Math.min(POLL_MS, Math.max(1, found.leaseMs), waitUntil - clock.now());
            if (await waitForChange(name, Math.max(1, ms))) await backOff();
            break;
          }
          case 'value': {
            known = Buffer.from(found.sealed.subarray(0, STAMP_BYTES));
            const plain = await seal.open(name, found.sealed);
            const value = plain === undefined ? 'broken' : accept(plain);
            if (value === 'broken') await discard(name, known);
            else if (value !== undefined) return value;
            await backOff();
          }
        }
      }
      return loadAlone(spec, owner);
    },
    notifyChanged(name) {
      for (const wake of [...(waiting.get(name) ?? [])]) wake();
    },
  };
}
