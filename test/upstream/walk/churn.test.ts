import { describe, expect, test } from 'vitest';
import { countItems, type Items, itemValue, parseListBody } from '../../../src/atlas/list-parser.ts';
import { createSeeded } from '../../../src/simulator/seeded.ts';
import { type AttemptEnd, startAttempt } from '../../../src/upstream/walk/attempt.ts';
import { createCensus } from '../../../src/upstream/walk/census.ts';
import type { FetchedPage, PageResult } from '../../../src/upstream/walk/fetch-page.ts';
import { type ItemRange, overlappingLayout } from '../../../src/upstream/walk/plan.ts';

/** Walks of each combination of change, place, number of pages, rate and order of the answers. */
const WALKS = 1;
const PAGE_SIZE = 60;

type Place = 'start' | 'end' | 'anywhere';
/** `replaces`: many items at once, none of which moves; `rewrites`: all of them. */
type Change = 'creates' | 'deletes' | 'pairs' | 'mixed' | 'replaces' | 'rewrites';

type Fraction = () => number;
const below = (fraction: Fraction, limit: number) => Math.floor(fraction() * limit);

/** A list of numbers that changes as told; numbers are never used again. */
function createList(size: number, place: Place, fraction: Fraction) {
  const items = Array.from({ length: size }, (_none, index) => index);
  let created = size;
  const positionIn = (length: number) =>
    ({ start: 0, end: Math.max(0, length - 1), anywhere: below(fraction, Math.max(1, length)) })[place];
  const create = () => {
    items.splice(place === 'end' ? items.length : positionIn(items.length + 1), 0, created++);
  };
  const remove = () => {
    items.splice(positionIn(items.length), 1);
  };
  const pair = () => {
    items.splice(below(fraction, items.length), 1);
    create();
  };
  const replace = (share: number) => {
    for (const index of items.keys()) if (fraction() < share) items[index] = created++;
  };
  const kinds = {
    ...{ creates: create, deletes: remove, pairs: pair },
    replaces: () => replace(fraction()),
    rewrites: () => replace(1),
  };
  return {
    items,
    change(kind: Change) {
      kinds[
        kind === 'mixed' ? ((['creates', 'deletes', 'pairs'] as const)[below(fraction, 3)] ?? 'pairs') : kind
      ]();
    },
    page({ from, to }: ItemRange): FetchedPage {
      const results = items.slice(from, to);
      const next = to < items.length ? '{"rel":"next"}' : '';
      const body = `{"links":[${next}],"results":[${results}],"totalCount":${items.length}}`;
      const page = parseListBody(Buffer.from(body));
      if (page.type !== 'list') throw new Error(page.detail);
      return { ...page, headers: {} };
    },
  };
}

const valuesOf = (items: Items) =>
  Array.from({ length: countItems(items) }, (_none, index) => itemValue(items, index));

/** Items that a part of a list repeats, and those between its first and its last item that existed before and after, but are missing. */
interface Flaws {
  readonly repeats: number;
  readonly missed: readonly number[];
}

function flawsOf(part: readonly unknown[], before: readonly number[], after: readonly number[]): Flaws {
  const found = new Set(part);
  const still = new Set(after);
  const throughout = before.filter((item) => still.has(item));
  const first = throughout.findIndex((item) => found.has(item));
  const last = throughout.findLastIndex((item) => found.has(item));
  const missed = throughout.slice(Math.max(0, first), last + 1).filter((item) => !found.has(item));
  return { repeats: part.length - found.size, missed };
}

interface Run {
  readonly pages: number;
  readonly kind: Change;
  readonly place: Place;
  /** Changes before each answer, on average. */
  readonly rate: number;
  /** Whether the requests that are out are answered in the order in which they were sent. */
  readonly inOrder: boolean;
}

/** Walks a list that changes between the answers; returns what was read, and what existed all the time. */
async function walk({ pages, kind, place, rate, inOrder }: Run, fraction: Fraction) {
  const layout = overlappingLayout(PAGE_SIZE);
  const { to } = layout.rangeOf(pages);
  const list = createList(to - below(fraction, to - layout.rangeOf(pages - 1).to), place, fraction);
  const existedAtStart = [...list.items];
  const out: { pageNum: number; answer: (result: PageResult) => void }[] = [];
  const ends: AttemptEnd[] = [];
  const slices: Flaws[] = [];
  let calls = 0;
  const attempt = startAttempt(
    {
      ...{ layout, counted: true, identityFields: [], census: createCensus(), retryPages: true, wanted: [] },
      ...{ maxItems: 10_000, maxBytes: 1_000_000, now: () => 0 },
    },
    {
      fetchPage(pageNum) {
        calls++;
        return new Promise((answer) => out.push({ pageNum, answer }));
      },
      onCounted: () => undefined,
      onPage: () => undefined,
      onPageFailed: () => undefined,
      onEnd: (end) => ends.push(end),
      onError: (error) => {
        throw error;
      },
    },
  );
  while (ends.length === 0) {
    const [request] = out.splice(inOrder ? 0 : below(fraction, out.length), 1);
    if (request === undefined) throw new Error('The walk waits for nothing.');
    if (fraction() < rate) list.change(kind);
    request.answer(list.page(layout.rangeOf(request.pageNum)));
    // The attempt goes on in a later microtask.
    for (let turn = 0; turn < 4; turn++) await Promise.resolve();
    const from = below(fraction, to);
    const slice = attempt.slice({ from, to: from + below(fraction, 2 * PAGE_SIZE) });
    if (slice !== undefined) slices.push(flawsOf(valuesOf(slice.items), existedAtStart, list.items));
  }
  const existsNow = new Set(list.items);
  return { slices, end: ends[0], calls, throughout: existedAtStart.filter((item) => existsNow.has(item)) };
}

const itemsOf = (end: AttemptEnd | undefined) =>
  end?.type === 'walked' ? end.parts.flatMap(valuesOf) : undefined;

const runsOf = (kinds: readonly Change[], places: readonly Place[]): readonly Run[] =>
  kinds.flatMap((kind) =>
    places.flatMap((place) =>
      [3, 6, 12, 21].flatMap((pages) =>
        [0.05, 0.3, 1].flatMap((rate) =>
          [true, false].map((inOrder) => ({ kind, place, pages, rate, inOrder })),
        ),
      ),
    ),
  );

const RUNS = runsOf(['creates', 'deletes', 'pairs', 'mixed'], ['start', 'end', 'anywhere']);
/** The number of items stays the same. */
const REPLACEMENTS = runsOf(['replaces'], ['anywhere']);
const REWRITES = runsOf(['rewrites'], ['anywhere']);

/** The flaws of all walks that are accepted, and how many these are. */
async function acceptedOf(runs: readonly Run[], fraction: Fraction) {
  const flaws: { run: Run; repeats: number; missed: readonly number[] }[] = [];
  let accepted = 0;
  for (const run of runs) {
    for (let number = 0; number < WALKS; number++) {
      const { end, throughout } = await walk(run, fraction);
      const read = itemsOf(end);
      if (read === undefined) continue;
      accepted++;
      const found = new Set(read);
      const missed = throughout.filter((item) => !found.has(item));
      const repeats = read.length - found.size;
      if (repeats > 0 || missed.length > 0) flaws.push({ run, repeats, missed });
    }
  }
  return { accepted, flaws };
}

describe('a list that changes while it is walked', () => {
  test('is accepted only if nothing that existed throughout is missed or repeated', async () => {
    const { accepted, flaws } = await acceptedOf(RUNS, createSeeded(1));
    expect(flaws).toEqual([]);
    expect(accepted).toBeGreaterThan(0.8 * WALKS * RUNS.length);
  });

  test('is accepted only if nothing is missed or repeated, also if many items are replaced at once', async () => {
    const { accepted, flaws } = await acceptedOf(REPLACEMENTS, createSeeded(4));
    expect(flaws).toEqual([]);
    expect(accepted).toBeGreaterThan(0);
  });

  test('is accepted as of one moment if it is replaced as a whole', async () => {
    const fraction = createSeeded(5);
    let accepted = 0;
    for (const run of REWRITES) {
      const { end } = await walk(run, fraction);
      const read = itemsOf(end)?.map(Number) ?? [];
      if (read.length === 0) continue;
      accepted++;
      // Numbers are never used again: those of one moment follow one another.
      expect(read).toEqual(read.map((_item, index) => Number(read[0]) + index));
    }
    expect(accepted).toBeGreaterThan(0.2 * REWRITES.length);
  });

  test('answers from some of its pages without gaps and repeats', async () => {
    const fraction = createSeeded(3);
    const slices: Flaws[] = [];
    for (const run of [...RUNS, ...REPLACEMENTS]) slices.push(...(await walk(run, fraction)).slices);
    expect(slices.length).toBeGreaterThan(500);
    expect(slices.filter(({ repeats, missed }) => repeats > 0 || missed.length > 0)).toEqual([]);
  });

  test.each([3, 6, 12, 21])(
    'in %i pages with a create or delete a page is accepted with few more calls',
    async (pages) => {
      const fraction = createSeeded(2);
      const rounds = 20;
      let calls = 0;
      let accepted = 0;
      for (let round = 0; round < rounds; round++) {
        const kind = round % 2 === 0 ? 'creates' : 'deletes';
        const result = await walk({ kind, place: 'anywhere', pages, rate: 1, inOrder: false }, fraction);
        calls += result.calls;
        if (result.end?.type === 'walked') accepted++;
      }
      expect(accepted).toBeGreaterThanOrEqual(0.9 * rounds);
      expect(calls).toBeLessThanOrEqual(1.25 * rounds * pages);
    },
  );
});
