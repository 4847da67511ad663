import { createHash } from 'node:crypto';
import type { PurgeScope } from '../cache/purge-log.ts';
import { createBackoff } from '../lib/backoff.ts';
import { type Clock, pause } from '../lib/clock.ts';
import { createPaced } from '../lib/paced.ts';
import type { Random } from '../lib/random.ts';
import type { Seal } from '../lib/sealed-box.ts';
import type { BudgetShare } from '../upstream/budget/budget.ts';
import { createBroadcastLog, type NewsHandlers } from './broadcast-log.ts';
import { createGroupSecret, NAME_LENGTH } from './group-secret.ts';
import { createGroupScripts } from './lua-scripts.ts';
import { createMembership } from './membership.ts';
import type { News } from './outbox.ts';
import { createPurgeSync, type PurgeHandlers } from './purge-sync.ts';
import type { RedisClient } from './redis-client.ts';

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
  readonly epoch: number;
  /** Whether shared values may be used now: this gateway has applied all purges, and the engine has all of its own. */
  isSynced(): Promise<boolean>;
  /** Whether a purge after `epoch` covers this operation of this project. */
  isPurgedSince(project: string, operation: string, epoch: number): boolean;
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
/** Pause between attempts of the first join. */
const JOIN_POLL_MS = 20;
/** Minimum pause between joins that messages on the channel trigger; it doubles with each incomplete join. */
const syncPauseMs = createBackoff({ firstMs: 20, longestMs: SYNC_MS });
/** The whole cache is invalidated at most once in this time, however often the engine gives reason to. */
const DOUBT_PAUSE_MS = 30_000;

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
  const keys = { control: keyOf('control'), purges: keyOf('purges'), news: keyOf('news') };
  const scripts = createGroupScripts();
  const secret = createGroupSecret({ place: keys.control }, { seal, random });
  /** Given when the gateway is open: what they act on needs the cluster itself. */
  let handlers: ClusterHandlers | undefined;
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
  const onDoubt = createPaced(
    () => handlers?.onDoubt(),
    () => DOUBT_PAUSE_MS,
    clock,
  );
  const news = createBroadcastLog(
    {
      self: random.bytes(9).toString('base64url'),
      channel,
      keys: { control: keys.control, news: keys.news, lasting: keyOf('lasting') },
      joined: () => secret.current !== undefined,
      accountKey: (account) => keyOf(`budget:${secret.keyFor('budget', account)}`),
    },
    {
      engine,
      scripts,
      seal,
      budget,
      clock,
      handlers: {
        onNews: (text) => handlers?.onNews(text),
        onMissedNews: () => handlers?.onMissedNews(),
      },
    },
  );

  const membership = createMembership(
    { keys, channel },
    { engine, scripts, seal, secret, purges, news, onDoubt, clock, random },
  );
  const isDue = () => clock.now() - membership.joinedAt > JOIN_TTL_MS;

  function synchronize(): Promise<void> {
    joining ??= membership
      .join()
      .then(({ complete, repeat }) => {
        incompleteJoins = complete ? 0 : incompleteJoins + 1;
        resyncDue ||= repeat;
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
    () => syncPauseMs(incompleteJoins),
    clock,
  );

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
      const hasNotJoined = () => membership.joinedAt === Number.NEGATIVE_INFINITY;
      while (hasNotJoined() && clock.now() < until) {
        if (engine.connected) await synchronize();
        if (hasNotJoined()) await pause(clock, JOIN_POLL_MS);
      }
    },
    async close() {
      await news.exchange();
      closed = true;
      await engine.close();
    },
    keyFor: secret.keyFor,
    get epoch() {
      return purges.epoch;
    },
    async isSynced() {
      if (secret.current === undefined || !engine.connected) return false;
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
