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

const unknownParameter = ({ queryParameters }: Operation, query: URLSearchParams): string | undefined =>
  [...query.keys()].find((name) => queryParameters.every((parameter) => parameter.name !== name));

/** The requested page, or the name of the invalid parameter. */
export function readPageQuery(
  operation: Operation,
  query: URLSearchParams,
  address: string,
): PageRequest | string {
  const unknown = unknownParameter(operation, query);
  if (unknown !== undefined) return unknown;
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
    countable: operation.queryParameters.some(({ name }) => name === 'includeCount'),
    pretty: query.get('pretty') === 'true',
    envelope: query.get('envelope') === 'true',
    others: linkParameters(operation, query),
    address,
    uncounted: operation.id.endsWith('Events') ? 'zero' : 'absent',
  };
}

/** How a body that has no pages is requested. */
export interface BodyRequest {
  readonly pretty: boolean;
  readonly envelope: boolean;
  /** The parameters that select the data. */
  readonly filters: string;
}

/** The filters as one string: they select the data. A default that is written out selects what its absence does. */
function filterText(operation: Operation, parameters: readonly (readonly [string, string])[]): string {
  const defaults = new Map(
    operation.queryParameters.map(({ name, default: value }) => [name, String(value)]),
  );
  return new URLSearchParams(
    parameters
      .filter(([name, value]) => !PAGE_PARAMETERS.has(name) && value !== '' && defaults.get(name) !== value)
      .map(([name, value]): [string, string] => [name, value]),
  ).toString();
}

/** The filters of a page request. */
export const filtersOf = (operation: Operation, { others }: PageRequest): string =>
  filterText(operation, others);

/** The request for a body that has no pages, or the name of the invalid parameter. */
export function readBodyQuery(operation: Operation, query: URLSearchParams): BodyRequest | string {
  const unknown = unknownParameter(operation, query);
  if (unknown !== undefined) return unknown;
  return {
    pretty: query.get('pretty') === 'true',
    envelope: query.get('envelope') === 'true',
    filters: filterText(
      operation,
      [...query].sort(([a], [b]) => (a < b ? -1 : 1)),
    ),
  };
}
