import type { Clock } from '../lib/clock.ts';
import type { Seal } from '../lib/sealed-box.ts';
import type { BucketUsage } from '../upstream/budget/bucket.ts';
import type { BudgetShare } from '../upstream/budget/budget.ts';
import type { GroupScripts } from './lua-scripts.ts';
import { createOutbox, type News } from './outbox.ts';
import type { RedisClient } from './redis-client.ts';
import { newsForm, readLevel, readMessage } from './wire-schemas.ts';

/** How a gateway handles news from other gateways. */
export interface NewsHandlers {
  onNews(news: string): void;
  /** News may have been missed; all lasting news is delivered again afterwards. */
  onMissedNews(): void;
}

/** Broadcasts between gateways, and their usage of the shared budget: one exchange carries both. */
export interface BroadcastLog {
  /** The last offset of the engine's log that this gateway has applied. */
  readonly offset: number;
  /** Sends news to all other gateways with the next exchange. */
  broadcast(news: News): void;
  /** Sends queued news and budget usage; does nothing while an exchange is in progress or if there is nothing to send. */
  exchange(): Promise<void>;
  /**
   * Applies the entries after `offset`, given newest first. `first`: this is the first join; `lost`: the engine may have lost data. Returns
   * false if lasting news could not be read: the next call tries again, and until then some of it may be unknown here.
   */
  apply(
    newOffset: number,
    entries: readonly Buffer[],
    known: { readonly first: boolean; readonly lost: boolean },
  ): Promise<boolean>;
}

/** Longer than the usual deadline: no request waits for this read, and the reply may be large. */
const LASTING_DEADLINE_MS = 2_000;

/** One call of `scripts.exchange` carries queued news and budget usage; what the engine stores of news is sealed. */
export function createBroadcastLog(
  {
    self,
    channel,
    keys,
    joined,
    accountKey,
  }: {
    /** The id of this gateway as a sender. */
    self: string;
    channel: string;
    keys: { readonly control: string; readonly news: string; readonly lasting: string };
    /** Whether the group's secret is known; without it, keys cannot be derived. */
    joined: () => boolean;
    /** The engine's key for a budget bucket. */
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
  /** Whether lasting news must still be read. */
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
    for (const entry of reply) {
      const plain = Buffer.isBuffer(entry) ? await seal.open(lasting, entry) : undefined;
      if (plain !== undefined) handlers.onNews(plain.toString());
    }
    return true;
  }

  /** Returns false if the engine did not accept the exchange. */
  async function send(batch: readonly News[], usage: readonly BucketUsage[]): Promise<boolean> {
    const lastingArgs: (number | Buffer)[] = [];
    for (const news of batch)
      if (news.type === 'lasting')
        lastingArgs.push(await seal.seal(lasting, Buffer.from(news.text)), news.until);
    const message = JSON.stringify({ from: self, news: batch.map(({ text }) => text) });
    const sealedBatch = batch.length === 0 ? '' : await seal.seal(newsKey, Buffer.from(message));
    const reply = await engine.evaluate({
      operation: 'exchange',
      script: scripts.exchange,
      keys: [control, newsKey, lasting, ...usage.map(({ key }) => accountKey(key))],
      args: [
        channel,
        lastingArgs.length / 2,
        ...lastingArgs,
        sealedBatch,
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
    async apply(newOffset, entries, { first, lost }) {
      const missed = first || lost || entries.length < newOffset - offset;
      offset = newOffset;
      for (const entry of entries.toReversed()) {
        const message = readMessage(newsForm, await seal.open(newsKey, entry));
        // An entry that cannot be opened was not written by this group, or is damaged.
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
