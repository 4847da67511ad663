import Negotiator from 'negotiator';
import type { Operation, OperationVersion } from './catalog.ts';

/** How Atlas resolves an `Accept` header for an operation. */
export type ResolvedVersion =
  | { readonly type: 'resolved'; readonly version: OperationVersion }
  | { readonly type: 'not-acceptable' };

/** The version to request from Atlas. */
export interface RequestedVersion {
  readonly mediaType: string;
  /** Its name in the catalog; absent: Atlas decides which version it is, or that there is none. */
  readonly known?: string;
}

/** Chooses the version of an operation to request for an `Accept` header; undefined if the header names none. */
export type ChooseVersion = (
  operation: Operation,
  accept: string | undefined,
) => RequestedVersion | undefined;

const PREVIEW = 'preview';
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
    return name === undefined || (name !== PREVIEW && !isCalendarDay(name)) ? [] : [name];
  });
}

/** The newest version that is not after `requested`. That a later date resolves down is [inferred] from what real clients send. */
function resolveDown(versions: readonly OperationVersion[], requested: string): OperationVersion | undefined {
  if (requested === PREVIEW) return versions.find(({ name }) => name === PREVIEW);
  return versions.findLast(({ name }) => name !== PREVIEW && name <= requested);
}

/** Resolves the version in an `Accept` header among those of the catalog, sunset or not. */
export function resolveVersion({ versions }: Operation, accept: string | undefined): ResolvedVersion {
  for (const requested of requestedVersions(accept ?? '')) {
    const version = resolveDown(versions, requested);
    if (version !== undefined) return { type: 'resolved', version };
  }
  return { type: 'not-acceptable' };
}

const mediaTypeOf = (name: string) => `application/vnd.atlas.${name}+json`;

/** The last of the catalog's dates; they sort as text. */
const newestDate = (operations: readonly Operation[]): string =>
  operations
    .flatMap(({ versions }) => versions.map(({ name }) => name).filter((name) => name !== PREVIEW))
    .sort()
    .at(-1) ?? '';

/**
 * Chooses versions as far as the catalog knows them. Only Atlas knows what it has released since, and which versions it has sunset: a date
 * after the newest one of the catalog is requested as it is, and so is one that precedes every version of its operation.
 */
export function createVersionChoice(operations: readonly Operation[]): ChooseVersion {
  const newest = newestDate(operations);
  const isUnreleased = (name: string) => name !== PREVIEW && name > newest;

  return ({ versions }, accept) => {
    const requested = requestedVersions(accept ?? '');
    for (const name of requested) {
      if (isUnreleased(name)) return { mediaType: mediaTypeOf(name) };
      const known = resolveDown(versions, name)?.name;
      if (known !== undefined) return { mediaType: mediaTypeOf(known), known };
    }
    const [first] = requested;
    return first === undefined ? undefined : { mediaType: mediaTypeOf(first) };
  };
}
