import { countItems, type Items, itemValue, pickItems } from '../atlas/list-body.ts';
import type { Caller } from './callers.ts';
import type { HeldList } from './lists.ts';
import { type Cut, cutOf } from './policy.ts';
import { snapshotOf } from './snapshot-id.ts';

function fieldOf(items: Items, index: number, field: string): unknown {
  const item = itemValue(items, index);
  return typeof item === 'object' && item !== null && !Array.isArray(item)
    ? Reflect.get(item, field)
    : undefined;
}

function cutDown(list: HeldList, { field, ids }: Cut, serial: number): HeldList {
  // Even the number of items missing from a page would reveal something about other projects.
  if (!list.whole) throw new Error('Only a whole list can be cut down to a caller');
  const kept: number[] = [];
  for (let index = 0; index < countItems(list.items); index++) {
    const id = fieldOf(list.items, index, field);
    if (typeof id === 'string' && ids.has(id)) kept.push(index);
  }
  const items = pickItems(list.items, kept);
  return { ...list, serial, items, totalCount: kept.length, snapshot: snapshotOf(items) };
}

/**
 * Filters lists across projects to one caller: only the items of its projects or organizations remain, so that counts, pages, ETags and
 * links depend on these alone. A view is created once per listing and set of ids; callers with the same ids share it.
 */
export function createViews(nextSerial: () => number) {
  const views = new WeakMap<HeldList, Map<string, HeldList>>();
  return function viewFor(caller: Caller, operationId: string, list: HeldList): HeldList {
    const cut = cutOf(caller, operationId);
    if (cut === undefined) return list;
    const known = views.get(list)?.get(cut.fingerprint);
    if (known !== undefined) return known;
    const view = cutDown(list, cut, nextSerial());
    const ofList = views.get(list) ?? new Map<string, HeldList>();
    ofList.set(cut.fingerprint, view);
    views.set(list, ofList);
    return view;
  };
}
