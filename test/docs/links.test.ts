import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { pages, withoutCode } from '../support/markdown.ts';

/** The anchors of a page as GitHub makes them from headings, and those that it writes itself. */
function anchorsOf(text: string): Set<string> {
  const prose = withoutCode(text);
  const anchors = new Set([...prose.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, id = '']) => id));
  for (const [, heading = ''] of prose.matchAll(/^#+ (.+)$/gm)) {
    const slug = heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-');
    let anchor = slug;
    for (let repeated = 1; anchors.has(anchor); repeated++) anchor = `${slug}-${repeated}`;
    anchors.add(anchor);
  }
  return anchors;
}

const anchorsByPath = new Map(pages.map(({ path, text }) => [path, anchorsOf(text)]));
const links = pages.flatMap(({ path, text }) =>
  [...withoutCode(text).matchAll(/\]\(((?![a-z]+:)[^)#\s]*)(?:#([^)\s]+))?\)/g)].map(
    ([link, target = '', anchor]) => ({
      link: `${path}: ${link}`,
      target: target === '' ? path : normalize(join(dirname(path), target)),
      anchor,
    }),
  ),
);

test('every file that a page links to exists', () => {
  expect(links.length).toBeGreaterThan(pages.length);
  expect(links.filter(({ target }) => !existsSync(target)).map(({ link }) => link)).toEqual([]);
});

test('every heading that a page links to exists', () => {
  const missing = links.filter(
    ({ target, anchor }) => anchor !== undefined && !anchorsByPath.get(target)?.has(anchor),
  );
  expect(missing.map(({ link }) => link)).toEqual([]);
});
