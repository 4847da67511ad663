import { errorCodeOf, isApiError } from '../../atlas/api-error.ts';
import { type ListBody, parseInSteps } from '../../atlas/list-parser.ts';
import { runInTurns } from '../../lib/event-loop.ts';
import { upstreamFailure } from '../failure.ts';
import { listIdOf } from '../list-id.ts';
import type {
  Send,
  UpstreamFailure,
  UpstreamHeaders,
  UpstreamRequest,
  UpstreamResponse,
} from '../message.ts';

/** A page as Atlas sent it, with the response headers. */
export interface FetchedPage extends ListBody {
  readonly headers: UpstreamHeaders;
}

/** The result of fetching one page. */
export type PageResult =
  | FetchedPage
  | { readonly type: 'refused'; readonly response: UpstreamResponse }
  | UpstreamFailure;

/** The list to read: the request without its page parameters. */
export interface ListRequest extends Omit<UpstreamRequest, 'target' | 'cost'> {
  /** Encoded path without query. */
  readonly path: string;
  /** Encoded filter parameters, joined by `&`; empty if there are none. */
  readonly filters: string;
  /** Whether the operation supports `includeCount`. */
  readonly countable: boolean;
  /** The fields that tell items of the list apart. */
  readonly identityFields: readonly string[];
}

/** One page of a list, and how its request is sent. */
export interface PageRequest extends Pick<UpstreamRequest, 'cost' | 'onQueued' | 'onSent'> {
  readonly pageNum: number;
  readonly itemsPerPage: number;
  readonly includeCount: boolean;
}

/** Whether Atlas ran out of time while it counted a list or skipped to a page [recorded]. */
export const isTimeoutWhilePaging = (response: UpstreamResponse): boolean =>
  errorCodeOf(response.body) === 'TIMEOUT_WHILE_PAGING';

/** Interprets a response to a page request. A 4xx of Atlas is passed on; anything else that is not a list is a failure. */
async function readPage(response: UpstreamResponse, itemsPerPage: number): Promise<PageResult> {
  const { status, body } = response;
  if (status === 200) return readList(response, itemsPerPage);
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

async function readList({ headers, body }: UpstreamResponse, itemsPerPage: number): Promise<PageResult> {
  // Atlas returns one item for `itemsPerPage=0` [inferred].
  const page = await runInTurns(parseInSteps(body, Math.max(1, itemsPerPage)));
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

/** Fetches one page. `includeCount` is sent only if it differs from Atlas's default. */
export async function fetchPage(send: Send, list: ListRequest, page: PageRequest): Promise<PageResult> {
  const { path, filters, countable, identityFields: _fields, ...request } = list;
  const { pageNum, itemsPerPage, includeCount, ...sending } = page;
  const count = countable && !includeCount ? 'includeCount=false&' : '';
  const query = `${filters === '' ? '' : `${filters}&`}${count}itemsPerPage=${itemsPerPage}&pageNum=${pageNum}`;
  const answer = await send({
    ...request,
    ...sending,
    list: listIdOf(path, filters),
    target: `${path}?${query}`,
  });
  return answer.type === 'failed' ? answer : readPage(answer, itemsPerPage);
}
