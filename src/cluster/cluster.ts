import { createHash, createHmac } from 'node:crypto';
import type { PurgeScope } from '../cache/purge-log.ts';
import type { Clock } from '../lib/clock.ts';
import { createPaced } from '../lib/paced.ts';
import type { Random } from '../lib/random.ts';
import type { Seal } from '../lib/sealed-box.ts';
import type { BudgetShare } from '../upstream/budget/budget.ts';
import { createBroadcastLog, type NewsHandlers } from './broadcast-log.ts';
import { createGroupScripts } from './lua-scripts.ts';
import type { News } from './outbox.ts';
import { createPurgeSync, type PurgeHandlers, RECENT_MS } from './purge-sync.ts';
import type { RedisClient } from './redis-client.ts';
import { joinReply, purgeForm, readMessage, secretForm } from './wire-schemas.ts';

/** What a gateway does about what the others tell. */
export interface SharedHandlers extends PurgeHandlers, NewsHandlers {
  /** Purges may have been missed: everything is asked for again, and kept in case that fails. */
  onDoubt(): void;
  /** A value was published or a lease given back. */
  onChange(name: string): void;
}

/** The gateways that share one engine: a common secret for names, the purges in one order, and what they tell each other. */
export interface Cluster {
  /** Connects, and resolves when it has joined, or after a moment in any case. */
  open(): Promise<void>;
  close(): Promise<void>;
  /** A name that says nothing of its parts to who does not know the group's secret; undefined before it has joined. */
  keyFor(kind: string, ...parts: readonly string[]): string | undefined;
  /** How many purges there were so far: what is loaded now has outlived them. */
  readonly sequence: number;
  /** Whether what others keep may be believed now: this gateway knows of all purges, and they know of its own. */
  isSynced(): Promise<boolean>;
  /** Whether a purge came after `sequence`. */
  isPurgedSince(project: string, operation: string, sequence: number): boolean;
  broadcastPurge(scope: PurgeScope & { soft: boolean }): void;
  /** Tells all others within a moment. */
  broadcast(news: News): void;
  readonly channel: string;
}

const SYNC_MS = 400;
const EXCHANGE_MS = 200;
/** Older knowledge of purges than this is not relied on. */
const NEWS_TTL_MS = 700;
const LONGEST_JOIN_MS = 1_000;
/** Joins that others or the group itself ask for are this far apart, and further with each one that comes to nothing. */
const FIRST_SYNC_PAUSE_MS = 20;
/** However often the engine gives reason to doubt what is cached, everything is loaded again once in this time at most. */
const DOUBT_PAUSE_MS = 30_000;
const NAME_LENGTH = 24;

/**
 * Purges have numbers, given by the engine: a value says which one it has outlived. Each gateway asks every now and then, and whenever it is
 * poked, for those it has not heard of. The engine may forget everything at any time: then whoever comes first begins again where it was,
 * and all tell their latest purges once more. The namespace is the origin's, so that gateways in front of one Atlas find each other.
 */
export function createCluster(
  { namespace }: { namespace: string },
  {
    engine,
    seal,
    budget,
    clock,
    random,
    handlers,
  }: {
    engine: RedisClient;
    seal: Seal;
    budget: BudgetShare;
    clock: Clock;
    random: Random;
    handlers: SharedHandlers;
  },
): Cluster {
  const space = createHash('sha256').update(namespace).digest('base64url').slice(0, NAME_LENGTH);
  const keyOf = (part: string) => `agw1:{${space}}:${part}`;
  const channel = `agw1:${space}`;
  const [control, log, newsKey] = [keyOf('control'), keyOf('purges'), keyOf('news')];
  const scripts = createGroupScripts();
  let secret: { readonly id: string; readonly names: Buffer; readonly sealed: Buffer } | undefined;
  let run: Buffer | undefined;
  let broken = Buffer.alloc(0);
  let joinedAt = Number.NEGATIVE_INFINITY;
  let joining: Promise<void> | undefined;
  let incompleteJoins = 0;
  let poked = false;
  let closed = false;
  const purges = createPurgeSync({
    clock,
    random,
    handlers: {
      onPurge: handlers.onPurge,
      onGap: createPaced(handlers.onGap, () => DOUBT_PAUSE_MS, clock),
    },
  });
  const doubt = createPaced(handlers.onDoubt, () => DOUBT_PAUSE_MS, clock);
  const news = createBroadcastLog(
    {
      self: random.bytes(9).toString('base64url'),
      channel,
      keys: { control, news: newsKey, lasting: keyOf('lasting') },
      joined: () => secret !== undefined,
      accountKey: (account) => keyOf(`budget:${keyFor('budget', account)}`),
    },
    { engine, scripts, seal, budget, clock, handlers },
  );

  const createSecret = () => ({
    id: random.bytes(9).toString('base64url'),
    names: random.bytes(32).toString('base64url'),
  });
  const sealed = (place: string, value: unknown) => seal.seal(place, Buffer.from(JSON.stringify(value)));
  const isDue = () => clock.now() - joinedAt > NEWS_TTL_MS;

  /** False where it is to be tried again. */
  async function join(): Promise<boolean> {
    const proposal = secret?.sealed ?? (await sealed(control, createSecret()));
    const reply = await engine.evaluate({
      operation: 'join',
      script: scripts.join,
      keys: [control, log, newsKey],
      args: [
        seal.keyIds.current,
        seal.keyIds.previous ?? '',
        proposal,
        random.bytes(9).toString('base64url'),
        secret === undefined ? -1 : purges.sequence,
        secret === undefined ? -1 : news.offset,
        broken,
      ],
    });
    const read = joinReply.safeParse(reply);
    if (!read.success) return false;
    const [field, found, foundRun, sequence, told, purged, tellings] = read.data;
    const opened =
      secret?.sealed.equals(found) === true
        ? { id: secret.id, names: secret.names.toString('base64url') }
        : readMessage(secretForm, await seal.open(control, found));
    if (opened === undefined) {
      // Damaged: replaced at the next turn.
      broken = Buffer.from(found);
      poked = true;
      return false;
    }
    if (field.toString() !== seal.keyIds.current) {
      await engine.evaluate({
        operation: 'join',
        script: scripts.reseal,
        keys: [control],
        args: [seal.keyIds.current, await sealed(control, opened)],
      });
    }
    const first = secret === undefined;
    if (!first && (sequence < purges.sequence || told < news.offset)) {
      await engine.evaluate({
        operation: 'join',
        script: scripts.renew,
        keys: [control],
        args: [
          foundRun,
          random.bytes(9).toString('base64url'),
          Math.max(sequence, purges.sequence),
          Math.max(told, news.offset),
        ],
      });
      poked = true;
      return false;
    }
    const lost = !first && (opened.id !== secret?.id || run?.equals(foundRun) !== true);
    secret = { id: opened.id, names: Buffer.from(opened.names, 'base64url'), sealed: found };
    run = foundRun;
    const offset = purged
      .toReversed()
      .map(async (entry) => readMessage(purgeForm, await seal.open(log, entry)));
    purges.learn(sequence, await Promise.all(offset), { first });
    const complete = await news.learn(told, first ? [] : tellings, { first, lost });
    if (lost) {
      if (clock.now() - joinedAt > RECENT_MS) doubt();
      purges.tellAgain();
    }
    if (complete) joinedAt = clock.now();
    await sendPurges();
    return complete;
  }

  async function sendPurges(): Promise<void> {
    for (const waiting of purges.unconfirmed.values()) {
      if (waiting.sent) continue;
      const reply = await engine.evaluate({
        operation: 'announce',
        script: scripts.announce,
        keys: [control, log],
        args: [await sealed(log, waiting.purge), channel],
      });
      if (reply === undefined) return;
      waiting.sent = true;
      poked = true;
    }
  }

  function synchronize(): Promise<void> {
    joining ??= join()
      .then((complete) => {
        incompleteJoins = complete ? 0 : incompleteJoins + 1;
      })
      .finally(() => {
        joining = undefined;
        if (!poked || closed || !engine.connected) return;
        poked = false;
        scheduleSync();
      });
    return joining;
  }

  /** What was heard while a join was under way may be younger than what it has read: then one more follows. */
  const scheduleSync = createPaced(
    () => {
      if (closed) return;
      if (joining === undefined) void synchronize();
      else poked = true;
    },
    () => Math.min(SYNC_MS, FIRST_SYNC_PAUSE_MS * 2 ** Math.min(incompleteJoins, 8)),
    clock,
  );

  function keyFor(kind: string, ...parts: readonly string[]): string | undefined {
    if (secret === undefined) return undefined;
    return createHmac('sha256', secret.names)
      .update(JSON.stringify([kind, ...parts]))
      .digest('base64url')
      .slice(0, NAME_LENGTH);
  }

  function every(ms: number, act: () => Promise<void>): void {
    clock.after(ms, () => {
      if (closed) return;
      void act().finally(() => every(ms, act));
    });
  }

  return {
    channel,
    async open() {
      engine.open(channel, (message) => {
        if (message === '') scheduleSync();
        else handlers.onChange(message);
      });
      every(SYNC_MS, synchronize);
      every(EXCHANGE_MS, news.exchange);
      const until = clock.now() + LONGEST_JOIN_MS;
      // The secret alone is not enough: who serves has to know the news that last, such as which tokens were revoked.
      const isOutside = () => joinedAt === Number.NEGATIVE_INFINITY;
      while (isOutside() && clock.now() < until) {
        if (engine.connected) await synchronize();
        if (isOutside()) await new Promise<void>((resolve) => void clock.after(20, resolve));
      }
    },
    async close() {
      await news.exchange();
      closed = true;
      await engine.close();
    },
    keyFor,
    get sequence() {
      return purges.sequence;
    },
    async isSynced() {
      if (secret === undefined || !engine.connected) return false;
      // An own purge takes two turns: one that tells it, and one in which it comes back. One that is under way may be past telling.
      const turns = joining !== undefined && purges.unconfirmed.size > 0 ? 3 : 2;
      for (let turn = 0; turn < turns && (isDue() || purges.unconfirmed.size > 0); turn++)
        await synchronize();
      return !isDue() && purges.unconfirmed.size === 0;
    },
    isPurgedSince: purges.isPurgedSince,
    broadcastPurge(scope) {
      purges.add(scope);
      scheduleSync();
    },
    broadcast: news.broadcast,
  };
}
