import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NO_DIRECTIVES } from '../../../src/cache/decide.ts';
import { upstreamFailure } from '../../../src/upstream/failure.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import {
  createListWorld,
  itemsOf,
  type ListWorld,
  outcomeOf,
  type PageCall,
  refusal,
  TIMEOUT_MS,
  type WorldItem,
  type WorldRead,
  worldItems,
} from '../../support/list-world.ts';

/** What can happen next. `index` selects one of the calls on the wire. */
type Step =
  | { readonly type: 'join'; readonly page: number; readonly size: number; readonly noCache: boolean }
  | { readonly type: 'purge'; readonly soft: boolean }
  | { readonly type: 'mutate'; readonly how: 'insert' | 'remove' | 'replace'; readonly at: number }
  | { readonly type: 'answer'; readonly index: number }
  | { readonly type: 'fail'; readonly index: number; readonly how: keyof typeof FAILURES }
  | { readonly type: 'advance'; readonly ms: number };

const FAILURES = {
  failed: upstreamFailure('UPSTREAM_FAILED', 'Atlas answered 503.'),
  late: upstreamFailure('UPSTREAM_TIMEOUT', 'Atlas did not answer in time.'),
  limited: upstreamFailure('UPSTREAM_RATE_LIMITED', 'Atlas answered 429.'),
  unauthorized: refusal(401, 'UNAUTHORIZED'),
  uncountable: refusal(500, 'TIMEOUT_WHILE_PAGING'),
} as const;

const index = fc.nat({ max: 20 });
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        type: fc.constant('join' as const),
        page: fc.integer({ min: 1, max: 16 }),
        size: fc.constantFrom(10, 100, 300),
        noCache: fc.boolean(),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ type: fc.constant('purge' as const), soft: fc.boolean() }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant('mutate' as const),
        how: fc.constantFrom('insert' as const, 'remove' as const, 'replace' as const),
        at: fc.double({ min: 0, max: 0.99, noNaN: true }),
      }),
    },
    { weight: 10, arbitrary: fc.record({ type: fc.constant('answer' as const), index }) },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant('fail' as const),
        index,
        how: fc.constantFrom('failed', 'late', 'limited', 'unauthorized', 'uncountable'),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        type: fc.constant('advance' as const),
        ms: fc.constantFrom(1, 300, 1_500, 4_000, 11_000, 31_000),
      }),
    },
  ),
  { minLength: 10, maxLength: 60 },
);

async function run(step: Step, world: ListWorld, reads: WorldRead[], clock: FakeClock): Promise<void> {
  const callAt = (at: number) => world.pending()[at % Math.max(1, world.pending().length)];
  switch (step.type) {
    case 'join': {
      const directives = step.noCache ? { noCache: true, onlyIfCached: false } : NO_DIRECTIVES;
      reads.push(world.read(step.page, step.size, directives));
      break;
    }
    case 'purge':
      world.purge(step);
      break;
    case 'mutate':
      world[step.how](step.at);
      break;
    case 'answer':
      callAt(step.index)?.answer();
      break;
    case 'fail':
      callAt(step.index)?.fail(FAILURES[step.how]);
      break;
    case 'advance':
      await clock.advance(step.ms);
  }
  await world.settle();
}

/** The calls of each attempt to walk the list. */
function walksOf(calls: readonly PageCall[]): readonly (readonly PageCall[])[] {
  const walks = new Map<number, PageCall[]>();
  for (const call of calls) if (call.isWalk) walks.set(call.walk, [...(walks.get(call.walk) ?? []), call]);
  return [...walks.values()];
}

/** Requests for a page of a walk, at most: one, and two repairs where it joins each of its neighbours. */
const MAX_REQUESTS = 5;

const isSamePage = (one: PageCall, other: PageCall) =>
  one.pageNum === other.pageNum && one.itemsPerPage === other.itemsPerPage;

/** Requests for pages that had not failed and did not have to be repaired, because the list had not changed during the walk. */
function repeated(walk: readonly PageCall[], { failed, versionAt }: ListWorld): readonly PageCall[] {
  const hasChanged = new Set(walk.flatMap((call) => versionAt.get(call) ?? [])).size > 1;
  return walk.filter((call, at) => {
    const before = walk.slice(0, at).filter((one) => isSamePage(one, call) && !failed.has(one));
    return before.length >= (hasChanged ? MAX_REQUESTS : 1);
  });
}

function checkRead(read: WorldRead, now: number): void {
  const outcome = outcomeOf(read);
  expect(outcome).not.toBe('threw');
  if (outcome === 'waiting') {
    expect(now - read.arrivedAt).toBeLessThan(TIMEOUT_MS);
    return;
  }
  const items = itemsOf(read) ?? [];
  expect(new Set(items.map(({ walk, credential }) => `${walk} ${credential}`)).size).toBeLessThan(2);
  expect(items.filter(({ purges }) => purges < read.purges)).toEqual([]);
  // A copy that is served because Atlas cannot be asked names the failure, also while it is fresh.
  const isCopy = outcome.startsWith('stale') || /^hit [A-Z_]+$/.test(outcome);
  const isNew = read.noCache && !isCopy;
  if (isNew) expect(items.filter(({ sentAt }) => sentAt < read.arrivedAt)).toEqual([]);
}

function checkWalks(world: ListWorld): void {
  for (const walk of walksOf(world.calls)) {
    expect(repeated(walk, world)).toEqual([]);
    expect(new Set(walk.map(({ credential }) => credential)).size).toBe(1);
    const onTheWire = world.pending().filter((call) => walk.includes(call));
    expect(onTheWire.length).toBeLessThanOrEqual(4);
  }
}

/** Items that a stored list misses although they existed while it was walked. Without a count, plain pages cannot tell. */
function missedOf(items: readonly WorldItem[], { calls, versionAt }: ListWorld): readonly string[] {
  const ofWalk = calls.filter(({ walk, counted }) => counted && walk === items[0]?.walk);
  const [first = [], ...later] = ofWalk.flatMap((call) => [versionAt.get(call) ?? []]);
  const found = new Set(items.map(({ id }) => id));
  return first.filter((id) => !found.has(id) && later.every((version) => version.includes(id)));
}

function checkStored(world: ListWorld): void {
  for (const { value } of world.stored()) {
    if (value.type !== 'list' || !value.whole) continue;
    const items = worldItems(value.items);
    expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
    expect(new Set(items.map(({ walk }) => walk)).size).toBe(1);
    expect(items.filter(({ purges }) => purges !== world.purges)).toEqual([]);
    expect(missedOf(items, world)).toEqual([]);
  }
}

test('whatever happens to a load: one answer each, in time; one request a page; nothing older than a purge', async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.boolean(), async (sequence, hasSpare) => {
      const clock = createFakeClock();
      const world = createListWorld(
        { items: 1_600, credentials: ['first', 'second'], spare: () => hasSpare },
        { clock },
      );
      const reads: WorldRead[] = [];
      for (const step of sequence) {
        await run(step, world, reads, clock);
        for (const read of reads) checkRead(read, clock.now());
        checkWalks(world);
        checkStored(world);
      }
      await clock.advance(10 * 120_000);
      expect(reads.map(outcomeOf).filter((outcome) => outcome === 'waiting')).toEqual([]);
      expect(world.loader.counts()).toEqual({ waiting: 0, loading: 0 });
    }),
    { numRuns: 40 },
  );
}, 60_000);
