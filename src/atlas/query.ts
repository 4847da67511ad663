import { didYouMean } from '../lib/suggest.ts';
import type { Operation, Parameter } from './catalog.ts';
import { patternInWords } from './pattern-words.ts';

/** Paging and format of a page. */
export interface PageOptions {
  readonly pageNum: number;
  readonly itemsPerPage: number;
  readonly pretty: boolean;
  readonly envelope: boolean;
  readonly includeCount: boolean;
  /** The pinned listing that a link of the gateway refers to; not an Atlas parameter. */
  readonly snapshot?: string;
}

/** The parameters that select the items of the list, sorted by name, then value. */
export type Filters = readonly (readonly [name: string, value: string])[];

/** A resolved query: equivalent queries resolve to the same shape and filters. `blank`: the filters sent without a value, sorted. */
export type ResolvedQuery =
  | {
      readonly type: 'resolved';
      readonly shape: PageOptions;
      readonly filters: Filters;
      readonly blank: readonly string[];
    }
  | { readonly type: 'invalid'; readonly parameter: string; readonly detail: string };

const MAX_QUERY_LENGTH = 4_096;
const MAX_PARAMETERS = 64;
const MAX_VALUE_LENGTH = 1_024;
/** Atlas numbers items with a 32-bit integer [inferred], so a higher item number would overflow. */
const MAX_ITEM = 2 ** 31 - 1;
const SHAPE_NAMES: ReadonlySet<string> = new Set([
  'pageNum',
  'itemsPerPage',
  'pretty',
  'envelope',
  'includeCount',
]);
/** The gateway's own parameter, which it adds to the links that it writes. */
export const SNAPSHOT_PARAMETER: Parameter = {
  name: 'snapshot',
  type: 'string',
  pattern: '^[A-Za-z0-9_-]{12}$',
};

/** Atlas accepts 0 for these and treats it as 1: the first page, a page of one item [inferred from what Terraform sent for years]. */
const ZERO_IS_ONE: ReadonlySet<string> = new Set(['pageNum', 'itemsPerPage']);

/** Whether 0 is treated as 1, regardless of the documented minimum. */
export const acceptsZero = ({ name }: Parameter): boolean => ZERO_IS_ONE.has(name);

const MALFORMED = `A name or value in the query is not valid percent-encoded UTF-8, contains a control character, or is longer than ${MAX_VALUE_LENGTH} characters.`;
const CONTROL = /\p{Cc}/u;
const NO_FILTERS: Filters = [];
const NO_NAMES: readonly string[] = [];
/** Characters that are not allowed in a query (RFC 3986), and `;`, which some servers treat like `&`. */
const ILLEGAL_CHARACTER = /[^!-~]|[;#]/;
const patterns = new WeakMap<Parameter, RegExp>();

function decode(text: string): string | undefined {
  try {
    const value = decodeURIComponent(text.replaceAll('+', ' '));
    return CONTROL.test(value) || value.length > MAX_VALUE_LENGTH ? undefined : value;
  } catch {
    return undefined;
  }
}

function patternOf(parameter: Parameter, source: string): RegExp {
  let pattern = patterns.get(parameter);
  if (pattern === undefined) {
    pattern = new RegExp(source);
    patterns.set(parameter, pattern);
  }
  return pattern;
}

/** Whether a value is an integer within the parameter's range in canonical form; dates in milliseconds need 13 digits. */
function isInteger({ minimum = -Infinity, maximum = Infinity }: Parameter, value: string): boolean {
  if (!/^(0|-?[1-9]\d{0,15})$/.test(value)) return false;
  const number = Number(value);
  return Number.isSafeInteger(number) && number >= minimum && number <= maximum;
}

/** Why a value is invalid for the parameter; undefined if it is valid. */
export function problemOf(parameter: Parameter, value: string): string | undefined {
  if (value === '0' && acceptsZero(parameter)) return undefined;
  switch (parameter.type) {
    case 'boolean':
      return value === 'true' || value === 'false' ? undefined : 'must be true or false';
    case 'integer': {
      const { minimum, maximum } = parameter;
      const from = minimum === undefined ? '' : ` from ${minimum}`;
      const to = maximum === undefined ? '' : ` to ${maximum}`;
      return isInteger(parameter, value) ? undefined : `must be a whole number${from}${to}`;
    }
    case 'string':
    case 'array':
      if (value === '') return 'must not be empty';
      if (parameter.enum !== undefined && !parameter.enum.includes(value))
        return `must be one of ${parameter.enum.join(', ')}`;
      if (parameter.pattern !== undefined && !patternOf(parameter, parameter.pattern).test(value))
        return patternInWords(parameter.pattern);
      return undefined;
  }
}

const invalid = (parameter: string, detail: string): ResolvedQuery => ({
  type: 'invalid',
  parameter,
  detail,
});

/** Names the parameters that exist, so that nobody has to look them up. */
function unknownName({ id, queryParameters }: Operation, name: string): string {
  const names = queryParameters.map((known) => known.name);
  const existing = names.length === 0 ? 'It has none.' : `It has ${names.join(', ')}.`;
  return `${id} has no query parameter of that name${didYouMean(name, names) || '.'} ${existing}`;
}

/** Whether a parameter with an empty value counts as absent, as in Atlas [recorded on `name=`]. */
const mayBeBlank = ({ name, required }: Parameter) =>
  required !== true && name !== SNAPSHOT_PARAMETER.name && !SHAPE_NAMES.has(name);

/** Resolves a raw query (without `?`) against an operation: rejects unknown names and invalid values, and fills in defaults. */
export function resolveQuery(operation: Operation, rawQuery: string): ResolvedQuery {
  if (rawQuery.length > MAX_QUERY_LENGTH)
    return invalid('', `The query is longer than ${MAX_QUERY_LENGTH} bytes.`);
  if (ILLEGAL_CHARACTER.test(rawQuery))
    return invalid('', 'The query contains a character that must be percent-encoded.');
  const given = new Map<string, string[]>();
  const parts = rawQuery === '' ? [] : rawQuery.split('&');
  if (parts.length > MAX_PARAMETERS)
    return invalid('', `The query has more than ${MAX_PARAMETERS} parameters.`);
  for (const part of parts) {
    const equals = part.indexOf('=');
    const name = decode(equals < 0 ? part : part.slice(0, equals));
    const value = decode(equals < 0 ? '' : part.slice(equals + 1));
    if (name === undefined || value === undefined) return invalid(name ?? '', MALFORMED);
    const parameter =
      name === SNAPSHOT_PARAMETER.name
        ? SNAPSHOT_PARAMETER
        : operation.queryParameters.find((known) => known.name === name);
    if (parameter === undefined) return invalid(name, unknownName(operation, name));
    const isBlank = value === '' && mayBeBlank(parameter);
    const problem = isBlank ? undefined : problemOf(parameter, value);
    if (problem !== undefined) return invalid(name, `${name} ${problem}.`);
    const values = given.get(name);
    if (values === undefined) given.set(name, [value]);
    else if (parameter.type === 'array') values.push(value);
    else return invalid(name, `${name} appears in the query more than once.`);
  }
  for (const { name, required, default: defaultValue } of operation.queryParameters) {
    if (required === true && defaultValue === undefined && !given.has(name))
      return invalid(name, `${name} is required.`);
  }
  const firstValue = (name: string, defaultValue: string) => given.get(name)?.[0] ?? defaultValue;
  const shape: PageOptions = {
    pageNum: Math.max(1, Number(firstValue('pageNum', '1'))),
    itemsPerPage: Math.max(1, Number(firstValue('itemsPerPage', '100'))),
    pretty: firstValue('pretty', 'false') === 'true',
    envelope: firstValue('envelope', 'false') === 'true',
    includeCount: firstValue('includeCount', 'true') === 'true',
    ...(given.has('snapshot') ? { snapshot: firstValue('snapshot', '') } : {}),
  };
  if (shape.pageNum * shape.itemsPerPage > MAX_ITEM)
    return invalid('pageNum', `pageNum times itemsPerPage must not be more than ${MAX_ITEM}.`);
  return { type: 'resolved', shape, filters: filtersOf(operation, given), blank: blankOf(given) };
}

/** Names of the parameters that have only empty values, sorted. */
function blankOf(given: ReadonlyMap<string, readonly string[]>): readonly string[] {
  if (given.size === 0) return NO_NAMES;
  const isBlank = ([, values]: readonly [string, readonly string[]]) => values.every((value) => value === '');
  return [...given]
    .filter(isBlank)
    .map(([name]) => name)
    .sort();
}

function filtersOf(operation: Operation, given: ReadonlyMap<string, readonly string[]>): Filters {
  const filters: (readonly [string, string])[] = [];
  for (const { name, default: defaultValue } of operation.queryParameters) {
    if (SHAPE_NAMES.has(name)) continue;
    const values = given.get(name)?.filter((value) => value !== '') ?? [];
    if (values.length === 0 && defaultValue !== undefined) values.push(String(defaultValue));
    for (const value of [...new Set(values)].sort()) filters.push([name, value]);
  }
  return filters.length === 0 ? NO_FILTERS : filters.sort(byName);
}

const byName = ([a]: Filters[number], [b]: Filters[number]) => (a < b ? -1 : a > b ? 1 : 0);

/** The filters as a canonical query string, for cache keys and upstream requests. */
export const canonicalQuery = (filters: Filters): string =>
  filters.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');

/** Whether an operation supports `includeCount`. */
export const isCountable = (operation: Operation): boolean =>
  operation.queryParameters.some(({ name }) => name === 'includeCount');

/**
 * The parameters other than page number and size as they appear in links, each followed by `&`. `includeCount` comes first and is always
 * present on operations that support it [recorded]; a filter sent without a value is echoed without one [recorded on `name=`]; the order of
 * the others is [inferred].
 */
export function linkParameters(
  operation: Operation,
  shape: PageOptions,
  filters: Filters,
  blank: readonly string[] = NO_NAMES,
): string {
  const parameters = isCountable(operation) ? [`includeCount=${shape.includeCount}`] : [];
  const echoed = blank.filter((name) => !filters.some(([known]) => known === name));
  const filterQuery = canonicalQuery(
    echoed.length === 0 ? filters : [...filters, ...echoed.map((name) => [name, ''] as const)].sort(byName),
  );
  if (filterQuery !== '') parameters.push(filterQuery);
  if (shape.envelope) parameters.push('envelope=true');
  if (shape.pretty) parameters.push('pretty=true');
  return parameters.map((parameter) => `${parameter}&`).join('');
}
