import type { Clock } from '../lib/clock.ts';
import { createPartitionedLru, EXPIRING_LRU_OVERHEAD } from '../lib/partitioned-lru.ts';
import type { FreshnessWindow } from './freshness.ts';

/** A pinned listing with its window when it was pinned. */
interface Pinned<List> {
  readonly value: List;
  readonly window: FreshnessWindow;
}

/**
 * Listings that `next` links refer to, so that a caller who follows them reads one consistent list even if the list is refreshed in
 * between.
 */
export interface PinnedListings<List> {
  pin(
    project: string,
    listKey: string,
    snapshot: string,
    list: List,
    times: FreshnessWindow,
    bytes: number,
  ): void;
  find(project: string, listKey: string, snapshot: string): Pinned<List> | undefined;
  /** Removes the listings of a project, or all of them. */
  purge(project: string | undefined): void;
  readonly bytes: number;
}

/** How long a listing stays pinned after a link to it was last written. */
const PINNED_MS = 600_000;
/** Overhead charged per listing in addition to its bytes and key: the entry. */
const ENTRY_BYTES = 320;

/**
 * Bounded in bytes like the list cache. A listing that is also the current one is counted twice, which overestimates memory but is safe.
 */
export function createPinnedListings<List>(
  { maxBytes, projectShare }: { maxBytes: number; projectShare: number },
  { clock }: { clock: Clock },
): PinnedListings<List> {
  const listings = createPartitionedLru<string, Pinned<List> & { readonly bytes: number }>({
    maxBytes,
    maxPartitionBytes: maxBytes * projectShare,
    overhead: EXPIRING_LRU_OVERHEAD,
    lifetime: { ms: PINNED_MS, clock },
  });
  const keyOf = (listKey: string, snapshot: string) => `${snapshot} ${listKey}`;
  return {
    pin(project, listKey, snapshot, value, window, bytes) {
      const key = keyOf(listKey, snapshot);
      listings.set(project, key, { value, window, bytes: bytes + key.length + ENTRY_BYTES });
    },
    find: (project, listKey, snapshot) => listings.get(project, keyOf(listKey, snapshot)),
    get bytes() {
      return listings.bytes;
    },
    purge(project) {
      if (project === undefined) listings.clear();
      else listings.drop(project);
    },
  };
}
