import { countItems, type Items, viewItems } from '../../atlas/list-parser.ts';

/** Items of a page, with a hash that identifies each. */
export interface IdentifiedItems {
  readonly items: Items;
  readonly identities: Float64Array;
}

/**
 * How many items at the start of a page are the same, in the same order, as at the end of the page before it; 0 if the pages do not join.
 * The number differs from the planned one if items before them were created or deleted in between: the list then has shifted, but no item
 * is missed, since items keep their order.
 */
export function sharedItems(before: Float64Array, after: Float64Array): number {
  const [first] = after;
  if (first === undefined) return 0;
  const from = before.lastIndexOf(first);
  const shared = before.length - from;
  if (from < 0 || shared > after.length) return 0;
  for (let index = 1; index < shared; index++) if (before[from + index] !== after[index]) return 0;
  return shared;
}

/** Consecutive pages, without the items of each that are on the page before it, too. */
export interface JoinedPages {
  readonly parts: readonly Items[];
  readonly identities: Float64Array;
}

/** Joins consecutive pages; undefined if two of them do not join. */
export function joinOverlapping(pages: readonly IdentifiedItems[]): JoinedPages | undefined {
  const parts: Items[] = [];
  const identities: number[] = [];
  let before: Float64Array | undefined;
  for (const page of pages) {
    const shared = before === undefined ? 0 : sharedItems(before, page.identities);
    if (before !== undefined && shared === 0) return undefined;
    parts.push(viewItems(page.items, shared, countItems(page.items)));
    identities.push(...page.identities.subarray(shared));
    before = page.identities;
  }
  return { parts, identities: Float64Array.from(identities) };
}
