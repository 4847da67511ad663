import type { ErrorCode, LineCounter, YAMLParseError } from 'yaml';

const QUOTE = 'put the value in quotes';
/** A setting that stands in its mapping twice. */
export const DUPLICATE_KEY = 'this setting is written twice; remove one of them';
const REMEDIES: Record<ErrorCode, string> = {
  ALIAS_PROPS: `a value that begins with * stands for another one; ${QUOTE}`,
  BAD_ALIAS: `a value that begins with * stands for another one; ${QUOTE}`,
  BAD_COLLECTION_TYPE: 'a tag (!) does not fit its value; remove the tag',
  BAD_DIRECTIVE: `a line that begins with % is a directive; ${QUOTE}`,
  BAD_DQ_ESCAPE: 'a backslash in double quotes begins an escape; use single quotes',
  BAD_INDENT:
    'a bracket is not closed, or the indentation is wrong; close it, and indent settings of one mapping alike',
  BAD_PROP_ORDER: 'an anchor (&) or tag (!) is in the wrong place; remove it',
  BAD_SCALAR_START: `a value cannot begin with this character; ${QUOTE}`,
  BLOCK_AS_IMPLICIT_KEY:
    'a value contains a colon, or the next line is indented too far; put the value in quotes, or indent settings of one mapping alike',
  BLOCK_IN_FLOW:
    'inside brackets, settings are separated by commas and not by lines; close the bracket first',
  DUPLICATE_KEY,
  IMPOSSIBLE: 'the text cannot be understood; write one setting per line, as in the sample',
  KEY_OVER_1024_CHARS: 'the name of a setting is too long; write name: value',
  MISSING_CHAR: 'a bracket, quote, comma, colon or dash is missing; look at this line and the ones before it',
  MULTILINE_IMPLICIT_KEY: 'a setting has no colon after its name; write name: value',
  MULTIPLE_ANCHORS: 'a value has two anchors (&); remove one of them',
  MULTIPLE_DOCS: 'a second document begins at ---; keep one',
  MULTIPLE_TAGS: 'a value has two tags (!); remove one of them',
  NON_STRING_KEY: 'the name of a setting is not text; write name: value',
  RESOURCE_EXHAUSTION: 'the file is nested too deeply; write it as in the sample',
  TAB_AS_INDENT: 'a tab is used as indentation; use spaces',
  TAG_RESOLVE_FAILED: `a value that begins with ! is a tag; ${QUOTE}`,
  UNEXPECTED_TOKEN: `something is in the wrong place here; look for a missing or extra bracket, quote, dash or colon, or ${QUOTE}`,
};

/** What is wrong with a text that is not YAML, one entry per line, without anything of the text: it may hold secrets. */
export function yamlProblems(
  errors: readonly YAMLParseError[],
  lines: LineCounter,
): { line: number; message: string }[] {
  const byLine = new Map<number, string>();
  for (const { code, pos } of errors) {
    const { line } = lines.linePos(pos[0]);
    // Further errors of a line follow from the first one.
    if (!byLine.has(line)) byLine.set(line, `is not valid YAML: ${REMEDIES[code]}`);
  }
  return [...byLine].map(([line, message]) => ({ line, message }));
}
