import { errorCodeOf } from '../../atlas/api-error.ts';
import { type ListBody, parseInSteps } from '../../atlas/list-parser.ts';
import { runInTurns } from '../../lib/event-loop.ts';
import { upstreamFailure } from '../failure.ts';
import type {
  Send,
  UpstreamFailure,
  UpstreamHeaders,
  UpstreamRequest,
  UpstreamResponse,
} from '../message.ts';
import { readRefusal, type UpstreamRefusal } from '../read-refusal.ts';

/** A page as Atlas sent it, with the response headers. */
export interface FetchedPage extends ListBody {
  readonly headers: UpstreamHeaders;
}

/** The result of fetching one page. */
export type PageResult = FetchedPage | UpstreamRefusal | UpstreamFailure;

/** The list to read: the request without its page parameters. */
export interface ListRequest extends Omit<UpstreamRequest, 'target' | 'cost' | 'list'> {
  /** Identifies the list, see `listIdOf`. */
  readonly list: string;
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

/** Interprets a response to a page request. */
async function readPage(response: UpstreamResponse, itemsPerPage: number): Promise<PageResult> {
  if (response.status === 200) return readList(response, itemsPerPage);
  return response.status >= 500 && isTimeoutWhilePaging(response)
    ? { type: 'refused', response }
    : readRefusal(response);
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
    target: `${path}?${query}`,
  });
  return answer.type === 'failed' ? answer : readPage(answer, itemsPerPage);
}
