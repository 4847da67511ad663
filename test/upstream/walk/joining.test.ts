import { describe, expect, test } from 'vitest';
import { sharedItems } from '../../../src/upstream/walk/joining.ts';

describe('two pages share', () => {
  test.each([
    ['as many items as planned', [1, 2, 3, 4], [3, 4, 5], 2],
    ['more, after an item was created before them', [1, 2, 3, 4], [2, 3, 4, 5], 3],
    ['fewer, after one was deleted before them', [1, 2, 3, 4], [4, 5, 6], 1],
    ['nothing, after all that they shared was deleted', [1, 2, 3, 4], [5, 6], 0],
    ['nothing, if an item was created between those that they share', [1, 2, 3, 4], [3, 9, 4, 5], 0],
    ['nothing, if the order differs', [1, 2, 3, 4], [3, 1, 5], 0],
    ['nothing, if the first page reaches further', [1, 2, 3, 4], [2, 3], 0],
    ['all of the second page', [1, 2, 3, 4], [3, 4], 2],
    ['nothing with an empty page', [1, 2], [], 0],
  ])('%s', (_title, before, after, shared) => {
    expect(sharedItems(Float64Array.from(before), Float64Array.from(after))).toBe(shared);
  });
});
