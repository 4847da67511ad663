import type { Clock } from '../lib/clock.ts';
import { type FreshnessWindow, freshnessWindow } from './freshness.ts';
import { createMemoryTier } from './memory-tier.ts';

/** Listings that links lead back to, so that who follows `next` sees one list without a gap or a repeat, whatever is refreshed meanwhile. */
export interface PinnedListings<List> {
  pin(
    project: string,
    listKey: string,
    snapshot: string,
    list: List,
    times: FreshnessWindow,
    bytes: number,
  ): void;
  find(
    project: string,
    listKey: string,
    snapshot: string,
  ): { readonly value: List; readonly window: FreshnessWindow } | undefined;
  /** Forgets what a purge covers: everything of a project, or all. */
  purge(project: string | undefined): void;
  readonly bytes: number;
}

/** How long a link leads back to its listing after it was last written. */
const PINNED_MS = 600_000;
/** Counted for each beside the listing's bytes and the key: what the tier keeps, with a project of its own. */
const ENTRY_BYTES = 640;

/** Bounded in bytes like the lists themselves. A listing that is still the newest one is counted twice, which is safe. */
export function createPinnedListings<List>(
  options: { maxBytes: number; projectShare: number },
  { clock }: { clock: Clock },
): PinnedListings<List> {
  const tier = createMemoryTier<{ list: List; times: FreshnessWindow }>(options, () => undefined);
  const keyOf = (listKey: string, snapshot: string) => `${snapshot} ${listKey}`;
  return {
    pin(project, listKey, snapshot, list, times, bytes) {
      const key = keyOf(listKey, snapshot);
      const until = freshnessWindow(clock.now(), {
        freshMs: PINNED_MS,
        staleWhileRevalidateMs: 0,
        staleIfErrorMs: 0,
      });
      tier.set(project, key, {
        value: { list, times },
        window: until,
        bytes: bytes + key.length + ENTRY_BYTES,
        sequence: 0,
      });
    },
    find(project, listKey, snapshot) {
      const entry = tier.get(project, keyOf(listKey, snapshot));
      if (entry === undefined || clock.now() >= entry.window.freshUntil) return undefined;
      return { value: entry.value.list, window: entry.value.times };
    },
    get bytes() {
      return tier.bytes;
    },
    purge(project) {
      if (project === undefined) tier.clear();
      else tier.dropProject(project);
    },
  };
}
