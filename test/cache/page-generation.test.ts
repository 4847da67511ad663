import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NO_DIRECTIVES } from '../../src/cache/decide.ts';
import { afterPageLoad, earliestRequest, type Generation } from '../../src/cache/page-generation.ts';
import { createListCache, type ListCache } from '../../src/cache/read-cache.ts';
import type { LoadResult, LoadStart } from '../../src/cache/results.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

const FRESH_MS = 30_000;

/** A page load: its offset, and when it began and ended. */
type Load = readonly [offset: number, requestedAt: number, completedAt: number];

const generationAfter = (loads: readonly Load[]) =>
  loads.reduce<Generation | undefined>(
    (current, [offset, requestedAt, completedAt]) =>
      afterPageLoad(current, offset, { requestedAt, completedAt }, FRESH_MS),
    undefined,
  );

describe('a generation of pages', () => {
  test.each<[string, Load[], offset: number, requestedAt: number, 'current' | 'superseded']>([
    ['the only page', [[0, 1_000, 1_100]], 0, 1_000, 'current'],
    ['a page requested before the generation began', [[0, 1_000, 1_100]], 0, 999, 'superseded'],
    ['a later page, requested after the earlier one arrived', [[0, 1_000, 1_100]], 100, 1_100, 'current'],
    ['a later page, requested while the earlier one loaded', [[0, 1_000, 1_100]], 100, 1_050, 'superseded'],
    [
      'an earlier page than the one loaded last',
      [
        [0, 1_000, 1_100],
        [100, 1_200, 1_300],
      ],
      0,
      1_000,
      'current',
    ],
    [
      'a later page, after an earlier one was loaded again',
      [
        [0, 1_000, 1_100],
        [100, 1_200, 1_300],
        [0, 5_000, 5_100],
      ],
      100,
      1_200,
      'superseded',
    ],
    [
      'a page between two that were loaded in order',
      [
        [0, 1_000, 1_100],
        [200, 5_000, 5_100],
      ],
      100,
      2_000,
      'current',
    ],
    [
      'any page, after one was loaded when the generation was no longer fresh',
      [
        [0, 1_000, 1_100],
        [100, 20_000, 20_100],
        [200, 31_000, 31_100],
      ],
      100,
      20_000,
      'superseded',
    ],
    [
      'a page that began to load before the generation and ended in it',
      [
        [0, 1_000, 1_100],
        [0, 31_000, 31_100],
        [100, 30_999, 31_200],
      ],
      100,
      30_999,
      'superseded',
    ],
  ])('%s', (_title, loads, offset, requestedAt, expected) => {
    const generation = generationAfter(loads);
    const earliest = generation === undefined ? Number.NaN : earliestRequest(generation, offset);
    expect(requestedAt < earliest ? 'superseded' : 'current').toBe(expected);
  });

  test('records a bounded number of loads', () => {
    const sweep = Array.from({ length: 5_000 }, (_none, page): Load => [page * 100, page, page]);
    expect(generationAfter(sweep)?.loads.length).toBeLessThanOrEqual(1_000);
  });
});

describe('a list that is cached by the page', () => {
  const PAGE = 4;
  const PAGES = 5;

  /** A list whose newest items come first, and a cache of its pages. */
  function createEvents(clock: FakeClock) {
    let newest = PAGE * PAGES;
    const cache: ListCache<readonly number[]> = createListCache(
      {
        ...{ maxBytes: 1_000_000, projectShare: 1, negativeTtlMs: 5_000, refreshPauseMs: 5_000 },
        ...{ longestPauseMs: 60_000, maxLoads: 100, maxWaiting: 1_000 },
        isRepeatable: () => true,
        kindOf: () => 'page',
      },
      { clock, observe: () => undefined },
    );
    const wait = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));

    const loadPage =
      (page: number, tookMs: number) =>
      async (_start: LoadStart): Promise<LoadResult<readonly number[], never>> => {
        const loadedAt = clock.now();
        await wait(tookMs);
        const first = newest - page * PAGE;
        const value = Array.from(
          { length: Math.min(PAGE, Math.max(0, first)) },
          (_none, index) => first - index,
        );
        await wait(tookMs);
        return { type: 'loaded', value, bytes: 100, loadedAt };
      };

    async function read(page: number, tookMs: number): Promise<readonly number[]> {
      const result = await cache.read({
        ...{ project: 'project', operation: 'operation', key: `list#${page}`, directives: NO_DIRECTIVES },
        page: { list: 'list', offset: page * PAGE },
        lifetimes: { freshMs: FRESH_MS, staleWhileRevalidateMs: 300_000, staleIfErrorMs: 3_600_000 },
        freshnessFactor: () => 1,
        admitLoad: () => undefined,
        load: loadPage(page, tookMs),
      });
      return result.type === 'value' ? result.value : [];
    }

    async function sweep(pauseMs: number, tookMs: number) {
      const swept: number[] = [];
      for (let page = 0; ; page++) {
        const items = await read(page, tookMs);
        swept.push(...items);
        if (items.length < PAGE) return { swept, newest };
        await wait(pauseMs);
      }
    }
    return {
      read,
      sweep,
      arrive() {
        newest++;
      },
    };
  }

  const took = fc.integer({ min: 1, max: 2_000 });
  const step = fc.oneof(
    fc.record({ type: fc.constant('arrive' as const) }),
    fc.record({ type: fc.constant('read' as const), page: fc.nat(PAGES), tookMs: took }),
    fc.record({
      type: fc.constant('sweep' as const),
      pauseMs: fc.integer({ min: 1, max: 8_000 }),
      tookMs: took,
    }),
  );
  const steps = fc.array(fc.record({ step, afterMs: fc.integer({ min: 0, max: 12_000 }) }), {
    minLength: 5,
    maxLength: 60,
  });

  test('a sweep reads every item that is older than its first one, and repeats at most as many as arrived', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (plan) => {
        const clock = createFakeClock();
        const events = createEvents(clock);
        const sweeps: ReturnType<typeof events.sweep>[] = [];
        for (const { step: one, afterMs } of plan) {
          if (one.type === 'arrive') events.arrive();
          else if (one.type === 'read') void events.read(one.page, one.tookMs);
          else sweeps.push(events.sweep(one.pauseMs, one.tookMs));
          await clock.advance(afterMs);
        }
        await clock.advance(600_000);
        for (const { swept, newest } of await Promise.all(sweeps)) {
          const first = swept[0] ?? 0;
          const distinct = new Set(swept);
          expect([...distinct].filter((item) => item <= first)).toHaveLength(first);
          expect(swept.length - distinct.size).toBeLessThanOrEqual(newest - first);
        }
      }),
      { numRuns: 60 },
    );
  });
});
