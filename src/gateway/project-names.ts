import { countItems, type Items, itemFields } from '../atlas/list-parser.ts';
import type { ListCache } from '../cache/read-cache.ts';
import type { CachedList, Listing } from './reads/listing.ts';

/** The names of projects and organizations by id, as far as a list of them is cached. */
export type ProjectNames = () => ReadonlyMap<string, string>;

/** Lists whose items are projects or organizations, each with its `id` and `name`. */
const LISTS: ReadonlySet<string> = new Set(['listGroups', 'getOrgGroups', 'listOrgs']);
const MAX_NAMES = 10_000;

function namesIn(items: Items): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const length = Math.min(countItems(items), MAX_NAMES);
  for (let index = 0; index < length; index++) {
    const { id, name } = itemFields(items, index);
    if (typeof id === 'string' && typeof name === 'string') names.set(id, name);
  }
  return names;
}

/** Reads names from cached lists; reading causes no upstream calls. */
export function createProjectNames({
  cache,
}: {
  readonly cache: Pick<ListCache<CachedList>, 'listings'>;
}): ProjectNames {
  /** Listings do not change, so each is read once. */
  const read = new WeakMap<Listing, ReadonlyMap<string, string>>();
  const namesOf = (list: Listing) => {
    const names = read.get(list) ?? namesIn(list.items);
    read.set(list, names);
    return names;
  };
  return () => {
    const names = new Map<string, string>();
    for (const { operation, value } of cache.listings())
      if (LISTS.has(operation) && value.type === 'list')
        for (const [id, name] of namesOf(value)) if (names.size < MAX_NAMES) names.set(id, name);
    return names;
  };
}
