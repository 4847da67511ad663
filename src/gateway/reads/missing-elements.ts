import { LRUCache } from 'lru-cache';
import type { Clock } from '../../lib/clock.ts';

/** Elements that Atlas said not to exist any more, by cache key. */
export interface MissingElements {
  add(key: string): void;
  /** Whether Atlas said so after `loadedAt`, in monotonic milliseconds. */
  isMissingSince(key: string, loadedAt: number): boolean;
}

/** Keys contain ids of any length, so their number alone would not bound memory. */
const MAX_BYTES = 262_144;
const ENTRY_BYTES = 256;

/**
 * A listing with such an element may still be served stale, or come back from another gateway or from the snapshot file: this outlives both
 * the listing and the cached 404.
 */
export function createMissingElements(clock: Clock): MissingElements {
  const missing = new LRUCache<string, number>({
    maxSize: MAX_BYTES,
    sizeCalculation: (_since, key) => ENTRY_BYTES + 2 * key.length,
  });
  return {
    add: (key) => void missing.set(key, clock.now()),
    isMissingSince(key, loadedAt) {
      const since = missing.size === 0 ? undefined : missing.get(key);
      return since !== undefined && loadedAt <= since;
    },
  };
}
