import type { Clock } from '../lib/clock.ts';

/** A message for the other gateways. */
export type News =
  /** Also delivered to gateways that start later, until `until` in wall-clock milliseconds. Never dropped before that. */
  | { readonly type: 'lasting'; readonly text: string; readonly until: number }
  /** Delivered only to running gateways. If a subject has too many messages, `summary` replaces all of them. */
  | { readonly type: 'passing'; readonly text: string; readonly subject: string; readonly summary: string };

type Passing = Extract<News, { type: 'passing' }>;

/** News waiting to be sent, and sent lasting news in case the engine loses it. */
export interface Outbox {
  add(news: News): void;
  /** Dequeues the next batch, bounded in size, lasting news first. */
  take(): readonly News[];
  /** Requeues a batch that was not delivered. */
  putBack(batch: readonly News[]): void;
  /** Requeues all lasting news after the engine may have lost it. */
  sendLastingAgain(): void;
}

const MAX_BATCH = 2_000;
const MAX_PASSING_PER_SUBJECT = 1_000;

/**
 * Separate queues ensure that frequent passing news cannot displace lasting news. Lasting news is bounded by its producers and by expiry;
 * passing news by its subjects, which are names from the configuration.
 */
export function createOutbox(clock: Clock): Outbox {
  const lasting = new Map<string, number>();
  const unsentLasting = new Set<string>();
  const passing = new Map<string, { texts: string[]; readonly summary: string }>();
  const summarized = new Map<string, string>();

  function dropExpired(): void {
    for (const [text, until] of lasting) {
      if (clock.wall() < until) return;
      lasting.delete(text);
      unsentLasting.delete(text);
    }
  }

  function addPassing({ subject, text, summary }: Passing): void {
    if (summarized.has(subject)) return;
    const queue = passing.get(subject) ?? { texts: [], summary };
    queue.texts.push(text);
    passing.set(subject, queue);
    if (queue.texts.length <= MAX_PASSING_PER_SUBJECT) return;
    passing.delete(subject);
    summarized.set(subject, summary);
  }

  function add(news: News): void {
    if (news.type === 'passing') {
      addPassing(news);
      return;
    }
    dropExpired();
    lasting.set(news.text, news.until);
    unsentLasting.add(news.text);
  }

  function takeLasting(): News[] {
    const taken: News[] = [];
    for (const text of unsentLasting) {
      if (taken.length >= MAX_BATCH) break;
      unsentLasting.delete(text);
      const until = lasting.get(text);
      if (until !== undefined) taken.push({ type: 'lasting', text, until });
    }
    return taken;
  }

  function takeSummaries(): News[] {
    const taken = [...summarized].map(
      ([subject, summary]): News => ({ type: 'passing', text: summary, subject, summary }),
    );
    summarized.clear();
    return taken;
  }

  /** Dequeues whole subjects until the batch has at least `target` messages. */
  function takePassing(target: number): News[] {
    const taken: News[] = [];
    for (const [subject, { texts, summary }] of passing) {
      if (taken.length >= target) break;
      passing.delete(subject);
      for (const text of texts) taken.push({ type: 'passing', text, subject, summary });
    }
    return taken;
  }

  return {
    add,
    take() {
      dropExpired();
      const urgent = [...takeLasting(), ...takeSummaries()];
      return [...urgent, ...takePassing(MAX_BATCH - urgent.length)];
    },
    putBack(batch) {
      for (const news of batch) add(news);
    },
    sendLastingAgain() {
      dropExpired();
      for (const text of lasting.keys()) unsentLasting.add(text);
    },
  };
}
