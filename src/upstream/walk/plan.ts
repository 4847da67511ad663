/** Items `from` up to, but not including, `to`; the first item of a list is 0. */
export interface ItemRange {
  readonly from: number;
  readonly to: number;
}

const NOTHING: ItemRange = { from: 0, to: 0 };

/** Page size of a walk: Atlas's maximum, so that a list takes the fewest calls. */
export const WALK_PAGE_SIZE = 500;
/** Page size for lists whose larger pages time out. */
export const SMALL_PAGE_SIZE = 100;

/** How a list is divided into pages. A page is independent of the length of the list, so that it can be requested before that is known. */
export interface PageLayout {
  /** Whether each page begins before the page before it ends. */
  readonly overlaps: boolean;
  /** The items of a page; the first page is 1. */
  rangeOf(pageNum: number): ItemRange;
  /** The fewest pages that hold this many items, at least one; undefined if no number of pages does. */
  pagesOf(items: number): number | undefined;
  /** Numbers of the pages that hold the items of a range; an empty range needs the page where it begins. Empty if no page holds its first item. */
  pagesCovering(range: ItemRange): readonly number[];
}

const numbersFrom = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_none, index) => first + index);

/** Pages that begin where the page before ends. */
export function plainLayout(pageSize: number): PageLayout {
  const pagesOf = (items: number) => Math.max(1, Math.ceil(items / pageSize));
  return {
    overlaps: false,
    rangeOf: (pageNum) => ({ from: (pageNum - 1) * pageSize, to: pageNum * pageSize }),
    pagesOf,
    pagesCovering({ from, to }) {
      const first = Math.floor(from / pageSize) + 1;
      return numbersFrom(first, Math.max(first, pagesOf(to)));
    },
  };
}

/** Longer lists are not covered: the time for a walk would hardly suffice. */
const MAX_OVERLAPPING_PAGES = 400;
/** Pages with fewer items in common seldom join after items before them were deleted in between. The first pages have no choice. */
const MIN_OVERLAP = 4;

/**
 * The page that reaches furthest of those that begin at least `overlap` items before `end`. Atlas addresses pages as multiples of their
 * size, so the size differs from page to page.
 */
function furthestFrom(end: number, { maxSize, overlap }: { maxSize: number; overlap: number }): ItemRange {
  let furthest = { from: 0, to: end };
  for (let size = maxSize; size > maxSize / 2; size--) {
    const from = size * Math.floor((end - overlap) / size);
    if (from + size > furthest.to) furthest = { from, to: from + size };
  }
  return furthest;
}

/**
 * Each page begins before the page before it ends. At first, page k has k − 1 items less than the first page, and shares k − 1 items with the
 * page before it: 21 pages of up to 500 items cover 10 000.
 */
export function overlappingLayout(pageSize: number): PageLayout {
  const ranges: ItemRange[] = [{ from: 0, to: pageSize }];

  function rangeOf(pageNum: number): ItemRange {
    let last = ranges.at(-1) ?? NOTHING;
    while (ranges.length < pageNum) {
      last = furthestFrom(last.to, { maxSize: pageSize, overlap: Math.min(ranges.length, MIN_OVERLAP) });
      ranges.push(last);
    }
    return ranges[pageNum - 1] ?? NOTHING;
  }

  function pagesOf(items: number): number | undefined {
    for (let pages = 1; pages <= MAX_OVERLAPPING_PAGES; pages++) if (rangeOf(pages).to >= items) return pages;
    return undefined;
  }

  return {
    overlaps: true,
    rangeOf,
    pagesOf,
    pagesCovering({ from, to }) {
      const first = pagesOf(from + 1);
      return first === undefined
        ? []
        : numbersFrom(first, Math.max(first, pagesOf(to) ?? MAX_OVERLAPPING_PAGES));
    },
  };
}

/** How many items a page requests, and its number among pages of that size: Atlas addresses pages as multiples of their size. */
export const pageParametersOf = ({ from, to }: ItemRange): { pageNum: number; itemsPerPage: number } => ({
  pageNum: from / (to - from) + 1,
  itemsPerPage: to - from,
});

/** Calls that a walk of a list with this many items takes if nothing goes wrong. */
export const expectedPages = (items: number, pageSize: number = WALK_PAGE_SIZE): number =>
  overlappingLayout(pageSize).pagesOf(items) ?? Math.ceil(items / pageSize);
