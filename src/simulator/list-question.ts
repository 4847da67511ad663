import type { Operation, Parameter } from '../atlas/catalog.ts';

/** Which page of a list is wanted, and how it is to be written. */
export interface PageWanted {
  readonly pageNum: number;
  readonly itemsPerPage: number;
  readonly includeCount: boolean;
  readonly envelope: boolean;
  readonly pretty: boolean;
}

/** What narrows a list: names in alphabetical order, each with its sorted values; defaults are written out. */
export type ListFilters = readonly (readonly [name: string, values: readonly string[]])[];

export type ListQuestion =
  | { readonly type: 'asked'; readonly page: PageWanted; readonly filters: ListFilters }
  | { readonly type: 'invalid'; readonly parameter: string };

const PAGE_PARAMETERS = ['pageNum', 'itemsPerPage', 'includeCount', 'envelope', 'pretty'];
const LARGEST = 2 ** 31 - 1;

function isValid({ type, minimum = -LARGEST, maximum = LARGEST, enum: choices }: Parameter, value: string) {
  switch (type) {
    case 'boolean':
      return value === 'true' || value === 'false';
    case 'integer':
      return /^-?\d{1,10}$/.test(value) && Number(value) >= minimum && Number(value) <= maximum;
    case 'string':
    case 'array':
      return choices === undefined || choices.includes(value);
  }
}

/** Reads a query (without `?`). Unknown names, values out of range and a repeated name that is no list are invalid; all but the first are [inferred]. */
export function readListQuestion({ queryParameters }: Operation, query: string): ListQuestion {
  const given = new URLSearchParams(query);
  for (const name of new Set(given.keys())) {
    const parameter = queryParameters.find((known) => known.name === name);
    const values = given.getAll(name);
    if (parameter === undefined || !values.every((value) => isValid(parameter, value)))
      return { type: 'invalid', parameter: name };
    if (values.length > 1 && parameter.type !== 'array') return { type: 'invalid', parameter: name };
  }
  const missing = queryParameters.find(
    ({ name, required, default: standard }) =>
      required === true && standard === undefined && !given.has(name),
  );
  if (missing !== undefined) return { type: 'invalid', parameter: missing.name };

  const filters = queryParameters
    .filter(({ name }) => !PAGE_PARAMETERS.includes(name))
    .map(({ name, default: standard }) => {
      const values = given.has(name) || standard === undefined ? given.getAll(name) : [String(standard)];
      return [name, [...new Set(values)].sort()] as const;
    })
    .filter(([, values]) => values.length > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const page = {
    pageNum: Number(given.get('pageNum') ?? 1),
    itemsPerPage: Number(given.get('itemsPerPage') ?? 100),
    includeCount: given.get('includeCount') !== 'false',
    envelope: given.get('envelope') === 'true',
    pretty: given.get('pretty') === 'true',
  };
  return { type: 'asked', page, filters };
}
