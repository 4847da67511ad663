import type { CacheEntry } from '../cache/entry-store.ts';
import { type CachedList, itemsOf } from '../gateway/reads/listing.ts';

/** What a project has in the cache. */
export interface ProjectUsage {
  readonly listings: number;
  /** Of these, those that are no longer fresh. */
  readonly staleListings: number;
  readonly items: number;
  readonly bytes: number;
  readonly oldestSeconds: number;
}

type Counting = { -readonly [Field in keyof ProjectUsage]: ProjectUsage[Field] };

/** The usage of the cache by project; `now` is in monotonic milliseconds. */
export function projectUsages(
  listings: Iterable<CacheEntry<CachedList>>,
  now: number,
): ReadonlyMap<string, ProjectUsage> {
  const projects = new Map<string, Counting>();
  for (const { project, value, window, bytes } of listings) {
    const usage = projects.get(project) ?? {
      listings: 0,
      staleListings: 0,
      items: 0,
      bytes: 0,
      oldestSeconds: 0,
    };
    usage.listings++;
    if (now >= window.freshUntil) usage.staleListings++;
    usage.items += itemsOf(value);
    usage.bytes += bytes;
    usage.oldestSeconds = Math.max(usage.oldestSeconds, Math.floor((now - window.loadedAt) / 1_000));
    projects.set(project, usage);
  }
  return projects;
}
