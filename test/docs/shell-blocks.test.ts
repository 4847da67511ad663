import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { pages } from '../support/markdown.ts';

/** Its blocks are run by getting-started.test.ts. */
const PASTED = 'docs/getting-started.md';

/** A comment before a block names the test that runs it or sends the same requests, or says why none does. */
const COMMENT = /<!-- (?:checked by (?<file>\S+)|not run: (?<reason>\S.+)) -->$/;

const blocks = pages
  .filter(({ path }) => path !== PASTED)
  .flatMap(({ path, text }) =>
    [...text.matchAll(/^ *```(?:sh|bash|shell|console)\n/gm)].map(({ index }) => {
      const before = text.slice(0, index);
      return {
        place: `${path}:${before.split('\n').length}`,
        comment: COMMENT.exec(before.trimEnd())?.groups,
      };
    }),
  );

test('every shell block is checked by a test, or a comment before it says why not', () => {
  expect(blocks.length).toBeGreaterThan(20);
  expect(blocks.filter(({ comment }) => comment === undefined).map(({ place }) => place)).toEqual([]);
});

test('every test that a comment names exists', () => {
  const files = new Set(blocks.flatMap(({ comment }) => comment?.['file'] ?? []));
  expect([...files].filter((file) => !existsSync(file))).toEqual([]);
});
