import { visible } from '../format.ts';

/** A private link connection as the table shows it: text only, each of it made visible and cut to a length. */
export interface ConnectionRow {
  readonly id: string;
  readonly state: string;
  readonly provider: string;
  readonly vendor: string;
  readonly region: string;
  /** The endpoint's names, each with what it is called. */
  readonly endpoint: readonly { readonly name: string; readonly value: string }[];
  readonly errorMessage: string;
}

export const COLUMNS = ['state', 'provider', 'vendor', 'region', 'endpoint'] as const;
export type Column = (typeof COLUMNS)[number];

/** What is looked for: a text in any column, one state, one provider. Empty: anything. */
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

/** Only text and numbers are shown: a field that is anything else is not what Atlas documents. */
const textOf = (value: unknown): string =>
  typeof value === 'string' ? visible(value) : typeof value === 'number' ? String(value) : '';

/** A row of what Atlas sent, whatever that was. */
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

/** Reads a filter out of a page's query; anything that is none is left out. */
export function readFilter(query: URLSearchParams): ConnectionFilter {
  const read = (name: string) => (query.get(name) ?? '').trim().slice(0, LONGEST_FILTER);
  return { text: read('text'), state: read('state'), provider: read('provider') };
}

/** `sort=state`, or `sort=-state` for the other way round; the last one counts, because a pressed button is added to the form it is in. */
export function readOrder(query: URLSearchParams): ConnectionOrder | undefined {
  const wanted = query.getAll('sort').at(-1) ?? '';
  const descending = wanted.startsWith('-');
  const column = COLUMNS.find((name) => name === wanted.slice(descending ? 1 : 0));
  return column === undefined ? undefined : { column, descending };
}

/** The rows that were asked for, in the order that was asked for, else in Atlas's. */
export function select(
  rows: readonly ConnectionRow[],
  { text, state, provider }: ConnectionFilter,
  order: ConnectionOrder | undefined,
): readonly ConnectionRow[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const kept = rows.filter((row) => {
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
  if (order === undefined) return kept;
  const { column, descending } = order;
  const direction = descending ? -1 : 1;
  return kept.toSorted((one, other) => {
    const [a, b] = [cell(one, column), cell(other, column)];
    // What has no value stands last, whichever way round.
    if (a === '' || b === '') return a === b ? 0 : a === '' ? 1 : -1;
    return a === b ? 0 : a < b ? -direction : direction;
  });
}
