import type { Operation } from '../atlas/catalog.ts';

/** What Atlas makes of an `Accept` header. `headers` say that the version is old. */
export type AcceptedVersion =
  | {
      readonly type: 'accepted' | 'gone';
      readonly name: string;
      readonly headers: Readonly<Record<string, string>>;
    }
  | { readonly type: 'not-acceptable' };

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const VENDOR_TYPE = /^application\/vnd\.atlas\.(preview|\d{4}-\d{2}-\d{2})\+json$/i;

/** Midnight of a day, the day of the month with a single digit where it has one: Atlas's form, not quite that of RFC 9110. */
function headerDate(day: string): string {
  const date = new Date(`${day}T00:00:00Z`);
  return `${DAYS[date.getUTCDay()]}, ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()} 00:00:00 GMT`;
}

/** The versions that a header names, most wanted first; 2023-02-30 is no version. */
function named(accept: string): string[] {
  const ranges = accept.split(',').map((range) => {
    const [mediaType = '', ...parameters] = range.split(';').map((part) => part.trim());
    const quality = parameters.find((parameter) => /^q=/i.test(parameter))?.slice(2) ?? '1';
    return { name: VENDOR_TYPE.exec(mediaType)?.[1]?.toLowerCase() ?? '', quality: Number(quality) };
  });
  return ranges
    .filter(({ name, quality }) => quality > 0 && (name === 'preview' || isDay(name)))
    .sort((a, b) => b.quality - a.quality)
    .map(({ name }) => name);
}

function isDay(name: string): boolean {
  const at = Date.parse(`${name}T00:00:00Z`);
  return !Number.isNaN(at) && new Date(at).toISOString().slice(0, 10) === name;
}

/** `Deprecation` is the day on which a newer version came, `Sunset` the one on which this version goes. That the first is that very day is [inferred]. */
function ageHeaders({ versions }: Operation, name: string): Record<string, string> {
  const sunset = versions.find((version) => version.name === name)?.sunset;
  const successor = versions.find((version) => version.name !== 'preview' && version.name > name)?.name;
  return {
    ...(successor !== undefined && { Deprecation: headerDate(successor) }),
    ...(sunset !== undefined && { Sunset: headerDate(sunset) }),
  };
}

/** The version that answers an `Accept` header on `today` (`YYYY-MM-DD`): the newest that is not after the date asked for [inferred]. */
export function acceptedVersion(
  operation: Operation,
  accept: string | undefined,
  today: string,
): AcceptedVersion {
  let gone: string | undefined;
  for (const wanted of named(accept ?? '')) {
    const candidates = operation.versions.filter(({ name }) =>
      wanted === 'preview' ? name === 'preview' : name !== 'preview' && name <= wanted,
    );
    const version = candidates.at(-1);
    if (version === undefined) continue;
    if (version.sunset === undefined || version.sunset > today)
      return { type: 'accepted', name: version.name, headers: ageHeaders(operation, version.name) };
    gone ??= version.name;
  }
  return gone === undefined
    ? { type: 'not-acceptable' }
    : { type: 'gone', name: gone, headers: ageHeaders(operation, gone) };
}
