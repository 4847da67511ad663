import { visible } from '../format.ts';

/** A row of the table: text only, each value made visible and truncated. */
export interface ConnectionRow {
  readonly id: string;
  readonly state: string;
  readonly provider: string;
  readonly vendor: string;
  readonly region: string;
  /** The identifiers of the endpoint, each with the name of its field. */
  readonly endpoint: readonly { readonly name: string; readonly value: string }[];
  readonly errorMessage: string;
}

export const COLUMNS = ['state', 'provider', 'vendor', 'region', 'endpoint'] as const;
export type Column = (typeof COLUMNS)[number];

/** Filters by text in any column, by state and by provider. Empty values match anything. */
export interface ConnectionFilter {
  readonly text: string;
  readonly state: string;
  readonly provider: string;
}

export interface ConnectionOrder {
  readonly column: Column;
  readonly descending: boolean;
}

const ENDPOINT_FIELDS = [
  'interfaceEndpointId',
  'interfaceEndpointName',
  'serviceEndpointId',
  'dnsDomain',
  'arn',
] as const;
const LONGEST_FILTER = 200;

/** Shows text and numbers only: Atlas documents no other type for these fields. */
const textOf = (value: unknown): string =>
  typeof value === 'string' ? visible(value) : typeof value === 'number' ? String(value) : '';

/** Builds a row from an item of arbitrary shape. */
export const rowOf = (item: Readonly<Record<string, unknown>>): ConnectionRow => ({
  id: textOf(item['_id']),
  state: textOf(item['state']),
  provider: textOf(item['provider']),
  vendor: textOf(item['vendor']),
  region: textOf(item['region']),
  endpoint: ENDPOINT_FIELDS.flatMap((name) => {
    const value = textOf(item[name]);
    return value === '' ? [] : [{ name, value }];
  }),
  errorMessage: textOf(item['errorMessage']),
});

const endpointText = ({ endpoint }: ConnectionRow) => endpoint.map(({ value }) => value).join(' ');
const cell = (row: ConnectionRow, column: Column): string =>
  column === 'endpoint' ? endpointText(row) : row[column];

/** Reads the filter from a page's query; unknown parameters are ignored. */
export function readFilter(query: URLSearchParams): ConnectionFilter {
  const read = (name: string) => (query.get(name) ?? '').trim().slice(0, LONGEST_FILTER);
  return { text: read('text'), state: read('state'), provider: read('provider') };
}

/** `sort=state`, or `sort=-state` for descending order; the last one wins, because a submit button's value is appended to its form's. */
export function readOrder(query: URLSearchParams): ConnectionOrder | undefined {
  const wanted = query.getAll('sort').at(-1) ?? '';
  const descending = wanted.startsWith('-');
  const column = COLUMNS.find((name) => name === wanted.slice(descending ? 1 : 0));
  return column === undefined ? undefined : { column, descending };
}

/** Filters the rows and sorts them; without an order they stay in Atlas's. */
export function select(
  rows: readonly ConnectionRow[],
  { text, state, provider }: ConnectionFilter,
  order: ConnectionOrder | undefined,
): readonly ConnectionRow[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const matching = rows.filter((row) => {
    if (state !== '' && row.state !== state) return false;
    if (provider !== '' && row.provider !== provider) return false;
    const whole = [
      row.id,
      row.state,
      row.provider,
      row.vendor,
      row.region,
      endpointText(row),
      row.errorMessage,
    ]
      .join(' ')
      .toLowerCase();
    return words.every((word) => whole.includes(word));
  });
  if (order === undefined) return matching;
  const { column, descending } = order;
  const direction = descending ? -1 : 1;
  return matching.toSorted((one, other) => {
    const [a, b] = [cell(one, column), cell(other, column)];
    // Empty values sort last in either direction.
    if (a === '' || b === '') return a === b ? 0 : a === '' ? 1 : -1;
    return a === b ? 0 : a < b ? -direction : direction;
  });
}
