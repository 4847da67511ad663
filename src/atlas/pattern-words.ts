/** Ids of a fixed length, which most of Atlas's patterns describe. */
const HEXADECIMAL = /^\^\(?\[a-f(A-F)?0-9\]\{(\d+)\}\)?\$$/;

/** What a pattern of Atlas demands of a value, as the end of a sentence: `must be 24 hexadecimal digits in lower case`. */
export function patternInWords(pattern: string): string {
  const [matched, upperCase, length] = HEXADECIMAL.exec(pattern) ?? [];
  if (matched === undefined) return `must match ${pattern}`;
  return `must be ${length} hexadecimal digits${upperCase === undefined ? ' in lower case' : ''}`;
}
