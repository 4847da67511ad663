import { satisfies } from '../../cache/decide.ts';
import { type FreshnessWindow, freshness, freshnessWindow, type Lifetimes } from '../../cache/freshness.ts';
import type { Entry } from '../../cache/memory-tier.ts';
import type { SharedTier } from '../../cluster/redis-tier.ts';
import type { Clock } from '../../lib/clock.ts';
import type { UpstreamFailure } from '../../upstream/message.ts';
import type { LoadResult } from './list-cache.ts';
import type { CachedList } from './listing.ts';
import type { SharedLists, SharedQuery } from './shared-listing-types.ts';

/** `identityOf`: the id behind a credential's name, so that credentials with equal names on two gateways do not share lists. */
export function createSharing(
  { identityOf }: { identityOf: (credential: string) => string },
  { tier, clock }: { tier: SharedTier<CachedList>; clock: Clock },
): SharedLists<CachedList> {
  const keyOf = ({ key, credentials }: SharedQuery) => JSON.stringify([credentials.map(identityOf), key]);

  /** The configuration of this gateway determines how long an entry may be served. */
  const windowHere = ({ value, window }: Entry<CachedList>, lifetimes: Lifetimes): FreshnessWindow =>
    value.type === 'long' ? window : freshnessWindow(window.loadedAt, lifetimes);

  const found = (
    entry: Entry<CachedList>,
    window: FreshnessWindow,
    failure?: UpstreamFailure,
  ): LoadResult<CachedList> => ({
    type: 'loaded',
    value: entry.value,
    bytes: entry.bytes,
    shared: { window, ...(failure === undefined ? {} : { failure }) },
  });

  function toStore(loaded: LoadResult<CachedList>, { operation, lifetimes }: SharedQuery) {
    switch (loaded.type) {
      case 'failed':
        return 'nothing';
      case 'refused':
        return loaded.invalidatesCache ? 'discard' : 'nothing';
      case 'loaded': {
        const { value, bytes, shared } = loaded;
        if (shared !== undefined) return 'nothing';
        return {
          value,
          bytes,
          operation,
          window: freshnessWindow(loaded.loadedAt ?? clock.now(), loaded.lifetimes ?? lifetimes),
        };
      }
    }
  }

  /** Loads from Atlas regardless of what other gateways have cached, and shares the result. */
  async function loadForAll(
    query: SharedQuery,
    load: () => Promise<LoadResult<CachedList>>,
  ): Promise<LoadResult<CachedList>> {
    const { epoch } = tier;
    const loaded = await load();
    const stored = toStore(loaded, query);
    if (stored === 'discard') void tier.delete(query.partition, keyOf(query));
    else if (stored !== 'nothing') void tier.set(query.partition, keyOf(query), { ...stored, epoch });
    return loaded;
  }

  return {
    async load(loading, load) {
      const { partition, operation, directives, priority, cold, waitUntil, lifetimes } = loading;
      if (directives.noCache && priority === 'foreground') return loadForAll(loading, load);
      let last: { entry: Entry<CachedList>; window: FreshnessWindow } | undefined;
      return tier.through<LoadResult<CachedList>>({
        project: partition,
        operation,
        key: keyOf(loading),
        waitUntil,
        accept(entry) {
          const window = windowHere(entry, lifetimes);
          const state = freshness(window, clock.now());
          if (state === 'expired') return undefined;
          last = { entry, window };
          const isGood =
            window.loadedAt >= loading.notBefore &&
            (priority === 'foreground' ? satisfies(directives, window, clock.now()) : state === 'fresh');
          return isGood ? found(entry, window) : undefined;
        },
        async load() {
          const loaded = await load();
          if (loaded.type !== 'failed' || !cold || last === undefined) return loaded;
          return found(last.entry, last.window, loaded);
        },
        toStore: (loaded) => toStore(loaded, loading),
      });
    },
    async find(query) {
      const entry = await tier.get(query.partition, keyOf(query));
      if (entry === undefined) return undefined;
      const window = windowHere(entry, query.lifetimes);
      const now = clock.now();
      const isServed =
        freshness(window, now) !== 'expired' &&
        window.loadedAt >= query.notBefore &&
        satisfies(query.directives, window, now);
      return isServed ? { value: entry.value, window } : undefined;
    },
  };
}
