import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countItems, itemValue, parseListBody } from '../../../src/atlas/list-parser.ts';
import { writePage } from '../../../src/simulator/pages.ts';
import type { FetchedPage } from '../../../src/upstream/walk/fetch-page.ts';
import { pagesCovering, pagesOf } from '../../../src/upstream/walk/plan.ts';
import { createProgress, type ListSlice } from '../../../src/upstream/walk/progress.ts';

const PAGE_SIZE = 10;
const OPTIONS = { pageSize: PAGE_SIZE, maxItems: 1_000, maxBytes: 1_000_000, now: () => 0 };

const idsOf = (slice: Pick<ListSlice, 'items'>) =>
  Array.from({ length: countItems(slice.items) }, (_none, index) => itemValue(slice.items, index));
const list = (count: number) => Array.from({ length: count }, (_none, index) => ({ id: `item-${index}` }));

/** A page as Atlas sends it. */
function pageOf(items: readonly { id: string }[], pageNum: number, includeCount = true): FetchedPage {
  const body = writePage(items, {
    ...{ pageNum, itemsPerPage: PAGE_SIZE, includeCount, countable: true, pretty: false, envelope: false },
    ...{ others: [], address: 'https://atlas/list' },
    uncounted: 'absent',
  });
  const parsed = parseListBody(Buffer.from(body), PAGE_SIZE);
  if (parsed.type !== 'list') throw new Error('the page is not a list');
  return { ...parsed, headers: {} };
}

describe('the pages that cover a range', () => {
  test.each([
    [0, 100, [1]],
    [400, 500, [1]],
    [400, 501, [1, 2]],
    [500, 600, [2]],
    [300, 600, [1, 2]],
    [9_900, 10_000, [20]],
    [500, 500, [2]],
  ])('%i to %i: %j', (from, to, pages) => {
    expect(pagesCovering({ from, to }, 500)).toEqual(pages);
  });

  test('hold every item of it, and each of them at least one', () => {
    const range = fc.record({ from: fc.nat(5_000), size: fc.integer({ min: 1, max: 500 }) });
    fc.assert(
      fc.property(range, fc.constantFrom(100, 500), ({ from, size }, pageSize) => {
        const pages = pagesCovering({ from, to: from + size }, pageSize);
        const itemsIn = (pageNum: number) =>
          Math.min(from + size, pageNum * pageSize) - Math.max(from, (pageNum - 1) * pageSize);
        expect(pages.every((pageNum) => itemsIn(pageNum) > 0)).toBe(true);
        expect(pages.reduce((sum, pageNum) => sum + itemsIn(pageNum), 0)).toBe(size);
      }),
    );
  });
});

describe('the progress of a walk', () => {
  const arrivals = fc.record({ count: fc.nat(95), counted: fc.boolean() }).chain(({ count, counted }) => {
    const pages = Array.from({ length: Math.max(1, pagesOf(count, PAGE_SIZE)) }, (_none, index) => index + 1);
    return fc.record({
      ...{ count: fc.constant(count), counted: fc.constant(counted) },
      order: fc.shuffledSubarray(pages, { minLength: pages.length }),
      range: fc.record({
        pageNum: fc.integer({ min: 1, max: 40 }),
        itemsPerPage: fc.integer({ min: 1, max: 30 }),
      }),
    });
  });

  test('in whatever order pages arrive, a slice is that of the whole list, from the moment its pages are here', () => {
    fc.assert(
      fc.property(arrivals, ({ count, counted, order, range: { pageNum, itemsPerPage } }) => {
        const items = list(count);
        const range = { from: (pageNum - 1) * itemsPerPage, to: pageNum * itemsPerPage };
        const progress = createProgress({ ...OPTIONS, counted });
        const arrived = new Set<number>();
        for (const next of order) {
          expect(progress.whole()).toBe(undefined);
          expect(progress.add(next, pageOf(items, next, counted))).toBe('added');
          arrived.add(next);
          const slice = progress.slice(range);
          const needed = pagesCovering(range, PAGE_SIZE).filter((page) => (page - 1) * PAGE_SIZE < count);
          const isKnown = needed.length > 0 && needed.every((page) => arrived.has(page));
          if (isKnown && (counted || needed.length === pagesCovering(range, PAGE_SIZE).length))
            expect(slice).toBeDefined();
          if (slice === undefined) continue;
          expect(idsOf(slice)).toEqual(items.slice(range.from, range.to));
          expect(slice.hasMore).toBe(range.to < count);
          expect(slice.totalCount).toBe(counted ? count : undefined);
        }
        const whole = progress.whole();
        expect(whole === undefined || whole === 'torn' ? whole : idsOf(whole)).toEqual(items);
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ['another count', () => pageOf(list(26), 2)],
    ['an item of another page', () => pageOf([{ id: 'new' }, ...list(24)], 2)],
    ['no count', () => pageOf(list(25), 2, false)],
    ['too few items for its place', () => ({ ...pageOf(list(15), 2), totalCount: 25 })],
  ])('a page with %s is torn', (_title, second) => {
    const progress = createProgress({ ...OPTIONS, counted: true });
    progress.add(1, pageOf(list(25), 1));
    expect(progress.add(2, second())).toBe('torn');
  });

  test.each([
    ['items', { maxItems: 24 }],
    ['bytes', { maxBytes: 200 }],
  ])('a list with too many %s is too long from its first page on, which can be read', (_title, limit) => {
    const progress = createProgress({ ...OPTIONS, ...limit, counted: true });
    expect(progress.add(1, pageOf(list(25), 1))).toBe('too-long');
    expect(idsOf(progress.slice({ from: 0, to: 5 }) ?? pageOf([], 1))).toEqual(list(5));
  });

  test('an empty page far beyond the end of an uncounted list does not tell where it ends', () => {
    const progress = createProgress({ ...OPTIONS, counted: false });
    progress.add(20, pageOf(list(25), 20, false));
    expect(progress.lastPage).toBe(undefined);
    for (const pageNum of [1, 2, 3]) progress.add(pageNum, pageOf(list(25), pageNum, false));
    expect(progress.lastPage).toBe(3);
  });
});
