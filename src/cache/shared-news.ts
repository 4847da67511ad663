import type { BudgetShare } from '../upstream/budget.ts';
import type { SharedEngine } from './shared-engine.ts';
import { newsForm, readMessage } from './shared-messages.ts';
import type { GroupScripts } from './shared-scripts.ts';
import type { Seal } from './shared-seal.ts';

/** What a gateway does about news of others. */
export interface NewsHandlers {
  onNews(news: string): void;
  /** News may have been missed; what lasts of them follows. */
  onMissedNews(): void;
}

/** What gateways tell each other once, and what they draw from the budget they share: both go in one exchange. */
export interface SharedNews {
  /** How many the engine has counted, as far as this gateway has heard of them. */
  readonly heard: number;
  /** Tells all others at the next exchange. `until`: also those who come later, up to that wall-clock time. */
  tell(news: string, until?: number): void;
  /** Tells what there is to tell, and settles what was drawn; nothing where an exchange is under way or there is nothing. */
  exchange(): Promise<void>;
  /** Takes over what the engine has after what was heard, the latest first. */
  learn(told: number, entries: readonly Buffer[], known: { readonly missed: boolean }): Promise<void>;
}

const MAX_NEWS = 5_000;

export function createSharedNews(
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
    accountKey: (account: string) => string;
  },
  {
    engine,
    scripts,
    seal,
    budget,
    handlers,
  }: {
    engine: SharedEngine;
    scripts: GroupScripts;
    seal: Seal;
    budget: BudgetShare;
    handlers: NewsHandlers;
  },
): SharedNews {
  const { control, news: newsKey, lasting } = keys;
  let heard = 0;
  let unsaid: { news: string; until: number | undefined }[] = [];
  let exchanging = false;

  async function readLasting(): Promise<void> {
    const reply = await engine.run({ operation: 'join', script: scripts.lasting, keys: [lasting], args: [] });
    if (!Array.isArray(reply)) return;
    for (const one of reply) {
      const plain = Buffer.isBuffer(one) ? await seal.open(lasting, one) : undefined;
      if (plain !== undefined) handlers.onNews(plain.toString());
    }
  }

  return {
    get heard() {
      return heard;
    },
    tell(news, until) {
      if (unsaid.length >= MAX_NEWS) unsaid.shift();
      unsaid.push({ news, until });
    },
    async exchange() {
      if (exchanging || !joined()) return;
      const accounts = budget.take();
      if (unsaid.length === 0 && accounts.length === 0) return;
      exchanging = true;
      const said = unsaid;
      unsaid = [];
      const lastingArgs: (string | number | Buffer)[] = [];
      for (const { news, until } of said)
        if (until !== undefined) lastingArgs.push(await seal.seal(lasting, Buffer.from(news)), until);
      const message = JSON.stringify({ from: self, news: said.map(({ news }) => news) });
      const told = said.length === 0 ? '' : await seal.seal(newsKey, Buffer.from(message));
      const reply = await engine.run({
        operation: 'exchange',
        script: scripts.exchange,
        keys: [control, newsKey, lasting, ...accounts.map(({ key }) => accountKey(key))],
        args: [
          channel,
          lastingArgs.length / 2,
          ...lastingArgs,
          told,
          ...accounts.flatMap(({ drawn, ceiling, pauseMs, size: { capacity, refill, perMs } }) => [
            drawn,
            ceiling ?? '',
            pauseMs,
            capacity,
            refill,
            perMs,
          ]),
        ],
      });
      exchanging = false;
      if (!Array.isArray(reply)) {
        budget.giveUp(accounts);
        unsaid = [...said, ...unsaid].slice(-MAX_NEWS);
        return;
      }
      budget.settle(
        accounts.map(({ key }, index) => ({
          key,
          tokens: Number(String(reply[2 * index])),
          pauseMs: Number(reply[2 * index + 1]),
        })),
      );
    },
    async learn(told, entries, known) {
      const missed = known.missed || entries.length < told - heard;
      heard = told;
      for (const entry of entries.toReversed()) {
        const message = readMessage(newsForm, await seal.open(newsKey, entry));
        if (message === undefined || message.from === self) continue;
        for (const news of message.news) handlers.onNews(news);
      }
      if (!missed) return;
      handlers.onMissedNews();
      await readLasting();
    },
  };
}
