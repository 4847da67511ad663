/** Items `from` up to, but not including, `to`; the first item of a list is 0. */
export interface ItemRange {
  readonly from: number;
  readonly to: number;
}

/** Page size of a walk: Atlas's maximum, so that a list takes the fewest calls. */
export const WALK_PAGE_SIZE = 500;
/** Page size for lists whose larger pages time out. */
export const SMALL_PAGE_SIZE = 100;

/** Number of pages of a list. */
export const pagesOf = (items: number, pageSize: number = WALK_PAGE_SIZE): number =>
  Math.ceil(items / pageSize);

/** Numbers of the pages that hold the items of a range; the first page is 1. An empty range needs the page where it begins. */
export function pagesCovering({ from, to }: ItemRange, pageSize: number): readonly number[] {
  const first = Math.floor(from / pageSize) + 1;
  const last = Math.max(first, pagesOf(to, pageSize));
  return Array.from({ length: last - first + 1 }, (_none, index) => first + index);
}
