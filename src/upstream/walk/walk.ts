import { errorCodeOf, isApiError } from '../../atlas/api-error.ts';
import {
  concatItems,
  countItems,
  type Items,
  type ListBody,
  parseListBody,
} from '../../atlas/list-parser.ts';
import { createReservation } from '../budget/reservation.ts';
import { upstreamFailure } from '../failure.ts';
import { listIdOf } from '../list-id.ts';
import type {
  Send,
  UpstreamFailure,
  UpstreamHeaders,
  UpstreamRequest,
  UpstreamResponse,
} from '../message.ts';
import type { LoadClass } from '../slot-queue.ts';

/** Page size of a walk: Atlas's maximum, so that a list takes the fewest calls. */
export const WALK_PAGE_SIZE = 500;

/** Attempts for a list that changes during the walk, before it is cached by the page instead. */
const MAX_WALKS = 3;

/** A page as Atlas sent it, with the response headers. */
export interface FetchedPage extends ListBody {
  readonly headers: UpstreamHeaders;
}

/** The result of fetching one page. */
export type PageResult =
  | FetchedPage
  | { readonly type: 'refused'; readonly response: UpstreamResponse }
  | UpstreamFailure;

/**
 * The result of a walk. `walked`: every item of the list, once. `too-long`: the list has more items than the maximum. `torn`: the list
 * changed during every attempt, so no consistent view of it exists.
 */
export type WalkResult =
  | { readonly type: 'walked'; readonly items: Items; readonly headers: UpstreamHeaders }
  | { readonly type: 'too-long' }
  | { readonly type: 'torn' }
  | Exclude<PageResult, FetchedPage>;

/** The list to read: the request without its page parameters. */
export interface ListRequest extends Omit<UpstreamRequest, 'target' | 'draws'> {
  /** Encoded path without query. */
  readonly path: string;
  /** Encoded filter parameters, joined by `&`; empty if there are none. */
  readonly filters: string;
  /** Whether the operation supports `includeCount`. */
  readonly countable: boolean;
  /** Number of items at the last read, which determines how many calls a walk charges in advance. */
  readonly expectedItems?: number;
}

const isTimeoutWhilePaging = (response: UpstreamResponse) =>
  errorCodeOf(response.body) === 'TIMEOUT_WHILE_PAGING';

/** Interprets a response to a page request. A 4xx of Atlas is passed on; anything else that is not a list is a failure. */
function readPage(response: UpstreamResponse, itemsPerPage: number): PageResult {
  const { status, headers, body } = response;
  if (status === 200) {
    // Atlas returns one item for `itemsPerPage=0` [inferred].
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
          `Atlas answered 200 with a body that is not a list: ${page.detail}.`,
        );
    }
  }
  if (status === 429)
    return upstreamFailure('UPSTREAM_RATE_LIMITED', 'Atlas answered 429: its rate limit is exceeded.');
  // Clients read a 404 as "deleted", and it evicts what is cached: only Atlas itself may say so.
  if (status >= 400 && status < 500)
    return isApiError(body)
      ? { type: 'refused', response }
      : upstreamFailure(
          'UPSTREAM_BAD_BODY',
          `Something answered ${status} with a body that is not an error of Atlas.`,
        );
  if (status >= 300 && status < 400)
    return upstreamFailure(
      'UPSTREAM_REDIRECT',
      `Atlas answered ${status}; the gateway does not follow redirects.`,
    );
  return isTimeoutWhilePaging(response)
    ? { type: 'refused', response }
    : upstreamFailure('UPSTREAM_FAILED', `Atlas answered ${status}.`);
}

/** Fetches one page. `includeCount` is sent only if it differs from Atlas's default. */
export async function fetchPage(
  send: Send,
  list: ListRequest,
  page: { pageNum: number; itemsPerPage: number; includeCount: boolean; cost?: number },
): Promise<PageResult> {
  const { path, filters, countable, expectedItems: _expected, ...request } = list;
  const count = countable && !page.includeCount ? 'includeCount=false&' : '';
  const query = `${filters === '' ? '' : `${filters}&`}${count}itemsPerPage=${page.itemsPerPage}&pageNum=${page.pageNum}`;
  const { cost = 1 } = page;
  const answer = await send({ ...request, list: listIdOf(path, filters), target: `${path}?${query}`, cost });
  return answer.type === 'failed' ? answer : readPage(answer, page.itemsPerPage);
}

/** Whether a page repeats an item of an earlier page, which happens when the list shifts between two requests. */
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
  const reservation = createReservation();
  try {
    return await readPages(send, { ...list, reservation }, maxItems, includeCount);
  } finally {
    reservation.end();
  }
}

/** Background walks stay in the background; of others, the second page begins the walk, and the later ones continue it. */
function loadClassOf({ priority }: ListRequest, pageNum: number): LoadClass {
  if (priority === 'background') return 'background';
  return pageNum === 1 ? 'first-page' : pageNum === 2 ? 'new-walk' : 'walk';
}

async function readPages(
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
    const page = await fetchPage(
      send,
      { ...list, loadClass: loadClassOf(list, pageNum) },
      { pageNum, itemsPerPage: WALK_PAGE_SIZE, includeCount, cost },
    );
    if (page.type !== 'list') return page;
    const pageCount = countItems(page.items);
    count += pageCount;
    // With `includeCount=false` Atlas may return a totalCount of 0 [recorded on events], so it is ignored.
    const counted = includeCount ? page.totalCount : undefined;
    if (count > maxItems || (counted ?? 0) > maxItems) return { type: 'too-long' };
    if (pageNum > 1 && counted !== total) return { type: 'torn' };
    total = counted;
    // A list of one page cannot be torn, and may contain two identical items.
    if ((pageNum > 1 || page.hasNext) && repeatsItem(seen, page.items)) return { type: 'torn' };
    pages.push(page.items);
    // The first page returns the count: the remaining pages are charged at once, so that the walk cannot run out of budget halfway.
    const needed = Math.max(pageNum + 1, pagesOf(total ?? 0));
    cost = Math.max(0, needed - paid);
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

/**
 * Reads a whole list page by page, and starts over if it changed in between. If counting times out, the list is walked with
 * `includeCount=false`.
 */
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
