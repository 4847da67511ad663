/** A JSON value. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json | undefined };

/** The requested page of a list. `others` are the remaining query parameters, which links repeat. */
export interface PageRequest {
  readonly pageNum: number;
  readonly itemsPerPage: number;
  readonly includeCount: boolean;
  readonly countable: boolean;
  readonly pretty: boolean;
  readonly envelope: boolean;
  readonly others: readonly (readonly [string, string])[];
  /** Absolute address of the list, without query. */
  readonly address: string;
  /** The `totalCount` of a page without a count: absent, or 0 as [recorded] for events. */
  readonly uncounted: 'absent' | 'zero';
}

export const isObject = (value: Json): value is { readonly [name: string]: Json | undefined } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Sorts keys alphabetically at every depth, as Atlas does. */
function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .flatMap((name) => (value[name] === undefined ? [] : [[name, sorted(value[name])]])),
  );
}

/** Formats like Jackson's default pretty printer. */
function indented(value: Json, indent: string): string {
  if (Array.isArray(value))
    return value.length === 0 ? '[ ]' : `[ ${value.map((item) => indented(item, indent)).join(', ')} ]`;
  if (!isObject(value)) return JSON.stringify(value);
  const names = Object.keys(value);
  if (names.length === 0) return '{ }';
  const deeper = `${indent}  `;
  return `{\n${names.map((name) => `${deeper}${JSON.stringify(name)} : ${indented(value[name] ?? null, deeper)}`).join(',\n')}\n${indent}}`;
}

/** Serializes a value with sorted keys, compact or pretty. */
export const writeJson = (value: Json, pretty: boolean): string =>
  pretty ? indented(sorted(value), '') : JSON.stringify(sorted(value));

/** Larger items are written anew for each page. */
const MAX_REMEMBERED_LENGTH = 4_096;
const written = new WeakMap<object, string>();

/** An item in compact form. Most items are read many times and never change, so their text is remembered. */
function writeItem(item: Json): string {
  if (typeof item !== 'object' || item === null) return writeJson(item, false);
  const known = written.get(item);
  if (known !== undefined) return known;
  const text = writeJson(item, false);
  if (text.length <= MAX_REMEMBERED_LENGTH) written.set(item, text);
  return text;
}

/** Number of items on the requested page of a list with `total` items. */
export const countOnPage = (total: number, { pageNum, itemsPerPage }: PageRequest): number =>
  Math.max(0, Math.min(itemsPerPage, total - (pageNum - 1) * itemsPerPage));

/** A list that is read in part: an array, or one that makes its items as they are read. */
export interface PageSource {
  readonly length: number;
  slice(start: number, end: number): readonly Json[];
}

/** Renders the requested page of `items`. The form of `previous` and the empty page past the end are [inferred]. */
export function writePage(items: PageSource, request: PageRequest): string {
  const { pageNum, itemsPerPage, address } = request;
  const start = (pageNum - 1) * itemsPerPage;
  const query = new URLSearchParams();
  if (request.countable) query.append('includeCount', String(request.includeCount));
  for (const [name, value] of request.others) query.append(name, value);
  const prefix = query.size === 0 ? '' : `${query.toString().replaceAll('+', '%20')}&`;
  const hrefOf = (page: number) => `${address}?${prefix}itemsPerPage=${itemsPerPage}&pageNum=${page}`;
  const links = [
    { rel: 'self', href: `${address}?${prefix}pageNum=${pageNum}&itemsPerPage=${itemsPerPage}` },
  ];
  if (pageNum > 1) links.push({ rel: 'previous', href: hrefOf(pageNum - 1) });
  if (start + itemsPerPage < items.length) links.push({ rel: 'next', href: hrefOf(pageNum + 1) });
  const uncounted = request.uncounted === 'zero' ? 0 : undefined;
  const results = items.slice(start, start + itemsPerPage);
  const totalCount = request.includeCount ? items.length : uncounted;
  const status = request.envelope ? 200 : undefined;
  if (request.pretty) return writeJson({ links, results, totalCount, status }, true);
  const rest = writeJson({ status, totalCount }, false).slice(1, -1);
  return `{"links":${writeJson(links, false)},"results":[${results.map(writeItem).join(',')}]${rest === '' ? '' : `,${rest}`}}`;
}
