import { concatItems, countItems, type Items, pickItems, sliceItems } from '../../atlas/list-parser.ts';
import type { Credential } from '../credentials/selection.ts';
import { NO_CREDENTIAL } from './failover.ts';
import type { LoadResult } from './list-cache.ts';
import type { CachedList, Listing } from './listing.ts';

/** Items of several lists in their order, each of them once. */
function distinctItems(lists: readonly Items[]): Items {
  const all = concatItems(lists);
  const seen = new Set<string>();
  const distinct = Array.from({ length: countItems(all) }, (_none, index) => index).filter((index) => {
    const item = sliceItems(all, index, index + 1).toString('latin1');
    return seen.size !== seen.add(item).size;
  });
  return pickItems(all, distinct);
}

/** A list across projects as all credentials together see it, without duplicates; fails or is refused as the first of its loads is. */
export async function mergeAcrossCredentials(
  credentials: readonly Credential[],
  load: (credential: Credential) => Promise<LoadResult<CachedList>>,
  toLoadResult: (items: Items, first: Listing) => LoadResult<CachedList>,
): Promise<LoadResult<CachedList>> {
  const listings: Listing[] = [];
  for (const credential of credentials) {
    const loaded = await load(credential);
    if (loaded.type !== 'loaded' || loaded.value.type !== 'list') return loaded;
    listings.push(loaded.value);
  }
  const [first] = listings;
  return first === undefined
    ? NO_CREDENTIAL
    : toLoadResult(distinctItems(listings.map(({ items }) => items)), first);
}
