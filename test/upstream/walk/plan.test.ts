import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSeeded } from '../../../src/simulator/seeded.ts';
import { overlappingLayout, pageParametersOf, plainLayout } from '../../../src/upstream/walk/plan.ts';

const pagesUpTo = (count: number) => Array.from({ length: count }, (_none, index) => index + 1);

describe.each([30, 100, 500])('overlapping pages of at most %i items', (pageSize) => {
  const { rangeOf, pagesOf } = overlappingLayout(pageSize);
  const pages = pagesUpTo(200);

  test('are addressed as Atlas addresses pages', () => {
    for (const page of pages) {
      const { pageNum, itemsPerPage } = pageParametersOf(rangeOf(page));
      expect(Number.isInteger(pageNum)).toBe(true);
      expect(itemsPerPage).toBeLessThanOrEqual(pageSize);
      expect(rangeOf(page)).toEqual({ from: (pageNum - 1) * itemsPerPage, to: pageNum * itemsPerPage });
    }
  });

  test('begin before the page before them ends, and reach further', () => {
    for (const page of pages.slice(1)) {
      expect(rangeOf(page).from).toBeLessThan(rangeOf(page - 1).to);
      expect(rangeOf(page).to).toBeGreaterThan(rangeOf(page - 1).to);
    }
  });

  test('are as few as reach the end of the list', () => {
    const reach = rangeOf(pages.length).to;
    for (let items = 0; items <= reach; items += Math.max(1, Math.floor(reach / 500))) {
      const count = pagesOf(items) ?? Number.NaN;
      expect(rangeOf(count).to).toBeGreaterThanOrEqual(items);
      if (count > 1) expect(rangeOf(count - 1).to).toBeLessThan(items);
    }
  });
});

test('page k of up to 500 items has k − 1 less, and shares k − 1 with the page before', () => {
  const { rangeOf } = overlappingLayout(500);
  for (const page of pagesUpTo(21).slice(1)) {
    expect(pageParametersOf(rangeOf(page))).toEqual({ pageNum: page, itemsPerPage: 501 - page });
    expect(rangeOf(page - 1).to - rangeOf(page).from).toBe(page - 1);
  }
});

test.each([
  [500, 21],
  [100, 118],
])('of at most %i items, %i overlapping pages cover 10 000', (pageSize, pages) => {
  expect(overlappingLayout(pageSize).pagesOf(10_000)).toBe(pages);
});

test.each([
  ['overlapping', overlappingLayout(500)],
  ['plain', plainLayout(500)],
])('%s pages that cover a range hold all its items', (_name, { pagesCovering, rangeOf }) => {
  const fraction = createSeeded(1);
  for (let number = 0; number < 1_000; number++) {
    const from = Math.floor(fraction() * 60_000);
    const to = from + Math.floor(fraction() * 501);
    const pages = pagesCovering({ from, to });
    const [first = 0, last = 0] = [pages[0], pages.at(-1)];
    expect(pages).toEqual(pagesUpTo(last).slice(first - 1));
    expect(rangeOf(first).from).toBeLessThanOrEqual(from);
    expect(rangeOf(first).to).toBeGreaterThan(from);
    expect(rangeOf(last).to).toBeGreaterThanOrEqual(to);
  }
});

test('no overlapping page holds items behind the reach of all of them', () => {
  expect(overlappingLayout(500).pagesCovering({ from: 1e9, to: 1e9 + 100 })).toEqual([]);
});

describe('the plain pages that cover a range', () => {
  test.each([
    [0, 100, [1]],
    [400, 500, [1]],
    [400, 501, [1, 2]],
    [500, 600, [2]],
    [300, 600, [1, 2]],
    [9_900, 10_000, [20]],
    [500, 500, [2]],
  ])('%i to %i: %j', (from, to, pages) => {
    expect(plainLayout(500).pagesCovering({ from, to })).toEqual(pages);
  });

  test('hold every item of it, and each of them at least one', () => {
    const range = fc.record({ from: fc.nat(5_000), size: fc.integer({ min: 1, max: 500 }) });
    fc.assert(
      fc.property(range, fc.constantFrom(100, 500), ({ from, size }, pageSize) => {
        const pages = plainLayout(pageSize).pagesCovering({ from, to: from + size });
        const itemsIn = (pageNum: number) =>
          Math.min(from + size, pageNum * pageSize) - Math.max(from, (pageNum - 1) * pageSize);
        expect(pages.every((pageNum) => itemsIn(pageNum) > 0)).toBe(true);
        expect(pages.reduce((sum, pageNum) => sum + itemsIn(pageNum), 0)).toBe(size);
      }),
    );
  });
});
