import type { Clock } from '../lib/clock.ts';
import type { Seal } from '../lib/sealed-box.ts';
import type { BucketUsage, BudgetShare } from '../upstream/budget/budget.ts';
import type { GroupScripts } from './lua-scripts.ts';
import { createOutbox, type News } from './outbox.ts';
import type { RedisClient } from './redis-client.ts';
import { newsForm, readLevel, readMessage } from './wire-schemas.ts';

/** What a gateway does about news of others. */
export interface NewsHandlers {
  onNews(news: string): void;
  /** News may have been missed; what lasts of them follows. */
  onMissedNews(): void;
}

/** What gateways tell each other once, and what they draw from the budget they share: both go in one exchange. */
export interface BroadcastLog {
  /** How many the engine has counted, as far as this gateway has heard of them. */
  readonly offset: number;
  /** Tells all others at the next exchange. */
  broadcast(news: News): void;
  /** Tells what there is to tell, and settles what was drawn; nothing where an exchange is under way or there is nothing. */
  exchange(): Promise<void>;
  /**
   * Takes over what the engine has after what was heard, the latest first. `first`: nothing was known; `lost`: the engine may have lost what
   * it was told. False where news that lasts could not be read: it is tried again at the next call, and until then some of it may be unknown.
   */
  learn(
    told: number,
    entries: readonly Buffer[],
    known: { readonly first: boolean; readonly lost: boolean },
  ): Promise<boolean>;
}

/** Nobody waits for what is read at a join: it may be long. */
const LASTING_DEADLINE_MS = 2_000;

export function createBroadcastLog(
  {
    self,
    channel,
    keys,
    joined,
    accountKey,
  }: {
    /** This gateway, among those that tell. */
    self: string;
    channel: string;
    keys: { readonly control: string; readonly news: string; readonly lasting: string };
    /** Whether the group's secret is known, without which nothing has a name. */
    joined: () => boolean;
    /** Where the engine has the bucket of an account. */
    accountKey: (usage: string) => string;
  },
  {
    engine,
    scripts,
    seal,
    budget,
    clock,
    handlers,
  }: {
    engine: RedisClient;
    scripts: GroupScripts;
    seal: Seal;
    budget: BudgetShare;
    clock: Clock;
    handlers: NewsHandlers;
  },
): BroadcastLog {
  const { control, news: newsKey, lasting } = keys;
  const outbox = createOutbox(clock);
  let offset = 0;
  let exchanging = false;
  /** Whether lasting news is still to be read. */
  let lastingDue = false;

  async function readLasting(): Promise<boolean> {
    const reply = await engine.evaluate({
      operation: 'join',
      script: scripts.lasting,
      keys: [lasting],
      args: [],
      deadlineMs: LASTING_DEADLINE_MS,
    });
    if (!Array.isArray(reply)) return false;
    for (const one of reply) {
      const plain = Buffer.isBuffer(one) ? await seal.open(lasting, one) : undefined;
      if (plain !== undefined) handlers.onNews(plain.toString());
    }
    return true;
  }

  /** False where the engine did not take it. */
  async function send(batch: readonly News[], usage: readonly BucketUsage[]): Promise<boolean> {
    const lastingArgs: (number | Buffer)[] = [];
    for (const news of batch)
      if (news.type === 'lasting')
        lastingArgs.push(await seal.seal(lasting, Buffer.from(news.text)), news.until);
    const message = JSON.stringify({ from: self, news: batch.map(({ text }) => text) });
    const told = batch.length === 0 ? '' : await seal.seal(newsKey, Buffer.from(message));
    const reply = await engine.evaluate({
      operation: 'exchange',
      script: scripts.exchange,
      keys: [control, newsKey, lasting, ...usage.map(({ key }) => accountKey(key))],
      args: [
        channel,
        lastingArgs.length / 2,
        ...lastingArgs,
        told,
        ...usage.flatMap(({ drawn, ceiling, pauseMs, size: { capacity, refill, perMs } }) => [
          drawn,
          ceiling ?? '',
          pauseMs,
          capacity,
          refill,
          perMs,
        ]),
      ],
    });
    if (!Array.isArray(reply)) return false;
    budget.applyLevels(
      usage.flatMap(({ key, size }, index) => {
        const level = readLevel(reply[2 * index], reply[2 * index + 1], size.capacity);
        return level === undefined ? [] : [{ key, ...level }];
      }),
    );
    return true;
  }

  return {
    get offset() {
      return offset;
    },
    broadcast: outbox.add,
    async exchange() {
      if (exchanging || !joined()) return;
      const usage = budget.collectUsage();
      const batch = engine.connected ? outbox.take() : [];
      if (batch.length === 0 && usage.length === 0) return;
      exchanging = true;
      const sent = await send(batch, usage).finally(() => {
        exchanging = false;
      });
      if (sent) return;
      budget.restoreUsage(usage);
      outbox.putBack(batch);
    },
    async learn(told, entries, { first, lost }) {
      const missed = first || lost || entries.length < told - offset;
      offset = told;
      for (const entry of entries.toReversed()) {
        const message = readMessage(newsForm, await seal.open(newsKey, entry));
        // What does not open was written by nobody of the group, or was damaged.
        if (message === undefined || message.from === self) continue;
        for (const news of message.news) handlers.onNews(news);
      }
      if (lost) outbox.sendLastingAgain();
      if (missed) {
        handlers.onMissedNews();
        lastingDue = true;
      }
      if (lastingDue) lastingDue = !(await readLasting());
      return !lastingDue;
    },
  };
}
