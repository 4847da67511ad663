import { patternInWords } from './pattern-words.ts';

/** What the description says of a path parameter. */
interface Described {
  readonly name: string;
  readonly pattern?: string;
  readonly enum?: readonly string[];
}

const MAX_VALUE_LENGTH = 1_024;
/** Longer than any host name, the longest value that only a loose pattern describes. */
const MAX_LOOSE_LENGTH = 256;
const CONTROL_OR_BACKSLASH = /[\p{Cc}\\]/u;
/** Characters of a segment (RFC 3986 `pchar`). A `;` is forwarded percent-encoded, so that no server reads it as a matrix parameter. */
const SEGMENT = /^[\w.~!$&'()*+,;=:@%-]*$/;
/** `.` or `..` between slashes, which a server could resolve. */
const DOT_SEGMENT = /(^|\/)\.{1,2}(\/|$)/;

/** Decodes a path segment once; undefined if it is malformed or contains path syntax other than slashes. */
export function decodeSegment(segment: string): string | undefined {
  if (!SEGMENT.test(segment)) return undefined;
  try {
    const value = decodeURIComponent(segment);
    const isPath = CONTROL_OR_BACKSLASH.test(value) || DOT_SEGMENT.test(value);
    return isPath || value.length > MAX_VALUE_LENGTH ? undefined : value;
  } catch {
    return undefined;
  }
}

/** Whether a decoded value is valid for a parameter's pattern. */
export type MatchPattern = (value: string) => boolean;

/**
 * Compiles the pattern of a path parameter. Some of Atlas's patterns match anywhere in a value; a value with slashes, or one so long that
 * such a search takes quadratic time, has to match as a whole. Patterns that allow a slash describe its encoded form (`10.0.0.0%2F24`).
 */
export function createMatchPattern(pattern: string): MatchPattern {
  const loose = new RegExp(pattern);
  const whole = new RegExp(`^(?:${pattern})$`);
  return (value) =>
    value.includes('/') || value.length > MAX_LOOSE_LENGTH
      ? whole.test(value) || whole.test(value.replaceAll('/', '%2F'))
      : loose.test(value);
}

/** Why a decoded path parameter is invalid; undefined if it is valid. */
export function problemOf(
  { name, pattern, enum: choices }: Described,
  matchPattern: MatchPattern | undefined,
  value: string,
): string | undefined {
  if (matchPattern?.(value) === false) return `${name} in the path ${patternInWords(pattern ?? '')}.`;
  if (choices !== undefined && !choices.includes(value))
    return `${name} in the path must be one of ${choices.join(', ')}.`;
  return undefined;
}
