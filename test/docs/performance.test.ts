import { expect, test } from 'vitest';
import { pages } from '../support/markdown.ts';

const marked = pages.flatMap(({ path, text }) =>
  [...text.matchAll(/<!-- bench: (.+?) -->\n([\s\S]*?)<!-- end -->/g)].map(([, name, body = '']) => ({
    place: `${path}: ${name}`,
    body: body.trim(),
  })),
);

test('every place for the result of a benchmark is filled', () => {
  expect(marked.length).toBeGreaterThan(20);
  expect(marked.filter(({ body }) => body === '').map(({ place }) => place)).toEqual([]);
});

test('results are Markdown that a person can read: no figure is missing', () => {
  expect(marked.filter(({ body }) => /NaN|undefined|Infinity/.test(body)).map(({ place }) => place)).toEqual(
    [],
  );
});
