import { countItems, itemFields, pickItems } from '../../atlas/list-parser.ts';
import type { Caller } from '../auth/key-auth.ts';
import { type Cut, cutOf } from '../auth/policy.ts';
import type { Listing } from './listing.ts';
import { snapshotOf } from './snapshot-id.ts';

function applyCut(list: Listing, { field, ids }: Cut, revision: number): Listing {
  // Even the number of items missing from a page would reveal something about other projects.
  if (!list.whole) throw new Error('Only a whole list can be filtered to a caller');
  const visible: number[] = [];
  for (let index = 0; index < countItems(list.items); index++) {
    const id = itemFields(list.items, index)[field];
    if (typeof id === 'string' && ids.has(id)) visible.push(index);
  }
  const items = pickItems(list.items, visible);
  return { ...list, revision, items, totalCount: visible.length, snapshot: snapshotOf(items) };
}

/**
 * Filters lists across projects to one caller: only the items of its projects or organizations remain, so that counts, pages, ETags and
 * links depend on these alone. A filtered list is created once per listing and set of ids; callers with the same ids share it.
 */
export function createListingFilter(nextRevision: () => number) {
  const filteredLists = new WeakMap<Listing, Map<string, Listing>>();
  return function filterFor(caller: Caller, operationId: string, list: Listing): Listing {
    const cut = cutOf(caller, operationId);
    if (cut === undefined) return list;
    const known = filteredLists.get(list)?.get(cut.fingerprint);
    if (known !== undefined) return known;
    const filtered = applyCut(list, cut, nextRevision());
    const ofList = filteredLists.get(list) ?? new Map<string, Listing>();
    ofList.set(cut.fingerprint, filtered);
    filteredLists.set(list, ofList);
    return filtered;
  };
}
