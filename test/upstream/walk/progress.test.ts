import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countItems, itemValue, parseListBody } from '../../../src/atlas/list-parser.ts';
import { writePage } from '../../../src/simulator/pages.ts';
import { createCensus } from '../../../src/upstream/walk/census.ts';
import type { FetchedPage } from '../../../src/upstream/walk/fetch-page.ts';
import {
  overlappingLayout,
  type PageLayout,
  pageParametersOf,
  plainLayout,
} from '../../../src/upstream/walk/plan.ts';
import { createProgress, type ListSlice, type ProgressOptions } from '../../../src/upstream/walk/progress.ts';

const PAGE_SIZE = 10;
const PLAIN = plainLayout(PAGE_SIZE);
const OVERLAPPING = overlappingLayout(30);

const start = (options: Partial<ProgressOptions>) =>
  createProgress({
    ...{ layout: PLAIN, counted: true, identityFields: ['id'], census: createCensus() },
    ...{ maxItems: 1_000, maxBytes: 1_000_000, now: () => 0, ...options },
  });

const idsOf = (slice: Pick<ListSlice, 'items'>) =>
  Array.from({ length: countItems(slice.items) }, (_none, index) => itemValue(slice.items, index));
const list = (count: number) => Array.from({ length: count }, (_none, index) => ({ id: `item-${index}` }));

/** A page as Atlas sends it. */
function pageOf(
  items: readonly { id: string }[],
  pageNum: number,
  { includeCount = true, layout = PLAIN }: { includeCount?: boolean; layout?: PageLayout } = {},
): FetchedPage {
  const { itemsPerPage, ...page } = pageParametersOf(layout.rangeOf(pageNum));
  const body = writePage(items, {
    ...{ ...page, itemsPerPage, includeCount, countable: true, pretty: false, envelope: false },
    ...{ others: [], address: 'https://atlas/list' },
    uncounted: 'absent',
  });
  const parsed = parseListBody(Buffer.from(body), itemsPerPage);
  if (parsed.type !== 'list') throw new Error('the page is not a list');
  return { ...parsed, headers: {} };
}

describe('the progress of a walk', () => {
  const lists = fc.oneof(
    fc.record({ count: fc.nat(95), counted: fc.boolean(), layout: fc.constant(PLAIN) }),
    fc.record({ count: fc.nat(300), counted: fc.constant(true), layout: fc.constant(OVERLAPPING) }),
  );
  const arrivals = lists.chain(({ count, counted, layout }) => {
    const pages = Array.from({ length: layout.pagesOf(count) ?? 0 }, (_none, index) => index + 1);
    return fc.record({
      ...{ count: fc.constant(count), counted: fc.constant(counted), layout: fc.constant(layout) },
      order: fc.shuffledSubarray(pages, { minLength: pages.length }),
      range: fc.record({
        pageNum: fc.integer({ min: 1, max: 40 }),
        itemsPerPage: fc.integer({ min: 1, max: 30 }),
      }),
    });
  });

  test('in whatever order pages arrive, a slice is that of the whole list, from the moment its pages are here', () => {
    fc.assert(
      fc.property(arrivals, ({ count, counted, layout, order, range: { pageNum, itemsPerPage } }) => {
        const items = list(count);
        const range = { from: (pageNum - 1) * itemsPerPage, to: pageNum * itemsPerPage };
        const progress = start({ layout, counted });
        const pageNums = layout.pagesCovering(range);
        const arrived = new Set<number>();
        for (const next of order) {
          expect(progress.whole()).toBe(undefined);
          expect(progress.add(next, pageOf(items, next, { includeCount: counted, layout }))).toBe('added');
          arrived.add(next);
          const slice = progress.slice(range);
          const needed = pageNums.filter((page) => layout.rangeOf(page).from < count);
          const isKnown = needed.length > 0 && needed.every((page) => arrived.has(page));
          if (isKnown && (counted || needed.length === pageNums.length)) expect(slice).toBeDefined();
          if (slice === undefined) continue;
          expect(idsOf(slice)).toEqual(items.slice(range.from, range.to));
          expect(slice.hasMore).toBe(range.to < count);
          expect(slice.totalCount).toBe(counted ? count : undefined);
        }
        const whole = progress.whole();
        expect(
          whole === undefined || whole === 'torn' ? whole : whole.parts.flatMap((items) => idsOf({ items })),
        ).toEqual(items);
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ['another count', () => pageOf(list(26), 2)],
    ['an item of another page', () => pageOf([{ id: 'new' }, ...list(24)], 2)],
    ['no count', () => pageOf(list(25), 2, { includeCount: false })],
    ['too few items for its place', () => ({ ...pageOf(list(15), 2), totalCount: 25 })],
  ])('a page with %s is torn', (_title, second) => {
    const progress = start({});
    progress.add(1, pageOf(list(25), 1));
    expect(progress.add(2, second())).toBe('torn');
  });

  test.each([
    ['items', { maxItems: 24 }],
    ['bytes', { maxBytes: 200 }],
  ])('a list with too many %s is too long from its first page on, which can be read', (_title, limit) => {
    const progress = start(limit);
    expect(progress.add(1, pageOf(list(25), 1))).toBe('too-long');
    expect(idsOf(progress.slice({ from: 0, to: 5 }) ?? pageOf([], 1))).toEqual(list(5));
  });

  test('an empty page far beyond the end of an uncounted list does not tell where it ends', () => {
    const progress = start({ counted: false });
    progress.add(20, pageOf(list(25), 20, { includeCount: false }));
    expect(progress.lastPage).toBe(undefined);
    for (const pageNum of [1, 2, 3])
      progress.add(pageNum, pageOf(list(25), pageNum, { includeCount: false }));
    expect(progress.lastPage).toBe(3);
  });
  test('an empty page far beyond the end of a list whose pages overlap does not tell where it ends', () => {
    const layout = overlappingLayout(500);
    const progress = start({ layout });
    progress.add(4, pageOf(list(600), 4, { layout }));
    expect(progress.lastPage).toBe(2);
    progress.add(1, pageOf(list(600), 1, { layout }));
    progress.add(2, pageOf(list(600), 2, { layout }));
    expect(progress.whole()).not.toBe(undefined);
  });
});
