import type { Operation } from './catalog.ts';
import { type Filters, problemOf } from './query.ts';

/** The request headers that any operation has as parameters, in lower case; only these are read. */
export const HEADER_PARAMETERS = [
  'use-effective-instance-fields',
  'use-effective-fields-replication-specs',
] as const;

/** Values of such headers as a client sent them, by name in lower case. */
export type HeaderValues = Readonly<Record<string, string>>;

/** Header parameters with other values than their defaults, sorted by name: equivalent requests have equal ones. */
export type ResolvedHeaders =
  | { readonly type: 'resolved'; readonly headers: Filters }
  | { readonly type: 'invalid'; readonly name: string; readonly detail: string };

const NO_HEADERS: ResolvedHeaders = { type: 'resolved', headers: [] };

/** Resolves the header parameters of a request; those that the operation does not have are ignored, like any other header. */
export function resolveHeaders(
  { headerParameters }: Operation,
  sent: HeaderValues | undefined,
): ResolvedHeaders {
  if (sent === undefined || headerParameters.length === 0) return NO_HEADERS;
  const headers: (readonly [string, string])[] = [];
  for (const parameter of headerParameters) {
    const { name, default: defaultValue } = parameter;
    const value = sent[name.toLowerCase()];
    if (value === undefined || value === String(defaultValue)) continue;
    const problem = problemOf(parameter, value);
    if (problem !== undefined) return { type: 'invalid', name, detail: `${name} ${problem}.` };
    headers.push([name, value]);
  }
  return { type: 'resolved', headers: headers.sort(([a], [b]) => (a < b ? -1 : 1)) };
}
