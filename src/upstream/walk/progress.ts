import { concatItems, countItems, type Items, viewItems } from '../../atlas/list-parser.ts';
import type { UpstreamHeaders } from '../message.ts';
import type { FetchedPage } from './fetch-page.ts';
import { type ItemRange, pagesCovering, pagesOf } from './plan.ts';

/** Some items of a list, as one page of it. `totalCount` is absent if Atlas did not count the list. */
export interface ListSlice {
  readonly items: Items;
  readonly totalCount?: number;
  readonly hasMore: boolean;
  readonly headers: UpstreamHeaders;
}

/** A slice, and since when its oldest page is here. */
export interface LoadedSlice extends ListSlice {
  /** Monotonic milliseconds. */
  readonly loadedAt: number;
}

export interface ProgressOptions {
  readonly pageSize: number;
  /** Whether the pages were requested with their count. */
  readonly counted: boolean;
  /** Longer lists, and lists that are expected to have more bytes, are not walked. */
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly now: () => number;
}

/** The pages of one attempt to walk a list. */
export interface Progress {
  /**
   * `torn`: the page does not belong to the same list as the others. `too-long`: the list exceeds the maximum; what has arrived can be read.
   */
  add(pageNum: number, page: FetchedPage): 'added' | 'torn' | 'too-long';
  has(pageNum: number): boolean;
  /** Number of pages that have arrived. */
  readonly arrived: number;
  /** Number of the last page of the list, once it is known. */
  readonly lastPage: number | undefined;
  /** The first page that has not arrived, if the page before it says that there is one. */
  nextPage(): number;
  /** The items of a range, once the pages that hold them have arrived. */
  slice(range: ItemRange): LoadedSlice | undefined;
  /** All items, once all pages have arrived; `torn` if they do not add up. */
  whole(): { readonly items: Items; readonly headers: UpstreamHeaders } | 'torn' | undefined;
}

interface ArrivedPage extends FetchedPage {
  readonly arrivedAt: number;
}

/** Whether a page repeats an item of another page, which happens when the list shifts between two requests. */
function repeatsItem(seen: Set<string>, items: Items): boolean {
  const before = seen.size;
  for (let index = 0; index < countItems(items); index++) {
    seen.add(items.bytes.toString('latin1', items.starts[index], (items.starts[index + 1] ?? 0) - 1));
  }
  return seen.size - before !== countItems(items);
}

export function createProgress({ pageSize, counted, maxItems, maxBytes, now }: ProgressOptions): Progress {
  const pages = new Map<number, ArrivedPage>();
  const seen = new Set<string>();
  let total: number | undefined;
  let lastPage: number | undefined;
  let items = 0;
  let bytes = 0;

  /** Whether the size of a page fits the number of items that Atlas counted. */
  const fits = (pageNum: number, size: number) =>
    total === undefined
      ? size <= pageSize
      : size === Math.min(pageSize, Math.max(0, total - (pageNum - 1) * pageSize));

  /** Whether the list is too long, as far as can be told from the pages that have arrived. */
  function isTooLong(): boolean {
    const count = total ?? items;
    return count > maxItems || (items > 0 && (bytes / items) * count > maxBytes);
  }

  function add(pageNum: number, page: FetchedPage): 'added' | 'torn' | 'too-long' {
    const size = countItems(page.items);
    // With `includeCount=false` Atlas may return a totalCount of 0 [recorded on events], so it is ignored.
    const count = counted ? page.totalCount : undefined;
    if (pages.size > 0 && count !== total) return 'torn';
    total = count;
    if (!fits(pageNum, size)) return 'torn';
    // A list of one page cannot be torn, and may contain two identical items.
    if ((pageNum > 1 || page.hasNext) && repeatsItem(seen, page.items)) return 'torn';
    pages.set(pageNum, { ...page, arrivedAt: now() });
    items += size;
    bytes += page.items.bytes.length;
    lastPage = total === undefined ? lastUncounted() : Math.max(1, pagesOf(total, pageSize));
    return isTooLong() ? 'too-long' : 'added';
  }

  /** The last page of a list that Atlas did not count. An empty page may lie far beyond it, unless the page before is here. */
  function lastUncounted(): number | undefined {
    const ends = [...pages].filter(
      ([pageNum, { items, hasNext }]) =>
        (countItems(items) > 0 && !hasNext) || (countItems(items) === 0 && nextPage() >= pageNum),
    );
    return ends.length === 0 ? undefined : Math.min(...ends.map(([pageNum]) => pageNum));
  }

  function covered(range: ItemRange): readonly ArrivedPage[] | undefined {
    const found: ArrivedPage[] = [];
    for (const pageNum of pagesCovering(range, pageSize)) {
      if (lastPage !== undefined && pageNum > lastPage) break;
      const page = pages.get(pageNum);
      if (page === undefined) return undefined;
      found.push(page);
    }
    return found;
  }

  function slice(range: ItemRange): LoadedSlice | undefined {
    if (pages.size === 0) return undefined;
    const found = covered(range);
    if (found === undefined) return undefined;
    const offset = range.from - (range.from % pageSize);
    const all = concatItems(found.map((page) => page.items));
    const from = Math.min(range.from - offset, countItems(all));
    const to = Math.min(range.to - offset, countItems(all));
    const [last = pages.values().next().value] = found.slice(-1);
    const hasMore =
      total === undefined
        ? to < countItems(all) || (found.length > 0 && last?.hasNext === true)
        : range.to < total;
    return {
      items: viewItems(all, from, to),
      ...(total === undefined ? {} : { totalCount: total }),
      hasMore,
      headers: last?.headers ?? {},
      loadedAt: Math.min(now(), ...found.map(({ arrivedAt }) => arrivedAt)),
    };
  }

  function nextPage(): number {
    let pageNum = 1;
    while (pages.has(pageNum)) pageNum++;
    return pageNum;
  }

  function whole(): { items: Items; headers: UpstreamHeaders } | 'torn' | undefined {
    if (lastPage === undefined || nextPage() <= lastPage) return undefined;
    const ordered: FetchedPage[] = [];
    for (let pageNum = 1; pageNum <= lastPage; pageNum++) {
      const page = pages.get(pageNum);
      if (page === undefined) return undefined;
      // Only the last page may be shorter than the others.
      if (pageNum < lastPage && countItems(page.items) === 0) return 'torn';
      ordered.push(page);
    }
    const all = concatItems(ordered.map((page) => page.items));
    if (total !== undefined && countItems(all) !== total) return 'torn';
    return { items: all, headers: ordered.at(-1)?.headers ?? {} };
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
    slice,
    whole,
  };
}
