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

/** How a gateway handles broadcasts of the other gateways. */
export interface ClusterHandlers extends PurgeHandlers, NewsHandlers {
  /** Purges may have been missed: everything is marked stale, so that it is revalidated but can still be served if that fails. */
  onDoubt(): void;
  /** A value was published or a lease was released. */
  onChange(name: string): void;
}

/** The gateways that share one engine: they have a common secret for key names, one order of purges, and a broadcast log. */
export interface Cluster {
  /** Connects; resolves when this gateway has joined, or after at most a second. Nothing is handled before. */
  open(handlers: ClusterHandlers): Promise<void>;
  close(): Promise<void>;
  /** A key name that reveals nothing about its parts without the group's secret; undefined before this gateway has joined. */
  keyFor(kind: string, ...parts: readonly string[]): string | undefined;
  /** The number of purges so far: a load that begins now is not affected by them. */
  readonly sequence: number;
  /** Whether shared values may be used now: this gateway has applied all purges, and the engine has all of its own. */
  isSynced(): Promise<boolean>;
  /** Whether a purge after `sequence` covers this operation of this project. */
  isPurgedSince(project: string, operation: string, sequence: number): boolean;
  broadcastPurge(scope: PurgeScope & { soft: boolean }): void;
  /** Sends news to all other gateways within a moment. */
  broadcast(news: News): void;
  readonly channel: string;
}

const SYNC_MS = 400;
const EXCHANGE_MS = 200;
/** A join that is older than this no longer proves that all purges are known. */
const JOIN_TTL_MS = 700;
const LONGEST_JOIN_MS = 1_000;
/** Minimum pause between joins that messages on the channel trigger; it doubles with each incomplete join. */
const FIRST_SYNC_PAUSE_MS = 20;
/** The whole cache is invalidated at most once in this time, however often the engine gives reason to. */
const DOUBT_PAUSE_MS = 30_000;
const NAME_LENGTH = 24;

/**
 * The engine numbers purges; a shared value records the last number before its load. Each gateway fetches new purges periodically and
 * whenever a message on the channel announces one. The engine may lose its data at any time: the first gateway that notices then restores
 * the counters from its own state, and all gateways send their recent purges again. The namespace derives from the origin, so that gateways
 * in front of the same Atlas form one group.
 */
export function createCluster(
  { namespace }: { namespace: string },
  {
    engine,
    seal,
    budget,
    clock,
    random,
  }: {
    engine: RedisClient;
    seal: Seal;
    budget: BudgetShare;
    clock: Clock;
    random: Random;
  },
): Cluster {
  const space = createHash('sha256').update(namespace).digest('base64url').slice(0, NAME_LENGTH);
  const keyOf = (part: string) => `agw1:{${space}}:${part}`;
  const channel = `agw1:${space}`;
  const [control, log, newsKey] = [keyOf('control'), keyOf('purges'), keyOf('news')];
  const scripts = createGroupScripts();
  let secret: { readonly id: string; readonly names: Buffer; readonly sealed: Buffer } | undefined;
  let run: Buffer | undefined;
  let damagedSecret = Buffer.alloc(0);
  /** Given when the gateway is open: what they act on needs the cluster itself. */
  let handlers: ClusterHandlers | undefined;
  let joinedAt = Number.NEGATIVE_INFINITY;
  let joining: Promise<void> | undefined;
  let incompleteJoins = 0;
  let resyncDue = false;
  let closed = false;
  const purges = createPurgeSync({
    clock,
    random,
    handlers: {
      onPurge: (scope) => handlers?.onPurge(scope),
      onGap: createPaced(
        () => handlers?.onGap(),
        () => DOUBT_PAUSE_MS,
        clock,
      ),
    },
  });
  const doubt = createPaced(
    () => handlers?.onDoubt(),
    () => DOUBT_PAUSE_MS,
    clock,
  );
  const news = createBroadcastLog(
    {
      self: random.bytes(9).toString('base64url'),
      channel,
      keys: { control, news: newsKey, lasting: keyOf('lasting') },
      joined: () => secret !== undefined,
      accountKey: (account) => keyOf(`budget:${keyFor('budget', account)}`),
    },
    {
      ...{ engine, scripts, seal, budget, clock },
      handlers: {
        onNews: (text) => handlers?.onNews(text),
        onMissedNews: () => handlers?.onMissedNews(),
      },
    },
  );

  const createSecret = () => ({
    id: random.bytes(9).toString('base64url'),
    names: random.bytes(32).toString('base64url'),
  });
  const sealed = (place: string, value: unknown) => seal.seal(place, Buffer.from(JSON.stringify(value)));
  const isDue = () => clock.now() - joinedAt > JOIN_TTL_MS;

  /** Returns false if the join must be tried again. */
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
        damagedSecret,
      ],
    });
    const read = joinReply.safeParse(reply);
    if (!read.success) return false;
    const [field, found, foundRun, sequence, offset, purgeEntries, newsEntries] = read.data;
    const opened =
      secret?.sealed.equals(found) === true
        ? { id: secret.id, names: secret.names.toString('base64url') }
        : readMessage(secretForm, await seal.open(control, found));
    if (opened === undefined) {
      // The secret is damaged: the next join replaces it.
      damagedSecret = Buffer.from(found);
      resyncDue = true;
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
    if (!first && (sequence < purges.sequence || offset < news.offset)) {
      await engine.evaluate({
        operation: 'join',
        script: scripts.renew,
        keys: [control],
        args: [
          foundRun,
          random.bytes(9).toString('base64url'),
          Math.max(sequence, purges.sequence),
          Math.max(offset, news.offset),
        ],
      });
      resyncDue = true;
      return false;
    }
    const lost = !first && (opened.id !== secret?.id || run?.equals(foundRun) !== true);
    secret = { id: opened.id, names: Buffer.from(opened.names, 'base64url'), sealed: found };
    run = foundRun;
    const received = purgeEntries
      .toReversed()
      .map(async (entry) => readMessage(purgeForm, await seal.open(log, entry)));
    purges.apply(sequence, await Promise.all(received), { first });
    const complete = await news.apply(offset, first ? [] : newsEntries, { first, lost });
    if (lost) {
      if (clock.now() - joinedAt > RECENT_MS) doubt();
      purges.resendRecent();
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
      resyncDue = true;
    }
  }

  function synchronize(): Promise<void> {
    joining ??= join()
      .then((complete) => {
        incompleteJoins = complete ? 0 : incompleteJoins + 1;
      })
      .finally(() => {
        joining = undefined;
        if (!resyncDue || closed || !engine.connected) return;
        resyncDue = false;
        scheduleSync();
      });
    return joining;
  }

  /** A message that arrives during a join may announce something newer than what the join has read: one more join follows. */
  const scheduleSync = createPaced(
    () => {
      if (closed) return;
      if (joining === undefined) void synchronize();
      else resyncDue = true;
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
    async open(opened) {
      handlers = opened;
      engine.open(channel, (message) => {
        if (message === '') scheduleSync();
        else opened.onChange(message);
      });
      every(SYNC_MS, synchronize);
      every(EXCHANGE_MS, news.exchange);
      const until = clock.now() + LONGEST_JOIN_MS;
      // The secret alone is not enough: before it serves, a gateway needs the lasting news, such as which tokens were revoked.
      const hasNotJoined = () => joinedAt === Number.NEGATIVE_INFINITY;
      while (hasNotJoined() && clock.now() < until) {
        if (engine.connected) await synchronize();
        if (hasNotJoined()) await new Promise<void>((resolve) => void clock.after(20, resolve));
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
      // An own purge takes two joins: one sends it, the next receives it back. A join in progress may already be past sending.
      const joins = joining !== undefined && purges.unconfirmed.size > 0 ? 3 : 2;
      for (let attempt = 0; attempt < joins && (isDue() || purges.unconfirmed.size > 0); attempt++)
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
