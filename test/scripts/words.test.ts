import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { describeFinding, findWords, readEntries, separate } from '../../scripts/words.mjs';

const entries = readEntries('id Widget → Gadget\nfile old.ts → new.ts\nphrase made up words');
/** Lines and words that are found; `#{` in the source stands for the beginning of an expression in a template. */
const linesOf = (source: string, path = 'src/a.ts') =>
  findWords(path, source.replaceAll('#{', '${'), entries).map(({ line, word }) => `${line} ${word}`);

describe('the list of words', () => {
  test('has a kind, a word and a replacement on each line; comments and empty lines are skipped', () => {
    expect(readEntries('# a comment\n\nid hold → cacheUnit\n phrase made up \n')).toEqual([
      { kind: 'id', word: 'hold', hint: 'cacheUnit' },
      { kind: 'phrase', word: 'made up', hint: '' },
    ]);
  });

  test('is refused where a line has another kind or no word', () => {
    expect(() => readEntries('id a\nword b')).toThrow('words.txt:2');
    expect(() => readEntries('id')).toThrow('words.txt:1');
  });

  test('names nothing twice', () => {
    const words = readEntries(readFileSync('scripts/words.txt', 'utf8')).map(
      ({ kind, word }) => `${kind} ${word}`,
    );
    expect(words.length).toBeGreaterThan(100);
    expect(words).toEqual([...new Set(words)]);
  });
});

describe('an identifier', () => {
  test.each([
    ['a type', 'let a: Widget;'],
    ['a property', 'a.Widget'],
    ['an expression in a template', 'const a = `x #{`y #{Widget.b}`} z`;'],
    ['after a regular expression with quotes', 'const a = /["\'`/]/; Widget();'],
    ['after a division', 'const a = b / c; Widget(); const d = e / f;'],
    ['after a regular expression in a template', 'const a = `#{/nonce="([^"]*)"/.exec(b)}`; Widget();'],
    ['after an escaped quote', "const a = 'it\\'s'; Widget();"],
  ])('is found as %s', (_what, source) => {
    expect(linesOf(source)).toEqual(['1 Widget']);
  });

  test.each([
    ['a string', 'const a = \'Widget\' + "Widget" + `Widget`;'],
    ['a comment', '// Widget\n/* Widget */'],
    ['a regular expression', 'const a = /Widget/;'],
    ['another word', 'const WidgetTime = aWidget;'],
  ])('is not found in %s', (_what, source) => {
    expect(linesOf(source)).toEqual([]);
  });

  test('is found after an apostrophe in the text of JSX', () => {
    expect(linesOf("const a = <p>it's</p>;\nWidget();", 'src/a.tsx')).toEqual(['2 Widget']);
  });
});

describe('a phrase', () => {
  test.each([
    ['a string', "const a = 'It is Made up words.';", 1],
    ['a template', 'const a = `#{b} made up words`;', 1],
    ['a comment over two lines', '\n// is made\n// up words', 2],
    ['a block over two lines', '/**\n * is made\n * up words.\n */', 2],
  ])('is found in %s', (_where, source, line) => {
    expect(linesOf(source)).toEqual([`${line} made up words`]);
  });

  test.each([
    ['code', 'made(up, words)\nmade\nup\nwords'],
    ['longer words', '// remade up words, made up wordsmiths'],
    ['two strings', "f('made up', 'words')"],
  ])('is not found in %s', (_where, source) => {
    expect(linesOf(source)).toEqual([]);
  });
});

test('the name of a file is found, as is that of its test', () => {
  expect(linesOf('', 'src/gateway/old.ts')).toEqual(['0 old.ts']);
  expect(linesOf('', 'test/gateway/old.test.ts')).toEqual(['0 old.ts']);
  expect(linesOf('', 'src/gateway/gateold.ts')).toEqual([]);
});

test('a source is divided without moving anything', () => {
  const source = "const a = 'x'; // y\nconst b = /z/;";
  const { code, prose } = separate(source);
  expect(code).toBe('const a =    ;     \nconst b =    ;');
  expect(prose).toHaveLength(source.length);
});

test('a finding names file, line, word and replacement', () => {
  const [finding] = findWords('src/a.ts', '\nWidget', entries);
  expect(finding && describeFinding(finding)).toBe('src/a.ts:2: Widget → Gadget');
});

test('no such word is in src/ or test/', () => {
  const { status, stdout } = spawnSync(process.execPath, ['scripts/words.mjs'], { encoding: 'utf8' });
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^0 words/)]);
});
