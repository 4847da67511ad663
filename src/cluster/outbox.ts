import type { Clock } from '../lib/clock.ts';

/** Something that the other gateways are to know. */
export type News =
  /** Also for gateways that start later, until `until` in wall-clock milliseconds. It is never dropped before that. */
  | { readonly type: 'lasting'; readonly text: string; readonly until: number }
  /** For those that are there. Where there is too much of a subject, `summary` takes the place of all of it. */
  | { readonly type: 'passing'; readonly text: string; readonly subject: string; readonly summary: string };

type Passing = Extract<News, { type: 'passing' }>;

/** News waiting to be sent, and lasting news that was sent, in case the engine loses it. */
export interface Outbox {
  add(news: News): void;
  /** Takes what is to be sent next out of the queue: lasting news first, a bounded number. */
  take(): readonly News[];
  /** A batch did not arrive: it is queued again. */
  putBack(batch: readonly News[]): void;
  /** The engine may have lost what it was sent: lasting news is queued again. */
  sendLastingAgain(): void;
}

const MAX_BATCH = 2_000;
const MAX_PASSING_PER_SUBJECT = 1_000;

/**
 * The two kinds have queues of their own, so that frequent passing news cannot displace lasting news. Lasting news is bounded by who adds it,
 * and by expiry; passing news by its subjects, which are names from the configuration.
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

  /** Whole subjects, until there are `wanted` or a few more. */
  function takePassing(wanted: number): News[] {
    const taken: News[] = [];
    for (const [subject, { texts, summary }] of passing) {
      if (taken.length >= wanted) break;
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
