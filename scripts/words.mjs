// Finds words in src/ and test/ that were replaced and must not return; scripts/words.txt lists them. Exits with 1 where it finds any.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const KINDS = ['id', 'file', 'phrase'];
const FOLDERS = ['src', 'test'];
const SOURCE = /\.(?:[cm]?[jt]s|tsx)$/;
const IDENTIFIER = /[\p{ID_Start}$_][\p{ID_Continue}$]*/gu;

// Sticky: each is tried at the scanner's position and nowhere else.
const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const STRING = /'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*"/y;
const TEMPLATE = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*(`|\$\{|$)/y;
const PATTERN = /\/(?![*/])(?:[^\\/[\n]|\\.|\[(?:[^\\\]\n]|\\.)*\])+\/[a-z]*/y;
const PLAIN = /[\p{ID_Continue}$]+|\s+|[\s\S]/uy;
/** After one of these a slash begins a regular expression; after anything else it divides, or ends a tag. */
const BEFORE_PATTERN =
  /(?:^|[(,=:[!&|?{;+\-*%~^>]|\b(?:return|typeof|case|in|of|do|else|void|await|yield|throw))$/;

/** Comments, strings, regular expressions and the code between them, in order; together they are the source. */
function* tokens(source) {
  let at = 0;
  let before = '';
  /** For each open template, how many braces are open in its expression. */
  const templates = [];
  const take = (pattern) => {
    pattern.lastIndex = at;
    const match = pattern.exec(source);
    if (match === null) return undefined;
    at = pattern.lastIndex;
    return match;
  };
  function* template() {
    const [text, end] = take(TEMPLATE);
    if (end === '${') templates.push(0);
    before = end;
    yield { kind: 'string', text };
  }

  while (at < source.length) {
    const [comment] = take(COMMENT) ?? [];
    if (comment !== undefined) {
      yield { kind: 'comment', text: comment };
      continue;
    }
    const [string] = take(STRING) ?? [];
    const [pattern] = (string === undefined && BEFORE_PATTERN.test(before) && take(PATTERN)) || [];
    const [plain] = string === undefined && pattern === undefined ? take(PLAIN) : [];
    const text = string ?? pattern ?? plain;
    const closes = text === '}' && templates.at(-1) === 0;
    if (closes) templates.pop();
    else if (templates.length > 0 && (text === '{' || text === '}'))
      templates[templates.length - 1] += text === '{' ? 1 : -1;
    const opens = closes || text === '`';
    const kind = pattern !== undefined ? 'pattern' : string !== undefined || opens ? 'string' : 'code';
    yield { kind, text };
    if (opens) yield* template();
    else if (text.trim() !== '') before = text;
  }
}

const blank = (text, fill) => text.replaceAll(/[^\n]/g, fill);
/** The marks of a comment become spaces, so that a phrase is found across its lines. */
const withoutMarks = (comment) =>
  comment.replaceAll(/^\/\/+|^\/\*+|\*\/$|^[ \t]*\*(?!\/)/gm, (mark) => ' '.repeat(mark.length));

/**
 * A source as code and as prose (comments and strings), each as long as the source, so that a place in one is the same place in all. What
 * belongs to the other is a space in the code and a NUL in the prose, which no phrase spans. The text of `jsx` is in both: only a parser
 * could tell it from code.
 */
export function separate(source, { jsx = false } = {}) {
  let code = '';
  let prose = '';
  for (const { kind, text } of tokens(source)) {
    code += kind === 'code' ? text : blank(text, ' ');
    switch (kind) {
      case 'comment':
        prose += withoutMarks(text);
        break;
      case 'string':
        prose += text;
        break;
      case 'code':
        prose += jsx ? text : text.replaceAll(/\S/g, '\0');
        break;
      default:
        prose += blank(text, '\0');
    }
  }
  return { code, prose };
}

/** The entries of words.txt: `id NAME`, `file NAME` or `phrase TEXT`, each with what to write instead after an arrow. */
export function readEntries(text) {
  return text.split('\n').flatMap((line, index) => {
    const entry = line.trim();
    if (entry === '' || entry.startsWith('#')) return [];
    const [, kind, word, hint = ''] = /^(\S+)\s+(.+?)(?:\s+→\s*(.*))?$/.exec(entry) ?? [];
    if (!KINDS.includes(kind))
      throw new Error(`words.txt:${index + 1}: write 'id', 'file' or 'phrase' and a word, not '${entry}'`);
    return [{ kind, word, hint }];
  });
}

const phrasePattern = (phrase) =>
  new RegExp(
    `(?<!\\w)${phrase
      .split(/\s+/)
      .map((word) => word.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
      .join('\\s+')}(?!\\w)`,
    'gi',
  );

/** What a file must not contain, and its name where that must not return; line 0 is the name. */
export function findWords(path, source, entries) {
  const { code, prose } = separate(source, { jsx: path.endsWith('x') });
  const ids = new Map(entries.filter(({ kind }) => kind === 'id').map((entry) => [entry.word, entry]));
  const name = basename(path).replace('.test.', '.');
  const lineOf = (offset) => source.slice(0, offset).split('\n').length;
  const finding = ({ word, hint }, line) => ({ path, line, word, hint });
  return [
    ...entries.filter(({ kind, word }) => kind === 'file' && word === name).map((entry) => finding(entry, 0)),
    ...[...code.matchAll(IDENTIFIER)]
      .filter(([word]) => ids.has(word))
      .map(({ 0: word, index }) => finding(ids.get(word), lineOf(index))),
    ...entries
      .filter(({ kind }) => kind === 'phrase')
      .flatMap((entry) =>
        [...prose.matchAll(phrasePattern(entry.word))].map(({ index }) => finding(entry, lineOf(index))),
      ),
  ].sort((a, b) => a.line - b.line);
}

export const describeFinding = ({ path, line, word, hint }) =>
  `${path}${line === 0 ? '' : `:${line}`}: ${word}${hint === '' ? '' : ` → ${hint}`}`;

if (import.meta.filename === process.argv[1]) {
  const root = join(import.meta.dirname, '..');
  const entries = readEntries(readFileSync(join(import.meta.dirname, 'words.txt'), 'utf8'));
  const paths = FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((path) => join(folder, path)),
  ).filter((path) => SOURCE.test(path));
  const findings = paths.flatMap((path) => findWords(path, readFileSync(join(root, path), 'utf8'), entries));
  for (const finding of findings) process.stdout.write(`${describeFinding(finding)}\n`);
  process.stdout.write(`${findings.length} words that were replaced, in ${paths.length} files\n`);
  process.exitCode = findings.length === 0 ? 0 : 1;
}
