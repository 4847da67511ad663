import type { Operation } from '../../atlas/catalog.ts';
import type { ExpectedValue } from '../../atlas/document-parser.ts';
import type { Filters, PageOptions } from '../../atlas/query.ts';
import type { CachePolicy, ReadQuery } from './listing.ts';

/**
 * A document is everything that is not a paginated list: it is loaded with one call and cached as a listing of one item, its body. What
 * stores, shares, persists and purges listings thus does the same for documents.
 */
export const isDocument = ({ kind }: Operation): boolean => kind !== 'list';

/** The JSON value that the body of a document must be. */
export function expectedValueOf({ kind, scalar }: Operation): ExpectedValue {
  if (kind === 'array') return 'array';
  return scalar === true ? 'scalar' : 'object';
}

/** Parameters that select a page of a list, but are ordinary parameters of the few documents that have them. */
const PAGE_PARAMETERS = ['includeCount', 'itemsPerPage', 'pageNum'] as const;
/** How a document is cached does not depend on the page or format that a request asks for. */
const SHAPE: PageOptions = {
  pageNum: 1,
  itemsPerPage: 100,
  pretty: false,
  envelope: false,
  includeCount: true,
};

/** The query of a document without its format, so that one copy serves all formats. */
export function documentQuery(query: ReadQuery): ReadQuery {
  const { operation, filters, shape } = query;
  const page = PAGE_PARAMETERS.filter((name) =>
    operation.queryParameters.some((parameter) => parameter.name === name),
  ).map((name): Filters[number] => [name, String(shape[name])]);
  return { ...query, shape: SHAPE, filters: page.length === 0 ? filters : [...filters, ...page] };
}

/** Parameters that select data by time. */
const TIME_PARAMETERS: ReadonlySet<string> = new Set([
  'start',
  'end',
  'period',
  'granularity',
  'since',
  'until',
  'minDate',
  'maxDate',
  'startDate',
  'endDate',
]);

/** Whether a query names a time range. Such queries differ from one request to the next, so that their documents are rarely of use again. */
export const namesTimeRange = ({ filters }: Pick<ReadQuery, 'filters'>): boolean =>
  filters.some(([name]) => TIME_PARAMETERS.has(name));

/** Serves what it is given only while it is fresh. */
export const freshOnly = (policy: CachePolicy): CachePolicy => ({
  ...policy,
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 0,
});
