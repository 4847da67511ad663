import { countItems, type Items, sliceItems } from './list-parser.ts';
import { prettyPrint } from './pretty.ts';
import type { PageOptions } from './query.ts';

/** What a page is cut from. */
export interface PageSource {
  readonly items: Items;
  /** Number of items before the first of `items`: 0 for a whole list, more where only one page of it is held. */
  readonly offset: number;
  /** The count to write; absent: none is written. */
  readonly totalCount?: number;
  /** Whether the list goes on after `items`. */
  readonly hasMore: boolean;
  /** Absolute address of the list without its query, on the host that links have to lead to. */
  readonly address: string;
  /** The list's parameters apart from page number and size, encoded and joined by `&`, each of them followed by `&`; empty where there are none. */
  readonly parameters: string;
  /** Added to the query of links that lead to other pages, beginning with `&`, or empty. */
  readonly suffix: string;
}

const link = (href: string, rel: string) => `{"href":${JSON.stringify(href)},"rel":"${rel}"}`;

/**
 * A page as Atlas would send it: compact, keys in alphabetical order, links with the defaults written out. `self` names the page before
 * its size, `next` the other way round [recorded]; form and place of `previous` and the place of `status` are [inferred].
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
