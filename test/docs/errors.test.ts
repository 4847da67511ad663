import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { STATUS_BY_CODE } from '../../src/gateway/gateway-error.ts';

const page = readFileSync('docs/errors.md', 'utf8');
/** The text below each heading that is an error code. */
const sections = new Map(
  page
    .split(/^(?=##)/m)
    .flatMap((section) => [...section.matchAll(/^### `([A-Z_]+)`\n\n(.*)/gs)])
    .map(([, code = '', text = '']) => [code, text]),
);
/** Ids of the headings, as GitHub derives them from their text. */
const anchors = new Set([...page.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) => anchorOf(title)));

function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

function markdownFiles(): string[] {
  const pages = readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name));
  return ['README.md', ...pages];
}

describe('the page of error codes', () => {
  test('has a section for each code of the gateway, and for no other', () => {
    expect([...sections.keys()].toSorted()).toEqual(Object.keys(STATUS_BY_CODE).toSorted());
  });

  test.each(Object.entries(STATUS_BY_CODE))('%s: status %i, meaning, cause and remedy', (code, status) => {
    const text = sections.get(code) ?? '';
    expect(text).toMatch(new RegExp(`^${status}\\. \\S`));
    expect(text).toMatch(/^- \*\*Cause:\*\* \S/m);
    expect(text).toMatch(/^- \*\*Remedy:\*\* \S/m);
    expect(page, 'the list at the top').toContain(`[\`${code}\`](#${code.toLowerCase()})`);
  });

  test('is linked with anchors that exist, from the README too', () => {
    const links = markdownFiles().flatMap((file) => {
      const text = readFileSync(file, 'utf8');
      return [...text.matchAll(/\]\((?:[\w./]*errors\.md)(?:#([\w-]+))?\)/g)].map(([, anchor]) => ({
        file,
        anchor,
      }));
    });
    expect(links.map(({ file }) => file)).toContain('README.md');
    const own = [...page.matchAll(/\]\(#([\w-]+)\)/g)].map(([, anchor]) => ({ file: 'errors.md', anchor }));
    for (const { file, anchor } of [...links, ...own])
      if (anchor !== undefined) expect(anchors, `${file} links to #${anchor}`).toContain(anchor);
  });
});
