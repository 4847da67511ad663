import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { GETTING_STARTED } from '../support/getting-started.ts';
import { pages, shellBlocks } from '../support/markdown.ts';

/** A comment before a block names the test that runs it or sends the same requests, or says why none does. */
const COMMENT = /<!-- (?:checked by (?<file>\S+)|not run: (?<reason>\S.+)) -->$/;

// The blocks of getting-started.md are run by getting-started.test.ts.
const blocks = pages
  .filter(({ path }) => path !== GETTING_STARTED)
  .flatMap(({ path, text }) =>
    shellBlocks(text).map(({ line, before }) => ({
      place: `${path}:${line}`,
      comment: COMMENT.exec(before)?.groups,
    })),
  );

test('every shell block is checked by a test, or a comment before it says why not', () => {
  expect(blocks.length).toBeGreaterThan(20);
  expect(blocks.filter(({ comment }) => comment === undefined).map(({ place }) => place)).toEqual([]);
});

test('every test that a comment names exists', () => {
  const files = new Set(blocks.flatMap(({ comment }) => comment?.['file'] ?? []));
  expect([...files].filter((file) => !existsSync(file))).toEqual([]);
});
