import type { Operation } from '../atlas/catalog.ts';
import type { JsonObject } from './json.ts';
import type { ListFilters, PageWanted } from './list-question.ts';

/** A list of which any part can be had without making the rest. */
export interface ListSource {
  readonly count: number;
  /** The items from number `from` (counted from 0) up to, but not including, `to`. */
  slice(from: number, to: number): readonly JsonObject[];
}

/** Parameters that a link repeats: `includeCount` first on the operations that have it [recorded]; the order of the others is [inferred]. */
function linkParameters(operation: Operation, page: PageWanted, filters: ListFilters): string[] {
  const countable = operation.queryParameters.some(({ name }) => name === 'includeCount');
  return [
    ...(countable ? [`includeCount=${page.includeCount}`] : []),
    ...filters.flatMap(([name, values]) =>
      values.map((value) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`),
    ),
    ...(page.envelope ? ['envelope=true'] : []),
    ...(page.pretty ? ['pretty=true'] : []),
  ];
}

/**
 * A page of a list. `self` names the page before its size, other links the size first [recorded]; `previous`, its place, and the
 * place of `status` among the members are [inferred], as is that a page past the end is empty.
 */
export function pageOf(
  list: ListSource,
  {
    operation,
    address,
    page,
    filters,
  }: { operation: Operation; address: string; page: PageWanted; filters: ListFilters },
): JsonObject {
  const { pageNum, itemsPerPage } = page;
  const repeated = linkParameters(operation, page, filters);
  const href = (...last: string[]) => `${address}?${[...repeated, ...last].join('&')}`;
  const turnTo = (number: number) => href(`itemsPerPage=${itemsPerPage}`, `pageNum=${number}`);
  const end = pageNum * itemsPerPage;
  const links = [
    { href: href(`pageNum=${pageNum}`, `itemsPerPage=${itemsPerPage}`), rel: 'self' },
    ...(pageNum > 1 ? [{ href: turnTo(pageNum - 1), rel: 'previous' }] : []),
    ...(end < list.count ? [{ href: turnTo(pageNum + 1), rel: 'next' }] : []),
  ];
  // Uncounted events say 0 [recorded]; elsewhere the member is left out, as documented.
  const uncounted = operation.path.endsWith('/events') ? 0 : undefined;
  return {
    links,
    results: list.slice(end - itemsPerPage, end),
    status: page.envelope ? 200 : undefined,
    totalCount: page.includeCount ? list.count : uncounted,
  };
}
