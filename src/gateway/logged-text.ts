const MAX_LENGTH = 256;
const UNPRINTABLE = /[^\x20-\x7e]/g;
const UNPRINTABLE_OR_SPACE = /[^\x21-\x7e]/g;

const percentEncode = (character: string) =>
  `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;

/**
 * The path of a request target as it may appear in a log line: without the query, truncated to 256 characters, then percent-encoded to
 * printable ASCII. Undefined for a target that is not in origin form, which may contain a user name and a password.
 */
export function loggedPath(target: string): string | undefined {
  if (!target.startsWith('/')) return undefined;
  const queryStart = target.indexOf('?');
  const path = target.slice(0, Math.min(queryStart < 0 ? MAX_LENGTH : queryStart, MAX_LENGTH));
  return path.replace(UNPRINTABLE_OR_SPACE, percentEncode);
}

/** The value of a header as it may appear in a log line: truncated to 256 characters, then percent-encoded to printable ASCII. */
export const loggedHeader = (value: string): string =>
  value.slice(0, MAX_LENGTH).replace(UNPRINTABLE, percentEncode);
