import { identitiesOf } from '../../atlas/item-identity.ts';
import { concatItems, type Items, pickItems } from '../../atlas/list-parser.ts';
import type { Loaded } from '../../cache/results.ts';
import type { UpstreamFailure } from '../../upstream/message.ts';
import type { Credential } from '../credentials/selection.ts';
import { NO_CREDENTIAL } from './failover.ts';
import type { LoadResult } from './list-cache.ts';
import type { CachedList, Listing } from './listing.ts';

/** Items of several lists in their order, each of them once: as the first list has it. */
function distinctItems(lists: readonly Items[], identityFields: readonly string[]): Items {
  const all = concatItems(lists);
  const indexes = new Map<number, number>();
  identitiesOf(all, identityFields).forEach((identity, index) => {
    if (!indexes.has(identity)) indexes.set(identity, index);
  });
  return pickItems(all, [...indexes.values()]);
}

interface MergeOptions {
  readonly credentials: readonly Credential[];
  /** The fields that tell items of the list apart. */
  readonly identityFields: readonly string[];
}

/**
 * A list across projects as all credentials together see it, without duplicates and as old as the oldest of its loads; fails or is refused as
 * the first of its loads is.
 */
export async function mergeAcrossCredentials(
  { credentials, identityFields }: MergeOptions,
  load: (credential: Credential) => Promise<LoadResult<CachedList>>,
  toLoaded: (items: Items, first: Listing) => Promise<Loaded<CachedList, UpstreamFailure>>,
): Promise<LoadResult<CachedList>> {
  const listings: Listing[] = [];
  let oldestAt = Number.POSITIVE_INFINITY;
  for (const credential of credentials) {
    const loaded = await load(credential);
    if (loaded.type !== 'loaded' || loaded.value.type !== 'list') return loaded;
    listings.push(loaded.value);
    oldestAt = Math.min(oldestAt, loaded.loadedAt ?? oldestAt);
  }
  const [first] = listings;
  if (first === undefined) return NO_CREDENTIAL;
  const lists = listings.map(({ items }) => items);
  const loaded = await toLoaded(distinctItems(lists, identityFields), first);
  return Number.isFinite(oldestAt) ? { ...loaded, loadedAt: oldestAt } : loaded;
}
