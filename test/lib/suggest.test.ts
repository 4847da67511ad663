import { expect, test } from 'vitest';
import { suggest } from '../../src/lib/suggest.ts';

const NAMES = ['itemsPerPage', 'includeDeletedWithRetainedBackups'];

test.each([
  ['itemPerPage', 'itemsPerPage'],
  ['ITEMSPERPAGE', 'itemsPerPage'],
  ['includeDeletedWithRetainedBackup', 'includeDeletedWithRetainedBackups'],
  ['nope', undefined],
  ['a'.repeat(300), undefined],
])('%s means %s', (written, meant) => {
  expect(suggest(written, NAMES)).toBe(meant);
});
