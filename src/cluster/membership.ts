import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { Seal } from '../lib/sealed-box.ts';
import type { BroadcastLog } from './broadcast-log.ts';
import type { GroupSecret, OpenedSecret } from './group-secret.ts';
import type { GroupScripts } from './lua-scripts.ts';
import { type PurgeSync, RECENT_MS } from './purge-sync.ts';
import type { RedisClient } from './redis-client.ts';
import { joinReply, purgeForm, readMessage } from './wire-schemas.ts';

/** The result of a join. */
export interface JoinResult {
  /** Whether this gateway has applied all purges and news of the engine. */
  readonly complete: boolean;
  /** Whether another join is due at once: the engine's state was corrected, or an own purge was sent and must be received back. */
  readonly repeat: boolean;
}

/** Keeps this gateway's state and the engine's in step: a join fetches what is new and sends the own purges. */
export interface Membership {
  join(): Promise<JoinResult>;
  /** Monotonic milliseconds of the last complete join; negative infinity before the first. */
  readonly joinedAt: number;
}

/** What the engine had at a join. Entries are sealed, newest first. */
interface EngineState {
  /** The id of the key that the secret is sealed with. */
  readonly keyId: string;
  readonly sealedSecret: Buffer;
  /** A random id that changes when the engine may have lost data. */
  readonly run: Buffer;
  readonly epoch: number;
  readonly offset: number;
  readonly purgeEntries: readonly Buffer[];
  readonly newsEntries: readonly Buffer[];
}

const REPEAT: JoinResult = { complete: false, repeat: true };
const FAILED: JoinResult = { complete: false, repeat: false };

/** Own purges are announced on `channel`, so that the other gateways join at once. */
export function createMembership(
  { keys, channel }: { keys: { control: string; purges: string; news: string }; channel: string },
  {
    engine,
    scripts,
    seal,
    secret,
    purges,
    news,
    onDoubt,
    clock,
    random,
  }: {
    engine: RedisClient;
    scripts: GroupScripts;
    seal: Seal;
    secret: GroupSecret;
    purges: PurgeSync;
    news: BroadcastLog;
    /** Purges may have been missed. */
    onDoubt: () => void;
    clock: Clock;
    random: Random;
  },
): Membership {
  let run: Buffer | undefined;
  /** The secret that could not be opened, which the next join replaces. */
  let damagedSecret = Buffer.alloc(0);
  let joinedAt = Number.NEGATIVE_INFINITY;
  const newRun = () => random.bytes(9).toString('base64url');

  /** Undefined if the engine did not answer, or not as expected. */
  async function readEngine(): Promise<EngineState | undefined> {
    const first = secret.current === undefined;
    const reply = await engine.evaluate({
      operation: 'join',
      script: scripts.join,
      keys: [keys.control, keys.purges, keys.news],
      args: [
        seal.keyIds.current,
        seal.keyIds.previous ?? '',
        await secret.proposal(),
        newRun(),
        first ? -1 : purges.epoch,
        first ? -1 : news.offset,
        damagedSecret,
      ],
    });
    const read = joinReply.safeParse(reply);
    if (!read.success) return undefined;
    const [field, sealedSecret, foundRun, epoch, offset, purgeEntries, newsEntries] = read.data;
    return {
      keyId: field.toString(),
      sealedSecret,
      run: foundRun,
      epoch,
      offset,
      purgeEntries,
      newsEntries,
    };
  }

  async function reseal(opened: OpenedSecret): Promise<void> {
    await engine.evaluate({
      operation: 'join',
      script: scripts.reseal,
      keys: [keys.control],
      args: [seal.keyIds.current, await secret.reseal(opened)],
    });
  }

  /** The engine came back with an older state than this gateway has: it continues from the newer one. */
  async function renewRun(state: EngineState): Promise<void> {
    await engine.evaluate({
      operation: 'join',
      script: scripts.renew,
      keys: [keys.control],
      args: [state.run, newRun(), Math.max(state.epoch, purges.epoch), Math.max(state.offset, news.offset)],
    });
  }

  /** Returns false if lasting news could not be read. */
  async function apply(state: EngineState, { first, lost }: { first: boolean; lost: boolean }) {
    const received = state.purgeEntries
      .toReversed()
      .map(async (entry) => readMessage(purgeForm, await seal.open(keys.purges, entry)));
    purges.apply(state.epoch, await Promise.all(received), { first });
    const complete = await news.apply(state.offset, first ? [] : state.newsEntries, { first, lost });
    if (lost) {
      if (clock.now() - joinedAt > RECENT_MS) onDoubt();
      purges.resendRecent();
    }
    return complete;
  }

  /** Sends the own purges that the engine does not have; returns whether it accepted one. */
  async function sendPurges(): Promise<boolean> {
    let accepted = false;
    for (const waiting of purges.unconfirmed.values()) {
      if (waiting.sent) continue;
      const entry = await seal.seal(keys.purges, Buffer.from(JSON.stringify(waiting.purge)));
      const reply = await engine.evaluate({
        operation: 'announce',
        script: scripts.announce,
        keys: [keys.control, keys.purges],
        args: [entry, channel],
      });
      if (reply === undefined) return accepted;
      waiting.sent = true;
      accepted = true;
    }
    return accepted;
  }

  return {
    async join() {
      const state = await readEngine();
      if (state === undefined) return FAILED;
      const opened = await secret.open(state.sealedSecret);
      if (opened === undefined) {
        damagedSecret = Buffer.from(state.sealedSecret);
        return REPEAT;
      }
      if (state.keyId !== seal.keyIds.current) await reseal(opened);
      const before = secret.current;
      if (before !== undefined && (state.epoch < purges.epoch || state.offset < news.offset)) {
        await renewRun(state);
        return REPEAT;
      }
      const lost = before !== undefined && (opened.id !== before.id || run?.equals(state.run) !== true);
      secret.adopt(opened);
      run = state.run;
      const complete = await apply(state, { first: before === undefined, lost });
      if (complete) joinedAt = clock.now();
      return { complete, repeat: await sendPurges() };
    },
    get joinedAt() {
      return joinedAt;
    },
  };
}
