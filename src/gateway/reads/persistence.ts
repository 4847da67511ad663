import { fromWallTimes, lifetimesOf, toWallTimes } from '../../cache/persisted-times.ts';
import type { ListCache } from '../../cache/read-cache.ts';
import type { CacheFile } from '../../cache/snapshot-file.ts';
import type { Clock } from '../../lib/clock.ts';
import { codeOfError } from '../../lib/error-code.ts';
import type { PersistenceEvent } from '../events.ts';
import type { CachedList } from './listing.ts';
import { createListingCodec } from './listing-codec.ts';

/** Persists the cache in a file, so that a gateway that starts while Atlas is down can serve from it. */
export interface Persistence {
  /** Restores the cache from the file. A file that cannot be used is reported and otherwise ignored. */
  restore(): void;
  /** Removes the file, because it may contain a list that must no longer be served, and schedules a new one. */
  invalidate(): void;
  /** Starts to write periodically. */
  start(): void;
  /** Writes once more and stops. */
  stop(): Promise<void>;
}

/** Delay before the file is written again after an invalidation, so that further invalidations are included. */
const SOON_MS = 1_000;

export function createPersistence(
  { everyMs, nextRevision }: { everyMs: number; nextRevision: () => number },
  {
    cache,
    file,
    clock,
    observe,
  }: {
    cache: ListCache<CachedList>;
    file: CacheFile;
    clock: Clock;
    observe: (event: PersistenceEvent) => void;
  },
): Persistence {
  const codec = createListingCodec(nextRevision);
  let writing: Promise<void> = Promise.resolve();
  let cancel: () => void = () => undefined;
  let stopped = false;
  let invalidations = 0;

  function* records() {
    for (const { project, operation, key, value, window } of [...cache.listings()]) {
      yield codec.write({ project, operation, key, value, ...toWallTimes(window, clock) });
    }
  }

  async function writeOnce(): Promise<void> {
    const before = invalidations;
    try {
      await file.write(records());
      // The file may contain lists that were invalidated during the write.
      if (invalidations !== before) file.remove();
    } catch (error) {
      const code = codeOfError(error) ?? 'unknown';
      observe({ type: 'cache-file', outcome: 'not-written', detail: code });
    }
  }

  function removeLeftovers(): void {
    try {
      file.removeLeftovers();
    } catch {
      observe({ type: 'cache-file', outcome: 'not-written', detail: 'unfinished files cannot be removed' });
    }
  }

  const write = () => {
    writing = writing.then(writeOnce);
    return writing;
  };

  function schedule(delayMs: number): void {
    cancel();
    if (!stopped)
      cancel = clock.after(delayMs, () => {
        void write().then(() => schedule(everyMs));
      });
  }

  return {
    restore() {
      let restored = 0;
      try {
        for (const record of file.read()) {
          const read = codec.read(record);
          if (read === undefined) continue;
          const { project, operation, key, value, bytes, loadedAt } = read;
          const window = fromWallTimes(loadedAt, lifetimesOf(read), { clock, skewMs: 0 });
          const usable = window.staleIfErrorUntil > clock.now();
          if (usable && cache.restore({ project, operation, key, value, bytes, window })) restored++;
        }
        observe({ type: 'cache-file', outcome: 'restored', listings: restored });
      } catch (error) {
        const detail = error instanceof Error ? error.message : 'unknown';
        observe({ type: 'cache-file', outcome: 'not-read', detail });
      }
      removeLeftovers();
    },
    invalidate() {
      invalidations++;
      try {
        file.remove();
      } catch {
        observe({ type: 'cache-file', outcome: 'not-written', detail: 'cannot be removed' });
      }
      schedule(SOON_MS);
    },
    start: () => schedule(everyMs),
    async stop() {
      stopped = true;
      cancel();
      await write();
    },
  };
}
