import { identitiesOf } from '../../atlas/item-identity.ts';
import { concatItems, countItems, type Items, viewItems } from '../../atlas/list-parser.ts';
import type { UpstreamHeaders } from '../message.ts';
import type { Census } from './census.ts';
import type { FetchedPage } from './fetch-page.ts';
import { type IdentifiedItems, type JoinedPages, joinOverlapping, sharedItems } from './joining.ts';
import type { ItemRange, PageLayout } from './plan.ts';

/** Some items of a list, as one page of it. `totalCount` is absent if Atlas did not count the list. */
export interface ListSlice {
  readonly items: Items;
  readonly totalCount?: number;
  readonly hasMore: boolean;
  readonly headers: UpstreamHeaders;
}

/** A slice, and when the oldest of its pages arrived. */
export interface LoadedSlice extends ListSlice {
  /** Monotonic milliseconds. */
  readonly loadedAt: number;
}

/** All items of a list, in consecutive parts that the reader joins, and when the oldest of its pages arrived. */
export interface WholeList {
  readonly parts: readonly Items[];
  readonly headers: UpstreamHeaders;
  /** Monotonic milliseconds. */
  readonly loadedAt: number;
}

export interface ProgressOptions {
  readonly layout: PageLayout;
  /** Whether the pages were requested with their count. */
  readonly counted: boolean;
  /** The fields that tell items of the list apart. */
  readonly identityFields: readonly string[];
  readonly census: Census;
  /** Longer lists, and lists that are expected to have more bytes, are not walked. */
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly now: () => number;
}

/**
 * What a page meant for the walk. `torn`: it does not belong to the same list as the others. `too-long`: the list exceeds the maximum; what
 * has arrived can be read. `needs-plain-pages`: overlapping pages cannot cover the list, or Atlas did not count it.
 */
type Added = 'added' | 'torn' | 'too-long' | 'needs-plain-pages';

/** The pages of one attempt to walk a list. */
export interface Progress {
  /** Adds a page, or replaces it by a newer one. */
  add(pageNum: number, page: FetchedPage): Added;
  has(pageNum: number): boolean;
  /** Number of pages that have arrived. */
  readonly arrived: number;
  /** Number of the last page of the list, once it is known. */
  readonly lastPage: number | undefined;
  /** The first page that has not arrived, if the page before it says that there is one. */
  nextPage(): number;
  /** Pages that do not join the page before them, because the list changed between the two. */
  unjoined(): readonly number[];
  /** The one of two pages that arrived earlier. */
  olderOf(one: number, other: number): number;
  /** The items of a range, once the pages that hold them have arrived and join. */
  slice(range: ItemRange): LoadedSlice | undefined;
  /** All items, once all pages have arrived and join; `torn` if they do not add up. */
  whole(): WholeList | 'torn' | undefined;
}

interface ArrivedPage extends FetchedPage, IdentifiedItems {
  readonly arrivedAt: number;
  /** Number of the page in the order of arrival. */
  readonly order: number;
  /** Whether the list ended on this page when Atlas wrote it. */
  readonly isLast: boolean;
}

const NO_IDENTITIES = new Float64Array();

/** Adds identities to those seen before; whether one of them repeats. */
function addsRepeat(seen: Set<number>, identities: Float64Array): boolean {
  const before = seen.size;
  for (const identity of identities) seen.add(identity);
  return seen.size - before !== identities.length;
}

/** Whether the size of a page fits the number of items that Atlas counted when it wrote the page. */
const fits = ({ from, to }: ItemRange, size: number, count: number | undefined) =>
  count === undefined ? size <= to - from : size === Math.max(0, Math.min(to, count) - from);

/** Whether the list ended on this page when Atlas wrote it. */
const isEnd = ({ to }: ItemRange, { items, hasNext }: FetchedPage, count: number | undefined) =>
  count === undefined ? !hasNext || countItems(items) === 0 : to >= count;

type ArrivedPages = ReadonlyMap<number, ArrivedPage>;

/**
 * The first page on which the list ended; undefined if it is not known. An empty page may lie far beyond the end, unless all pages before it
 * have arrived: `beforeGap` is the first that has not.
 */
function endOf(pages: ArrivedPages, beforeGap: number): number | undefined {
  const ends = [...pages].filter(
    ([pageNum, { items, isLast }]) => isLast && (countItems(items) > 0 || pageNum < beforeGap),
  );
  return ends.length === 0 ? undefined : Math.min(...ends.map(([pageNum]) => pageNum));
}

/** Whether a page joins the page before it, as far as both have arrived. */
function joins(pages: ArrivedPages, pageNum: number): boolean {
  const before = pages.get(pageNum - 1);
  const page = pages.get(pageNum);
  if (before === undefined || page === undefined) return true;
  return sharedItems(before.identities, page.identities) > 0;
}

export function createProgress(options: ProgressOptions): Progress {
  const { layout, counted, identityFields, census, maxItems, maxBytes, now } = options;
  const pages = new Map<number, ArrivedPage>();
  const seen = new Set<number>();
  /** Pages that do not join the page before them. */
  const unjoined = new Set<number>();
  /** The latest count. */
  let total: number | undefined;
  let lastPage: number | undefined;
  let received = { pages: 0, items: 0, bytes: 0 };

  /** Whether the list is too long, judging by the pages that have arrived. */
  function isTooLong(): boolean {
    const { items, bytes } = received;
    const count = total ?? items;
    return count > maxItems || (items > 0 && (bytes / items) * count > maxBytes);
  }

  const needsPlainPages = (pageNum: number, isLast: boolean, count: number | undefined) =>
    layout.overlaps && (count === undefined ? pageNum > 1 || !isLast : layout.pagesOf(count) === undefined);

  function add(pageNum: number, page: FetchedPage): Added {
    const size = countItems(page.items);
    // With `includeCount=false` Atlas may return a totalCount of 0 [recorded on events], so it is ignored.
    const count = counted ? page.totalCount : undefined;
    const range = layout.rangeOf(pageNum);
    const isLast = isEnd(range, page, count);
    if (!fits(range, size, count)) return 'torn';
    // Without overlap, only equal counts tell that a list has not shifted.
    if (!layout.overlaps && pages.size > 0 && count !== total) return 'torn';
    // A list of one page cannot be torn, and may contain two identical items.
    const isWhole = pageNum === 1 && isLast;
    const identities = isWhole ? NO_IDENTITIES : identitiesOf(page.items, identityFields);
    census.record(identities, count);
    if (!layout.overlaps && addsRepeat(seen, identities)) return 'torn';
    total = count;
    received = {
      pages: received.pages + 1,
      items: received.items + size,
      bytes: received.bytes + page.items.bytes.length,
    };
    pages.set(pageNum, { ...page, identities, isLast, arrivedAt: now(), order: received.pages });
    lastPage = endOf(pages, nextPage()) ?? expectedEnd();
    if (layout.overlaps) [pageNum, pageNum + 1].forEach(updateJoins);
    if (isTooLong()) return 'too-long';
    return needsPlainPages(pageNum, isLast, count) ? 'needs-plain-pages' : 'added';
  }

  function nextPage(): number {
    let pageNum = 1;
    while (pages.has(pageNum)) pageNum++;
    return pageNum;
  }

  /** The last page according to the latest count, or the first page that has not arrived if that is later. */
  const expectedEnd = () =>
    total === undefined ? undefined : Math.max(nextPage(), layout.pagesOf(total) ?? 1);

  function updateJoins(pageNum: number): void {
    if (joins(pages, pageNum)) unjoined.delete(pageNum);
    else unjoined.add(pageNum);
  }

  /** The items of consecutive pages; undefined if they do not join. */
  function join(consecutive: readonly ArrivedPage[]): Items | undefined {
    const parts = layout.overlaps
      ? joinOverlapping(consecutive)?.parts
      : consecutive.map(({ items }) => items);
    return parts === undefined ? undefined : concatItems(parts);
  }

  /** The pages with these numbers, as far as the list goes; undefined if one has not arrived. */
  function arrivedOf(pageNums: readonly number[]): readonly ArrivedPage[] | undefined {
    const end = lastPage ?? Number.POSITIVE_INFINITY;
    const found = pageNums.filter((pageNum) => pageNum <= end).map((pageNum) => pages.get(pageNum));
    const arrived = found.filter((page) => page !== undefined);
    return arrived.length === found.length ? arrived : undefined;
  }

  /** When the first of these pages arrived: what is made of them is as old as the oldest. */
  const oldestOf = (found: readonly ArrivedPage[]) =>
    Math.min(now(), ...found.map(({ arrivedAt }) => arrivedAt));

  /** The page that arrived last: it has the latest count. */
  const newest = () => [...pages.values()].reduce((found, page) => (page.order > found.order ? page : found));

  function slice(range: ItemRange): LoadedSlice | undefined {
    if (pages.size === 0) return undefined;
    const pageNums = layout.pagesCovering(range);
    const found = arrivedOf(pageNums);
    const all = found === undefined ? undefined : join(found);
    if (found === undefined || all === undefined) return undefined;
    const offset = layout.rangeOf(pageNums[0] ?? 1).from;
    const from = Math.min(range.from - offset, countItems(all));
    const to = Math.min(range.to - offset, countItems(all));
    const last = found.at(-1) ?? newest();
    // The list has lost items since its first pages: only the page after these contains the last items of the range.
    if (layout.overlaps && found.length > 0 && to < range.to - offset && last?.isLast === false)
      return undefined;
    const count = counted ? last?.totalCount : undefined;
    const hasMore =
      count === undefined
        ? to < countItems(all) || (found.length > 0 && last?.hasNext === true)
        : range.to < count;
    return {
      items: viewItems(all, from, to),
      ...(count === undefined ? {} : { totalCount: count }),
      hasMore,
      headers: last?.headers ?? {},
      loadedAt: oldestOf(found),
    };
  }

  /** Whether no item appears twice, and none that was counted is missing. */
  function addsUp({ parts, identities }: JoinedPages): boolean {
    if (new Set(identities).size !== identities.length) return false;
    const count = parts.reduce((sum, part) => sum + countItems(part), 0);
    return total === undefined || count === total || census.hasChanged;
  }

  function whole(): WholeList | 'torn' | undefined {
    if (lastPage === undefined || nextPage() <= lastPage) return undefined;
    const ordered = arrivedOf(Array.from({ length: lastPage }, (_none, index) => index + 1)) ?? [];
    const rest = { headers: ordered.at(-1)?.headers ?? {}, loadedAt: oldestOf(ordered) };
    if (!layout.overlaps) return { parts: ordered.map(({ items }) => items), ...rest };
    const joined = joinOverlapping(ordered);
    if (joined === undefined) return undefined;
    return addsUp(joined) ? { parts: joined.parts, ...rest } : 'torn';
  }

  return {
    add,
    has: (pageNum) => pages.has(pageNum),
    get arrived() {
      return pages.size;
    },
    get lastPage() {
      return lastPage;
    },
    nextPage,
    unjoined: () => [...unjoined].filter((pageNum) => pageNum <= (lastPage ?? 0)),
    olderOf: (one, other) => ((pages.get(one)?.order ?? 0) <= (pages.get(other)?.order ?? 0) ? one : other),
    slice,
    whole,
  };
}
