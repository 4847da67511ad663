import { errorCodeOf, isApiError } from '../../atlas/api-error.ts';
import {
  concatItems,
  countItems,
  type Items,
  type ListBody,
  parseListBody,
} from '../../atlas/list-parser.ts';
import { upstreamFailure } from '../failure.ts';
import type {
  Send,
  UpstreamFailure,
  UpstreamHeaders,
  UpstreamRequest,
  UpstreamResponse,
} from '../message.ts';

/** Page size of a walk: the largest Atlas gives, so a list costs the fewest calls. */
export const WALK_PAGE_SIZE = 500;

/** How often a walk that tore is begun anew before the list is held by the page instead. */
const MAX_WALKS = 3;

/** A page as Atlas sent it, with the headers that came with it. */
export interface FetchedPage extends ListBody {
  readonly headers: UpstreamHeaders;
}

/** What one page of a list came back as. */
export type PageResult =
  | FetchedPage
  | { readonly type: 'refused'; readonly response: UpstreamResponse }
  | UpstreamFailure;

/**
 * What a walk came back as. `walked`: every item of the list, once. `too-long`: it holds more than wanted. `torn`: it changed
 * each time while it was walked, so that no whole of one moment was seen.
 */
export type WalkResult =
  | { readonly type: 'walked'; readonly items: Items; readonly headers: UpstreamHeaders }
  | { readonly type: 'too-long' }
  | { readonly type: 'torn' }
  | Exclude<PageResult, FetchedPage>;

/** The list to ask for: everything of the request but the page. */
export interface ListRequest extends Omit<UpstreamRequest, 'target' | 'draws'> {
  /** Encoded path without query. */
  readonly path: string;
  /** Encoded filter parameters, joined by `&`; empty where there are none. */
  readonly filters: string;
  /** Whether the operation knows `includeCount`. */
  readonly countable: boolean;
  /** Items it held when it was last read: what a walk pays for ahead. */
  readonly expectedItems?: number;
}

const isTimeoutWhilePaging = (response: UpstreamResponse) =>
  errorCodeOf(response.body) === 'TIMEOUT_WHILE_PAGING';

/** What an answer of Atlas's to a question for a page means. Its own 4xx are an answer; anything else that is no list is a failure. */
function readPage(response: UpstreamResponse, itemsPerPage: number): PageResult {
  const { status, headers, body } = response;
  if (status === 200) {
    // Atlas answers `itemsPerPage=0` with one item [inferred].
    const page = parseListBody(body, Math.max(1, itemsPerPage));
    switch (page.type) {
      case 'list':
        return { ...page, headers };
      case 'too-large':
        return upstreamFailure(
          'UPSTREAM_TOO_LARGE',
          `Atlas answered with a page that is too large: ${page.detail}.`,
        );
      case 'bad':
        return upstreamFailure(
          'UPSTREAM_BAD_BODY',
          `Atlas answered 200 with a body that is no list: ${page.detail}.`,
        );
    }
  }
  if (status === 429) return upstreamFailure('UPSTREAM_RATE_LIMITED', 'Atlas limits the rate of requests.');
  // Clients read a 404 as "deleted", and it evicts what is cached: only Atlas itself may say so.
  if (status >= 400 && status < 500)
    return isApiError(body)
      ? { type: 'refused', response }
      : upstreamFailure(
          'UPSTREAM_BAD_BODY',
          `Something answered ${status} with a body that is not an error of Atlas.`,
        );
  if (status >= 300 && status < 400)
    return upstreamFailure('UPSTREAM_REDIRECT', `Atlas answered ${status}, which is not followed.`);
  return isTimeoutWhilePaging(response)
    ? { type: 'refused', response }
    : upstreamFailure('UPSTREAM_FAILED', `Atlas answered ${status}.`);
}

/** Asks for one page. `includeCount` is sent only where it differs from Atlas's default. */
export async function fetchPage(
  send: Send,
  list: ListRequest,
  page: { pageNum: number; itemsPerPage: number; includeCount: boolean; cost?: number },
): Promise<PageResult> {
  const { path, filters, countable, expectedItems: _expected, ...request } = list;
  const count = countable && !page.includeCount ? 'includeCount=false&' : '';
  const query = `${filters === '' ? '' : `${filters}&`}${count}itemsPerPage=${page.itemsPerPage}&pageNum=${page.pageNum}`;
  const { cost = 1 } = page;
  const answer = await send({ ...request, target: `${path}?${query}`, cost });
  return answer.type === 'failed' ? answer : readPage(answer, page.itemsPerPage);
}

/** Whether an item stands on two pages: a list that shifted between two questions shows one twice. */
function repeatsItem(seen: Set<string>, items: Items): boolean {
  const before = seen.size;
  for (let index = 0; index < countItems(items); index++) {
    seen.add(items.bytes.toString('latin1', items.starts[index], (items.starts[index + 1] ?? 0) - 1));
  }
  return seen.size - before !== countItems(items);
}

const pagesOf = (items: number) => Math.ceil(items / WALK_PAGE_SIZE);

async function walkOnce(
  send: Send,
  list: ListRequest,
  maxItems: number,
  includeCount: boolean,
): Promise<WalkResult> {
  const pages: Items[] = [];
  const seen = new Set<string>();
  let count = 0;
  let total: number | undefined;
  let paid = Math.max(1, pagesOf(list.expectedItems ?? 0));
  let cost = paid;
  for (let pageNum = 1; ; pageNum++) {
    const page = await fetchPage(send, list, { pageNum, itemsPerPage: WALK_PAGE_SIZE, includeCount, cost });
    if (page.type !== 'list') return page;
    const pageCount = countItems(page.items);
    count += pageCount;
    // Without counting Atlas may write a totalCount of 0 [recorded on events]: only a counted one says anything.
    const counted = includeCount ? page.totalCount : undefined;
    if (count > maxItems || (counted ?? 0) > maxItems) return { type: 'too-long' };
    if (pageNum > 1 && counted !== total) return { type: 'torn' };
    total = counted;
    // A list of one page cannot tear, and may hold two items that look the same.
    if ((pageNum > 1 || page.hasNext) && repeatsItem(seen, page.items)) return { type: 'torn' };
    pages.push(page.items);
    // The first page says how many there are: the rest is paid for at once, so that a walk is not left half done.
    const wanted = Math.max(pageNum + 1, pagesOf(total ?? 0));
    cost = Math.max(0, wanted - paid);
    paid += cost;
    const complete = total === undefined ? !page.hasNext || pageCount === 0 : !page.hasNext || count >= total;
    if (!complete && pageCount === 0) return { type: 'torn' };
    if (complete) {
      return total !== undefined && count !== total
        ? { type: 'torn' }
        : { type: 'walked', items: concatItems(pages), headers: page.headers };
    }
  }
}

/** Reads a whole list, page after page, and again where it changed meanwhile. A list that is too slow to count is walked without counting. */
export async function walk(send: Send, list: ListRequest, maxItems: number): Promise<WalkResult> {
  let includeCount = true;
  for (let attempt = 1; ; attempt++) {
    const result = await walkOnce(send, list, maxItems, includeCount);
    if (result.type === 'refused' && isTimeoutWhilePaging(result.response)) {
      if (!includeCount || !list.countable)
        return upstreamFailure('UPSTREAM_FAILED', 'Atlas timed out while paging the list.');
      includeCount = false;
      continue;
    }
    if (result.type !== 'torn' || attempt >= MAX_WALKS) return result;
  }
}
