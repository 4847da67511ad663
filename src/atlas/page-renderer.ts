import { countItems, type Items, sliceItems } from './list-parser.ts';
import { prettyPrint } from './pretty.ts';
import type { PageOptions } from './query.ts';

/** The list that a page is cut from. */
export interface PageSource {
  readonly items: Items;
  /** Number of items before the first of `items`: 0 for a whole list, more if only one page of it is cached. */
  readonly offset: number;
  /** The count to write; if absent, `totalCount` is omitted. */
  readonly totalCount?: number;
  /** Whether the list continues after `items`. */
  readonly hasMore: boolean;
  /** Absolute URL of the list without its query, on the host that links must point to. */
  readonly address: string;
  /** The encoded query parameters other than page number and size, each followed by `&`; empty if there are none. */
  readonly parameters: string;
  /** Appended to the query of links to other pages; begins with `&`, or is empty. */
  readonly suffix: string;
}

const link = (href: string, rel: string) => `{"href":${JSON.stringify(href)},"rel":"${rel}"}`;

/**
 * Renders a page as Atlas would send it: compact, keys in alphabetical order, links with explicit defaults. `self` has the page number
 * before the page size, `next` the reverse [recorded]; form and position of `previous` and the position of `status` are [inferred].
 */
export function renderPage(source: PageSource, shape: PageOptions): Buffer {
  const { items, offset, address, parameters, suffix } = source;
  const { pageNum, itemsPerPage } = shape;
  const start = (pageNum - 1) * itemsPerPage - offset;
  const end = start + itemsPerPage;
  const other = (page: number) =>
    `${address}?${parameters}itemsPerPage=${itemsPerPage}&pageNum=${page}${suffix}`;
  const links = [link(`${address}?${parameters}pageNum=${pageNum}&itemsPerPage=${itemsPerPage}`, 'self')];
  if (pageNum > 1) links.push(link(other(pageNum - 1), 'previous'));
  if (end < countItems(items) || (source.hasMore && start < countItems(items)))
    links.push(link(other(pageNum + 1), 'next'));
  const tail = `]${shape.envelope ? ',"status":200' : ''}${source.totalCount === undefined ? '' : `,"totalCount":${source.totalCount}`}}`;
  const page = Buffer.concat([
    Buffer.from(`{"links":[${links.join(',')}],"results":[`),
    sliceItems(items, start, end),
    Buffer.from(tail),
  ]);
  return shape.pretty ? prettyPrint(page) : page;
}
