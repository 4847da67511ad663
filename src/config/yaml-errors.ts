import type { ErrorCode, LineCounter, YAMLParseError } from 'yaml';

const QUOTE = 'put the value in quotes';
/** A setting that appears twice in its mapping. */
export const DUPLICATE_KEY = 'this setting appears twice; remove one of them';
const REMEDIES: Record<ErrorCode, string> = {
  ALIAS_PROPS: `a value that begins with * is an alias; ${QUOTE}`,
  BAD_ALIAS: `a value that begins with * is an alias; ${QUOTE}`,
  BAD_COLLECTION_TYPE: 'a tag (!) does not fit its value; remove the tag',
  BAD_DIRECTIVE: `a line that begins with % is a directive; ${QUOTE}`,
  BAD_DQ_ESCAPE: 'a backslash in double quotes begins an escape; use single quotes',
  BAD_INDENT:
    'a bracket is not closed, or the indentation is wrong; close it, and indent all settings of a mapping equally',
  BAD_PROP_ORDER: 'an anchor (&) or tag (!) is in the wrong place; remove it',
  BAD_SCALAR_START: `a value cannot begin with this character; ${QUOTE}`,
  BLOCK_AS_IMPLICIT_KEY:
    'a value contains a colon, or the next line is indented too far; put the value in quotes, or indent all settings of a mapping equally',
  BLOCK_IN_FLOW:
    'inside brackets, settings are separated by commas, not by line breaks; close the bracket first',
  DUPLICATE_KEY,
  IMPOSSIBLE: 'the text cannot be parsed; write one setting per line, as in the sample',
  KEY_OVER_1024_CHARS: 'the name of a setting is too long; write name: value',
  MISSING_CHAR: 'a bracket, quote, comma, colon or dash is missing; check this line and the lines before it',
  MULTILINE_IMPLICIT_KEY: 'a setting has no colon after its name; write name: value',
  MULTIPLE_ANCHORS: 'a value has two anchors (&); remove one of them',
  MULTIPLE_DOCS: 'a second document begins at ---; remove it',
  MULTIPLE_TAGS: 'a value has two tags (!); remove one of them',
  NON_STRING_KEY: 'the name of a setting is not text; write name: value',
  RESOURCE_EXHAUSTION: 'the file is nested too deeply; write it as in the sample',
  TAB_AS_INDENT: 'a tab is used as indentation; use spaces',
  TAG_RESOLVE_FAILED: `a value that begins with ! is a tag; ${QUOTE}`,
  UNEXPECTED_TOKEN: `unexpected character; check for a missing or extra bracket, quote, dash or colon, or ${QUOTE}`,
};

/** Converts YAML errors to problems, one per line, in the order of the file. Messages contain no part of the text, which may contain secrets. */
export function yamlProblems(
  errors: readonly YAMLParseError[],
  lines: LineCounter,
): { line: number; message: string }[] {
  const byLine = new Map<number, string>();
  for (const { code, pos } of errors) {
    const { line } = lines.linePos(pos[0]);
    // Further errors on the same line usually follow from the first one.
    if (!byLine.has(line)) byLine.set(line, `is not valid YAML: ${REMEDIES[code]}`);
  }
  return [...byLine].sort(([one], [other]) => one - other).map(([line, message]) => ({ line, message }));
}
