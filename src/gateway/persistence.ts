import type { CacheFile } from '../cache/cache-file.ts';
import type { ListCache } from '../cache/list-cache.ts';
import { fromWallTimes, lifetimesOf, toWallTimes } from '../cache/wall-times.ts';
import type { Clock } from '../lib/clock.ts';
import type { PersistenceEvent } from './events.ts';
import { readListingRecord, writeListingRecord } from './listing-record.ts';
import type { Listing } from './lists.ts';

/** Keeps the cache in a file, so that a gateway that starts while Atlas is down has something to answer with. */
export interface Persistence {
  /** Puts what the file holds into the cache. A file that cannot be used is told of, and nothing else. */
  restore(): void;
  /** Something may no longer be served: it must not come back from the file either. */
  forget(): void;
  /** Writes every now and then from now on. */
  begin(): void;
  /** Writes once more, and no more after that. */
  end(): Promise<void>;
}

/** After something was forgotten the file is written anew this soon, together with what else is forgotten meanwhile. */
const SOON_MS = 1_000;

export function createPersistence(
  { everyMs, nextSerial }: { everyMs: number; nextSerial: () => number },
  {
    cache,
    file,
    clock,
    observe,
  }: {
    cache: ListCache<Listing>;
    file: CacheFile;
    clock: Clock;
    observe: (event: PersistenceEvent) => void;
  },
): Persistence {
  let writing: Promise<void> = Promise.resolve();
  let cancel: () => void = () => undefined;
  let ended = false;
  let forgotten = 0;

  function* records() {
    for (const { project, operation, key, value, held } of [...cache.listings()]) {
      if (value.type !== 'list') continue;
      const { serial: _serial, type: _type, ...list } = value;
      yield writeListingRecord({ project, operation, key, list, ...toWallTimes(held, clock) });
    }
  }

  async function writeOnce(): Promise<void> {
    const before = forgotten;
    try {
      await file.write(records());
      // What was forgotten while it was written may stand in it.
      if (forgotten !== before) file.forget();
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
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
    if (!ended)
      cancel = clock.after(delayMs, () => {
        void write().then(() => schedule(everyMs));
      });
  }

  return {
    restore() {
      let restored = 0;
      try {
        for (const record of file.read()) {
          const read = readListingRecord(record);
          if (read === undefined) continue;
          const { project, operation, key, list, loadedAt } = read;
          const held = fromWallTimes(loadedAt, lifetimesOf(read), { clock, skewMs: 0 });
          const bytes = list.items.bytes.length + list.items.starts.byteLength;
          const value: Listing = { type: 'list', serial: nextSerial(), ...list };
          const usable = held.fallbackUntil > clock.now();
          if (usable && cache.restore({ project, operation, key, value, bytes, held })) restored++;
        }
        observe({ type: 'cache-file', outcome: 'restored', listings: restored });
      } catch (error) {
        const detail = error instanceof Error ? error.message : 'unknown';
        observe({ type: 'cache-file', outcome: 'not-read', detail });
      }
      removeLeftovers();
    },
    forget() {
      forgotten++;
      try {
        file.forget();
      } catch {
        observe({ type: 'cache-file', outcome: 'not-written', detail: 'cannot be removed' });
      }
      schedule(SOON_MS);
    },
    begin: () => schedule(everyMs),
    async end() {
      ended = true;
      cancel();
      await write();
    },
  };
}
