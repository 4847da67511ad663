import type { Operation, OperationVersion } from './catalog.ts';

/** What an `Accept` header means for an operation. `mediaType` is what Atlas is asked for and answers with. */
export type ResolvedVersion =
  | { readonly type: 'resolved'; readonly version: OperationVersion; readonly mediaType: string }
  | { readonly type: 'not-acceptable' }
  | { readonly type: 'gone'; readonly version: OperationVersion };

const RANGE = /^application\/vnd\.atlas\.(\d{4}-\d{2}-\d{2}|preview)\+json$/i;
const MAX_LENGTH = 4_096;
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** The parts of a header value between its commas or semicolons, but not those inside quoted strings (RFC 9110 section 5.6.4). */
const BETWEEN = {
  commas: /(?:[^,"]|"(?:\\.|[^"\\])*"?)+/g,
  semicolons: /(?:[^;"]|"(?:\\.|[^"\\])*"?)+/g,
};

/** Weight of a media range (RFC 9110 section 12.4.2): 1 where none is given, 0 where it is malformed. */
function weightOf(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const [name, value] = parameter.split('=');
    if (name?.trim().toLowerCase() === 'q')
      return /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(value?.trim() ?? '') ? Number(value) : 0;
  }
  return 1;
}

function isCalendarDay(text: string): boolean {
  const [year = 0, month = 0, day = 0] = text.split('-').map(Number);
  const isLeapYear = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = month === 2 && isLeapYear ? 29 : (DAYS[month - 1] ?? 0);
  return day >= 1 && day <= days;
}

/** The names of versions a header asks for, the most wanted first. */
function wantedVersions(accept: string): string[] {
  if (accept.length > MAX_LENGTH) return [];
  return (accept.match(BETWEEN.commas) ?? [])
    .map((range) => {
      const [type = '', ...parameters] = range.match(BETWEEN.semicolons) ?? [];
      return { name: RANGE.exec(type.trim())?.[1]?.toLowerCase(), weight: weightOf(parameters) };
    })
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .flatMap(({ name }) =>
      name === undefined || (name !== 'preview' && !isCalendarDay(name)) ? [] : [name],
    );
}

/** The newest version that is not after `wanted`. That a later date resolves down is [inferred] from what real clients send. */
function resolveDown(versions: readonly OperationVersion[], wanted: string): OperationVersion | undefined {
  if (wanted === 'preview') return versions.find(({ name }) => name === 'preview');
  return versions.findLast(({ name }) => name !== 'preview' && name <= wanted);
}

/** The version an `Accept` header asks for on `today` (`YYYY-MM-DD`). Without a version in it nothing is acceptable; from its sunset on a version is gone. */
export function resolveVersion(
  operation: Operation,
  accept: string | undefined,
  today: string,
): ResolvedVersion {
  let gone: OperationVersion | undefined;
  for (const wanted of wantedVersions(accept ?? '')) {
    const version = resolveDown(operation.versions, wanted);
    if (version === undefined) continue;
    if (version.sunset === undefined || today < version.sunset) {
      return { type: 'resolved', version, mediaType: `application/vnd.atlas.${version.name}+json` };
    }
    gone ??= version;
  }
  return gone === undefined ? { type: 'not-acceptable' } : { type: 'gone', version: gone };
}
