import type { CacheEntry } from '../cache/entry-store.ts';
import { type CachedList, itemsOf } from '../gateway/reads/listing.ts';

/** One entry of the cache. */
export interface CachedListReport {
  readonly operation: string;
  /** The project or organization; `-` for lists across projects. */
  readonly project: string;
  /** Absent for what is not a list. */
  readonly items?: number;
  readonly bytes: number;
  readonly ageSeconds: number;
  readonly isFresh: boolean;
}

interface Scope {
  readonly project?: string;
  readonly operation?: string;
}

/** The entries of a project, of an operation, or of an operation of a project; `now` is in monotonic milliseconds. */
export function cachedListsOf(
  { project, operation }: Scope,
  entries: Iterable<CacheEntry<CachedList>>,
  now: number,
): readonly CachedListReport[] {
  const lists: CachedListReport[] = [];
  if (project === undefined && operation === undefined) return lists;
  for (const { window, value, bytes, ...of } of entries) {
    if (of.project !== (project ?? of.project) || of.operation !== (operation ?? of.operation)) continue;
    lists.push({
      operation: of.operation,
      project: of.project,
      ...(value.type === 'list' ? { items: itemsOf(value) } : {}),
      bytes,
      ageSeconds: Math.floor((now - window.loadedAt) / 1_000),
      isFresh: now < window.freshUntil,
    });
  }
  return lists;
}
