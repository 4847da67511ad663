import type { Operation } from '../atlas/catalog.ts';
import type { PageRequest } from './pages.ts';

const PAGE_PARAMETERS: ReadonlySet<string> = new Set([
  'pageNum',
  'itemsPerPage',
  'includeCount',
  'pretty',
  'envelope',
]);
const MAX_ITEMS_PER_PAGE = 500;

/** The filters of a request, with the defaults of the catalog, and the page flags that links repeat. */
function linkParameters(operation: Operation, query: URLSearchParams): [string, string][] {
  // Atlas writes defaults of page parameters into links; that it does so for filters too is [inferred].
  const defaults = operation.queryParameters.flatMap(({ name, default: value }): [string, string][] =>
    value === undefined || query.has(name) ? [] : [[name, String(value)]],
  );
  const filters = [...query, ...defaults]
    .filter(([name]) => !PAGE_PARAMETERS.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const flags = ['envelope', 'pretty']
    .filter((name) => query.get(name) === 'true')
    .map((name): [string, string] => [name, 'true']);
  return [...filters, ...flags];
}

/** The requested page, or the name of the invalid parameter. */
export function readPageQuery(
  operation: Operation,
  query: URLSearchParams,
  address: string,
): PageRequest | string {
  const names = new Set(operation.queryParameters.map(({ name }) => name));
  for (const name of query.keys()) if (!names.has(name)) return name;
  const pageNum = Number(query.get('pageNum') ?? '1');
  const itemsPerPage = Number(query.get('itemsPerPage') ?? '100');
  if (!Number.isInteger(pageNum) || pageNum < 0) return 'pageNum';
  if (!Number.isInteger(itemsPerPage) || itemsPerPage < 0 || itemsPerPage > MAX_ITEMS_PER_PAGE)
    return 'itemsPerPage';
  return {
    // That Atlas treats 0 as 1 is [inferred] from what Terraform has sent for years.
    pageNum: Math.max(1, pageNum),
    itemsPerPage: Math.max(1, itemsPerPage),
    includeCount: (query.get('includeCount') ?? 'true') === 'true',
    countable: names.has('includeCount'),
    pretty: query.get('pretty') === 'true',
    envelope: query.get('envelope') === 'true',
    others: linkParameters(operation, query),
    address,
    uncounted: operation.id.endsWith('Events') ? 'zero' : 'absent',
  };
}

/** The filters of a page request as one string: they select the items of a list. */
export const filtersOf = ({ others }: PageRequest): string =>
  new URLSearchParams(
    others
      .filter(([name, value]) => !PAGE_PARAMETERS.has(name) && value !== '')
      .map(([name, value]): [string, string] => [name, value]),
  ).toString();
