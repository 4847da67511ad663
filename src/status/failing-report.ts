import type { CacheEntry } from '../cache/entry-store.ts';
import { freshness } from '../cache/freshness.ts';
import type { CachedList } from '../gateway/reads/listing.ts';
import type { Clock } from '../lib/clock.ts';
import type { FailingList } from '../observability/failing-lists.ts';

/** A read that Atlas did not answer the last time it was asked. */
export interface FailingReport {
  readonly operation: string;
  /** The project or organization; `-` for lists across projects. */
  readonly project: string;
  /** The status that Atlas answered, such as `503`, or the gateway's code for the failure. */
  readonly code: string;
  /** ISO 8601, of the first failure since the last success. */
  readonly since: string;
  /** Seconds until Atlas is asked again; 0: by the next request. */
  readonly nextAttemptSeconds: number;
  /** The age of the oldest list that is served in its place; absent: nothing is cached. */
  readonly servedSeconds?: number;
  /** Whether requests fail: nothing is cached, or not what some of them ask for, such as other filters. */
  readonly failsRequests: boolean;
}

interface Circumstances {
  readonly listings: Iterable<CacheEntry<CachedList>>;
  readonly clock: Clock;
}

const nameOf = ({ operation, project }: Pick<FailingList, 'operation' | 'project'>) =>
  `${operation} ${project}`;

/** Adds to each failing list what is served in its place. */
export function reportFailing(
  failing: readonly FailingList[],
  { listings, clock }: Circumstances,
): readonly FailingReport[] {
  if (failing.length === 0) return [];
  const now = clock.now();
  const names = new Set(failing.map(nameOf));
  const served = new Map<string, number>();
  for (const entry of listings) {
    const name = nameOf(entry);
    if (!names.has(name) || freshness(entry.window, now) === 'expired') continue;
    const seconds = Math.floor((now - entry.window.loadedAt) / 1_000);
    served.set(name, Math.max(seconds, served.get(name) ?? 0));
  }
  return failing.map((list) => {
    const { operation, project, code, since, nextAttemptAt = now, refused } = list;
    const servedSeconds = served.get(nameOf(list));
    return {
      operation,
      project,
      code,
      since: new Date(since).toISOString(),
      nextAttemptSeconds: Math.max(0, Math.ceil((nextAttemptAt - now) / 1_000)),
      ...(servedSeconds === undefined ? {} : { servedSeconds }),
      failsRequests: refused || servedSeconds === undefined,
    };
  });
}
