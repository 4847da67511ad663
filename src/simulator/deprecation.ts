import type { Operation, OperationVersion } from '../atlas/catalog.ts';

/** Single-digit day of the month, as Atlas writes these dates [recorded]. */
function serviceDate(day: string): string {
  const [name, number, ...rest] = new Date(`${day}T00:00:00Z`).toUTCString().split(' ');
  return [name, String(Number(number)), ...rest].join(' ');
}

/** A version is deprecated from the day of its successor [recorded]; that one without a successor is for its last year is [inferred]. */
function deprecatedFrom({ versions }: Operation, { name, sunset = '' }: OperationVersion): string {
  const successor = versions.find((other) => other.name !== 'preview' && other.name > name);
  return successor?.name ?? `${Number(sunset.slice(0, 4)) - 1}${sunset.slice(4)}`;
}

/** `Deprecation` and `Sunset` of a version, on errors too [recorded]. */
export const deprecationHeadersOf = (
  operation: Operation,
  version: OperationVersion,
): Readonly<Record<string, string>> =>
  version.sunset === undefined
    ? {}
    : {
        Deprecation: serviceDate(deprecatedFrom(operation, version)),
        Sunset: serviceDate(version.sunset),
      };
