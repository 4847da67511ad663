import { countItems, type Items, itemValue, pickItems } from '../atlas/list-body.ts';
import type { Caller } from './callers.ts';
import type { HeldList } from './lists.ts';
import { crossing } from './policy.ts';

function fieldOf(items: Items, index: number, field: string): unknown {
  const item = itemValue(items, index);
  return typeof item === 'object' && item !== null && !Array.isArray(item)
    ? Reflect.get(item, field)
    : undefined;
}

/**
 * Lists across projects as one caller may see them: only the items of its projects or organizations, so that counts and pages are those of
 * the list it sees. A view is made once for a listing and caller; a caller whose policy changed is another caller.
 */
export function createViews(nextSerial: () => number) {
  const views = new WeakMap<HeldList, WeakMap<Caller, HeldList>>();
  return function viewFor(caller: Caller, operationId: string, list: HeldList): HeldList {
    const rule = crossing(operationId);
    const granted = rule === undefined ? 'all' : caller[rule.grants];
    if (rule === undefined || granted === 'all') return list;
    const known = views.get(list)?.get(caller);
    if (known !== undefined) return known;
    const kept: number[] = [];
    for (let index = 0; index < countItems(list.items); index++) {
      const id = fieldOf(list.items, index, rule.field);
      if (typeof id === 'string' && granted.has(id)) kept.push(index);
    }
    const view: HeldList = {
      ...list,
      serial: nextSerial(),
      items: pickItems(list.items, kept),
      totalCount: kept.length,
    };
    const byCaller = views.get(list) ?? new WeakMap<Caller, HeldList>();
    byCaller.set(caller, view);
    views.set(list, byCaller);
    return view;
  };
}
