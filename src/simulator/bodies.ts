import type { Catalog, OperationKind } from '../atlas/catalog.ts';
import { createElements } from './elements.ts';
import type { Address, View } from './generated-items.ts';
import { type BodyRequest, filtersOf, readBodyQuery, readPageQuery } from './page-query.ts';
import { countOnPage, isObject, type Json, writeJson, writePage } from './pages.ts';
import type { World } from './world.ts';

/** A body that is written when it is answered, from the data of that moment. */
export interface RequestedBody {
  readonly address: Address;
  /** Whether Atlas counts a list for it. */
  readonly counts: boolean;
  /** The number of items that it takes time to read. */
  countItems(): number;
  /** Undefined for an element that is not in its list. */
  write(): string | undefined;
}

type ReadBody = (
  request: Omit<Address, 'filters'> & { readonly view: View },
  query: URLSearchParams,
) => RequestedBody | string;

/** A response with `results` is its own envelope [documented]; anything else is wrapped [inferred]. */
const inEnvelope = (value: Json, kind: OperationKind): Json =>
  kind === 'unpaged-list' && isObject(value) ? { ...value, status: 200 } : { content: value, status: 200 };

const writeBody = (value: Json, kind: OperationKind, { pretty, envelope }: BodyRequest): string =>
  writeJson(envelope ? inEnvelope(value, kind) : value, pretty);

/** The links of a list without pages are [inferred]. */
const unpagedList = (results: readonly Json[], href: string): Json => ({
  links: [{ rel: 'self', href }],
  results,
  totalCount: results.length,
});

/** Reads and writes the bodies of each kind of operation. `read` returns the name of an invalid parameter. */
export function createBodies(
  { linkOrigin }: { readonly linkOrigin: string },
  { catalog, world }: { readonly catalog: Catalog; readonly world: World },
): { read: ReadBody } {
  const elements = createElements({ catalog, world });

  const readPage: ReadBody = ({ view, ...matched }, query) => {
    const { operation, path } = matched;
    const request = readPageQuery(operation, query, `${linkOrigin}${path}`);
    if (typeof request === 'string') return request;
    const address = { ...matched, filters: filtersOf(operation, request) };
    return {
      address,
      counts: request.includeCount,
      countItems: () => countOnPage(world.page(address, view).length, request),
      write: () => writePage(world.page(address, view), request),
    };
  };

  /** Reads a body without pages. */
  const whole =
    (
      valueAt: (address: Address, view: View) => Json | undefined,
      countOf: (address: Address, view: View) => number,
    ): ReadBody =>
    ({ view, ...matched }, query) => {
      const request = readBodyQuery(matched.operation, query);
      if (typeof request === 'string') return request;
      const address = { ...matched, filters: request.filters };
      return {
        address,
        counts: false,
        countItems: () => countOf(address, view),
        write() {
          const value = valueAt(address, view);
          return value === undefined ? undefined : writeBody(value, matched.operation.kind, request);
        },
      };
    };

  const countAll = (address: Address, view: View) => world.page(address, view).length;
  const one = () => 1;
  const readers: Readonly<Record<OperationKind, ReadBody>> = {
    list: readPage,
    array: whole(world.items, countAll),
    'unpaged-list': whole(
      (address, view) => unpagedList(world.items(address, view), `${linkOrigin}${address.path}`),
      countAll,
    ),
    element: whole(elements.find, one),
    document: whole(world.document, one),
  };

  return { read: (request, query) => readers[request.operation.kind](request, query) };
}
