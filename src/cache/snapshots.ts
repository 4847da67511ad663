import type { Clock } from '../lib/clock.ts';
import { type Held, hold } from './freshness.ts';
import { createMemoryTier } from './memory-tier.ts';

/** Listings that links lead back to, so that who follows `next` sees one list without a gap or a repeat, whatever is refreshed meanwhile. */
export interface Snapshots<List> {
  keep(project: string, listKey: string, snapshot: string, list: List, times: Held, bytes: number): void;
  find(
    project: string,
    listKey: string,
    snapshot: string,
  ): { readonly value: List; readonly held: Held } | undefined;
  /** Forgets what a purge covers: everything of a project, or all. */
  purge(project: string | undefined): void;
  readonly bytes: number;
}

/** How long a link leads back to its listing after it was last written. */
const KEPT_MS = 600_000;
/** Counted for each beside the listing's bytes and the key: what the tier keeps, with a project of its own. */
const ENTRY_BYTES = 640;

/** Bounded in bytes like the lists themselves. A listing that is still the newest one is counted twice, which is safe. */
export function createSnapshots<List>(
  options: { maxBytes: number; projectShare: number },
  { clock }: { clock: Clock },
): Snapshots<List> {
  const tier = createMemoryTier<{ list: List; times: Held }>(options, () => undefined);
  const keyOf = (listKey: string, snapshot: string) => `${snapshot} ${listKey}`;
  return {
    keep(project, listKey, snapshot, list, times, bytes) {
      const key = keyOf(listKey, snapshot);
      const until = hold(clock.now(), { freshMs: KEPT_MS, staleWhileRevalidateMs: 0, staleIfErrorMs: 0 });
      tier.set(project, key, {
        value: { list, times },
        held: until,
        bytes: bytes + key.length + ENTRY_BYTES,
        sequence: 0,
      });
    },
    find(project, listKey, snapshot) {
      const entry = tier.get(project, keyOf(listKey, snapshot));
      if (entry === undefined || clock.now() >= entry.held.freshUntil) return undefined;
      return { value: entry.value.list, held: entry.value.times };
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
