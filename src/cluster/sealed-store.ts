import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { type Seal, STAMP_BYTES } from '../lib/sealed-box.ts';
import type { SharedOutcome } from './events.ts';
import { createScript, type RedisClient } from './redis-client.ts';

/** A value that several gateways want, and how it is had where nobody has it. */
export interface LoadSpec<Value> {
  readonly name: string;
  /** The value in what was found; undefined where it is not good enough now, `broken` where it is no value at all. */
  readonly accept: (plain: Buffer) => Value | undefined | 'broken';
  /** Never rejects. */
  readonly load: () => Promise<Value>;
  /** What is kept of what was loaded, `nothing`, or `discard`: what was kept is no longer true. */
  readonly toStore: (value: Value) => StoredValue | 'nothing' | 'discard';
  /** Monotonic milliseconds until which another gateway's load is waited for. */
  readonly waitUntil: number;
}

/** What is kept, and for how long. */
export interface StoredValue {
  readonly plain: Buffer;
  readonly lifeMs: number;
}

/** Sealed values by name. A tier that fails is a miss: nothing here throws or waits without an end. */
export interface SealedStore {
  read(name: string): Promise<Buffer | undefined>;
  /** False where it was not kept. */
  publish(name: string, stored: StoredValue): Promise<boolean>;
  discard(name: string): Promise<void>;
  /** One load for all gateways: whoever holds the lease loads, the others wait for what it brings. */
  getOrLoad<Value>(spec: LoadSpec<Value>): Promise<Value>;
  /** Somebody published under a name, or gave its lease back. */
  notifyChanged(name: string): void;
}

/** A gateway that dies while it loads holds the others up for this long at most. */
const LEASE_MS = 3_000;
const RENEW_MS = 600;
/** A notification may be lost: it is looked every now and then as well. */
const LOOK_MS = 250;
/** Nobody waits for what is written. */
const WRITE_DEADLINE_MS = 2_000;
const NOTHING = Buffer.alloc(0);

/** The pause before the third look in a row that was for nothing, doubled from then on. */
const FIRST_PAUSE_MS = 4;

/**
 * A value other than the one known, else the lease, else how long another one's lease lasts. Engines that are full still answer. No gateway
 * writes a lease that lasts longer than `ARGV[2]`, or another type of value: the one is shortened, the other removed.
 */
const OBTAIN = `
local stamp = redis.pcall('GETRANGE', KEYS[1], 0, ${STAMP_BYTES - 1})
if type(stamp) == 'table' then
  redis.call('DEL', KEYS[1])
  stamp = ''
end
if stamp ~= '' and stamp ~= ARGV[3] then return {redis.call('GET', KEYS[1])} end
if ARGV[2] == '0' then return {} end
local held = redis.pcall('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2])
if type(held) == 'table' and held.err then return {} end
if held then return {false, 1} end
local longest, leaseMs = tonumber(ARGV[2]), redis.call('PTTL', KEYS[2])
if leaseMs < 0 or leaseMs > longest then
  redis.call('PEXPIRE', KEYS[2], longest)
  leaseMs = longest
end
return {false, 0, leaseMs}`;

const RENEW = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

/** Kept unless another one holds the lease: what that one brings is younger. */
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

/** Removed only where it is still the one that was found; with an empty stamp, whatever it is. */
const DISCARD = `
if ARGV[1] ~= '' and redis.call('GETRANGE', KEYS[1], 0, ${STAMP_BYTES - 1}) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;

type Obtained =
  | { readonly type: 'value'; readonly sealed: Buffer }
  | { readonly type: 'leased' }
  | { readonly type: 'held'; readonly leaseMs: number }
  | { readonly type: 'none' };

function readObtained(reply: unknown): Obtained {
  if (!Array.isArray(reply)) return { type: 'none' };
  const [sealed, leased, leaseMs]: unknown[] = reply;
  if (Buffer.isBuffer(sealed)) return { type: 'value', sealed };
  if (leased === 1) return { type: 'leased' };
  return leased === 0 ? { type: 'held', leaseMs: Number(leaseMs) } : { type: 'none' };
}

function outcomeOf(reply: unknown): SharedOutcome {
  switch (readObtained(reply).type) {
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
  { channel, maxBytes }: { channel: () => string; maxBytes: number },
  { engine, seal, clock, random }: { engine: RedisClient; seal: Seal; clock: Clock; random: Random },
): SealedStore {
  const self = random.bytes(9).toString('base64url');
  let leases = 0;
  const waiting = new Map<string, Set<() => void>>();
  // The braces keep a value and its lease in one slot of a cluster.
  const valueKey = (name: string) => `agw1:{${name}}:value`;
  const leaseKey = (name: string) => `agw1:{${name}}:lease`;
  const scripts = {
    readOrLease: createScript(OBTAIN),
    renew: createScript(RENEW),
    publish: createScript(PUBLISH),
    release: createScript(RELEASE),
    discard: createScript(DISCARD),
  };

  const readOrLease = async (name: string, owner: string | undefined, known: Buffer): Promise<Obtained> =>
    readObtained(
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
      args: [owner, sealed, Math.max(1, Math.ceil(lifeMs)), channel(), name],
      deadlineMs: WRITE_DEADLINE_MS,
    });
    return reply === 1;
  }

  async function release(name: string, owner: string): Promise<void> {
    await engine.evaluate({
      operation: 'release',
      script: scripts.release,
      keys: [leaseKey(name)],
      args: [owner, channel(), name],
      deadlineMs: WRITE_DEADLINE_MS,
    });
  }

  /** Keeps the lease for as long as the load takes; the returned function ends that. */
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

  /** Without the lease: what it brings is kept unless somebody else is about to bring something younger. */
  async function loadAlone<Value>(spec: LoadSpec<Value>, owner: string): Promise<Value> {
    const value = await spec.load();
    void settle(spec, value, owner);
    return value;
  }

  async function lead<Value>(spec: LoadSpec<Value>, owner: string): Promise<Value> {
    const endLease = keepLease(spec.name, owner);
    const value = await spec.load();
    endLease();
    // Those who wait here need not wait for those who wait elsewhere.
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

  /** Resolves when the name changed, or after `ms`: whether it changed. */
  function change(name: string, ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (notifyChanged: boolean) => {
        cancel();
        others.delete(woken);
        if (others.size === 0) waiting.delete(name);
        resolve(notifyChanged);
      };
      const woken = () => end(true);
      const others = waiting.get(name) ?? new Set();
      waiting.set(name, others.add(woken));
      const cancel = clock.after(ms, () => end(false));
    });
  }

  /** Anyone with write access to the engine can wake and mislead waiting loads: fruitless looks are spaced further and further apart. */
  function createLookPause(waitUntil: number): () => Promise<void> {
    let inVain = 0;
    return async () => {
      inVain++;
      if (inVain < 3) return;
      const pauseMs = Math.min(
        LOOK_MS,
        FIRST_PAUSE_MS * 2 ** Math.min(inVain - 3, 8),
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
      const pauseLooking = createLookPause(waitUntil);
      for (let turn = 0; turn === 0 || clock.now() < waitUntil; turn++) {
        const found = await readOrLease(name, owner, known);
        switch (found.type) {
          case 'leased':
            return lead(spec, owner);
          case 'none':
            return loadAlone(spec, owner);
          case 'held': {
            const ms = Math.min(LOOK_MS, Math.max(1, found.leaseMs), waitUntil - clock.now());
            if (await change(name, Math.max(1, ms))) await pauseLooking();
            break;
          }
          case 'value': {
            known = Buffer.from(found.sealed.subarray(0, STAMP_BYTES));
            const plain = await seal.open(name, found.sealed);
            const value = plain === undefined ? 'broken' : accept(plain);
            if (value === 'broken') await discard(name, known);
            else if (value !== undefined) return value;
            await pauseLooking();
          }
        }
      }
      return loadAlone(spec, owner);
    },
    notifyChanged(name) {
      for (const woken of [...(waiting.get(name) ?? [])]) woken();
    },
  };
}
