import Negotiator from 'negotiator';
import type { Operation, OperationVersion } from './catalog.ts';

/** How an `Accept` header resolves for an operation. `mediaType`: the media type of the upstream request and of the response. */
export type ResolvedVersion =
  | { readonly type: 'resolved'; readonly version: OperationVersion; readonly mediaType: string }
  | { readonly type: 'not-acceptable' }
  | { readonly type: 'gone'; readonly version: OperationVersion };

const RANGE = /^application\/vnd\.atlas\.(\d{4}-\d{2}-\d{2}|preview)\+json$/i;
const MAX_LENGTH = 4_096;
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function isCalendarDay(text: string): boolean {
  const [year = 0, month = 0, day = 0] = text.split('-').map(Number);
  const isLeapYear = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = month === 2 && isLeapYear ? 29 : (DAYS[month - 1] ?? 0);
  return day >= 1 && day <= days;
}

/** The version names in an `Accept` header (RFC 9110 section 12.5.1), by descending weight. */
function requestedVersions(accept: string): string[] {
  if (accept.length > MAX_LENGTH) return [];
  return new Negotiator({ headers: { accept } }).mediaTypes().flatMap((mediaType) => {
    const name = RANGE.exec(mediaType)?.[1]?.toLowerCase();
    return name === undefined || (name !== 'preview' && !isCalendarDay(name)) ? [] : [name];
  });
}

/** The newest version that is not after `requested`. That a later date resolves down is [inferred] from what real clients send. */
function resolveDown(versions: readonly OperationVersion[], requested: string): OperationVersion | undefined {
  if (requested === 'preview') return versions.find(({ name }) => name === 'preview');
  return versions.findLast(({ name }) => name !== 'preview' && name <= requested);
}

/**
 * Resolves the version in an `Accept` header on `today` (`YYYY-MM-DD`). A header without a version is not acceptable; from its sunset on, a
 * version is gone.
 */
export function resolveVersion(
  operation: Operation,
  accept: string | undefined,
  today: string,
): ResolvedVersion {
  let gone: OperationVersion | undefined;
  for (const requested of requestedVersions(accept ?? '')) {
    const version = resolveDown(operation.versions, requested);
    if (version === undefined) continue;
    if (version.sunset === undefined || today < version.sunset) {
      return { type: 'resolved', version, mediaType: `application/vnd.atlas.${version.name}+json` };
    }
    gone ??= version;
  }
  return gone === undefined ? { type: 'not-acceptable' } : { type: 'gone', version: gone };
}
