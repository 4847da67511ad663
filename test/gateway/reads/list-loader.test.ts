import { beforeEach, describe, expect, test } from 'vitest';
import { upstreamFailure } from '../../../src/upstream/failure.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import {
  createListWorld,
  itemsOf,
  type ListWorld,
  type ListWorldOptions,
  outcomeOf,
  type PageCall,
  refusal,
} from '../../support/list-world.ts';
import { createVirtualAtlas, projectPath } from '../../support/virtual-atlas.ts';
import { createVirtualGateway } from '../../support/virtual-gateway.ts';

const NO_CACHE = { noCache: true, onlyIfCached: false };
const ONLY_IF_CACHED = { noCache: false, onlyIfCached: true };
const FAILED = upstreamFailure('UPSTREAM_FAILED', 'Atlas answered 503.');
const TIMED_OUT = upstreamFailure('UPSTREAM_TIMEOUT', 'Atlas did not answer in time.');
const PAGING = refusal(500, 'TIMEOUT_WHILE_PAGING');
const MINUTE_MS = 60_000;

let clock: FakeClock;
let world: ListWorld;

beforeEach(() => {
  clock = createFakeClock();
});

const start = (options: ListWorldOptions = {}) => {
  world = createListWorld(options, { clock });
};
const shapeOf = ({ pageNum, itemsPerPage }: PageCall) => `${pageNum} of ${itemsPerPage}`;
const pendingShapes = () => world.pending().map(shapeOf);
/** The call that is on the wire for this page of this size, or of a walk. */
function call(pageNum: number, itemsPerPage?: number): PageCall {
  const found = world
    .pending()
    .findLast(
      (one) =>
        one.pageNum === pageNum &&
        (itemsPerPage === undefined ? one.isWalk : one.itemsPerPage === itemsPerPage),
    );
  if (found === undefined) throw new Error(`${pageNum} of ${itemsPerPage ?? 'a walk'} is not on the wire`);
  return found;
}
async function answer(...pages: number[]) {
  for (const pageNum of pages) call(pageNum).answer();
  await world.settle();
}
const idsOf = (read: Parameters<typeof itemsOf>[0]) => itemsOf(read)?.map(({ id }) => id) ?? [];
const idsFrom = (from: number, to: number) =>
  Array.from({ length: to - from }, (_none, index) => `item-${from + index}`);
const walksOf = () => new Set(world.calls.filter(({ isWalk }) => isWalk).map(({ walk }) => walk)).size;
async function read(...how: Parameters<ListWorld['read']>) {
  const begun = world.read(...how);
  await world.settle();
  return begun;
}
/** A list in memory that is past stale-while-revalidate. */
async function holdOld(options: ListWorldOptions = {}) {
  start(options);
  await read(1);
  await world.answerAll();
  await clock.advance(10 * MINUTE_MS);
}

describe('a request to a cold list', () => {
  test('is answered as soon as its page has arrived, with a page of its own shape and no snapshot', async () => {
    start();
    const deep = await read(7, 100);
    expect(pendingShapes()).toEqual(['1 of 500', '2 of 499']);
    await answer(2);
    expect(outcomeOf(deep)).toBe('miss partial');
    expect(idsOf(deep)).toEqual(idsFrom(600, 700));
    expect(deep.result).toMatchObject({
      value: { whole: false, offset: 600, totalCount: 1_234, hasMore: true },
    });
    await world.answerAll();
    expect(outcomeOf(await read(13, 100))).toBe('hit');
    expect(world.calls.map(shapeOf)).toEqual(['1 of 500', '2 of 499', '3 of 498']);
  });

  test('is held back until both pages that its items lie on have arrived', async () => {
    start();
    const across = await read(2, 300);
    await answer(1);
    expect(outcomeOf(across)).toBe('waiting');
    await answer(2);
    expect(idsOf(across)).toEqual(idsFrom(300, 600));
  });

  test('gets its page before the pages that nobody waits for, at most four at a time', async () => {
    start({ items: 9_900 });
    await read(1);
    await answer(1);
    expect(pendingShapes()).toEqual(['2 of 499', '3 of 498', '4 of 497', '5 of 496']);
    const deep = await read(99);
    await answer(2);
    expect(pendingShapes()).toContain('21 of 480');
    await answer(21);
    expect(idsOf(deep)).toEqual(idsFrom(9_800, 9_900));
  });

  test('for a page far beyond the end is answered with the count, as an empty page', async () => {
    start();
    const beyond = await read(60, 100);
    await answer(1);
    expect(beyond.result).toMatchObject({ value: { totalCount: 1_234, hasMore: false } });
    expect(idsOf(beyond)).toEqual([]);
    await world.answerAll();
    expect(world.calls.map(shapeOf)).toEqual(['1 of 500', '13 of 488', '2 of 499', '3 of 498']);
  });

  test('fails by its own deadline, not by that of the request that began the load', async () => {
    start({ spare: () => false });
    const first = await read(1);
    await clock.advance(6_000);
    const second = await read(2);
    await clock.advance(4_000);
    expect([outcomeOf(first), outcomeOf(second)]).toEqual(['UPSTREAM_TIMEOUT', 'waiting']);
    await clock.advance(6_000);
    expect(outcomeOf(second)).toBe('UPSTREAM_TIMEOUT');
  });

  test('has one deadline, also if the list turns out to be too long and its page is loaded by itself', async () => {
    start({ maxItems: 1_000 });
    const late = await read(12);
    await clock.advance(9_000);
    await answer(1);
    expect(pendingShapes()).toContain('12 of 100');
    await clock.advance(1_000);
    expect(outcomeOf(late)).toBe('UPSTREAM_TIMEOUT');
  });

  test('that leaves takes nothing from the others', async () => {
    start();
    const first = await read(1);
    const flight = 1;
    const wait = world.loader.awaitEarly(flight, {
      ...{ deadlineAt: clock.now() + 10_000, acceptsStale: false },
      shape: { pageNum: 1, itemsPerPage: 10, includeCount: true, pretty: false, envelope: false },
    });
    wait?.end();
    await answer(1);
    expect(outcomeOf(first)).toBe('miss partial');
    await world.answerAll();
    expect(world.stored()).toHaveLength(1);
  });

  test('leaves a list that is as old as the first of its pages to arrive', async () => {
    start();
    await read(1);
    await clock.advance(2_000);
    await answer(1);
    const firstAt = clock.now();
    await clock.advance(8_000);
    await world.answerAll();
    expect(world.stored()).toMatchObject([{ window: { loadedAt: firstAt, freshUntil: firstAt + 30_000 } }]);
    expect((await read(13)).result).toMatchObject({
      ...{ cacheStatus: { outcome: 'hit' }, window: { loadedAt: firstAt } },
    });
  });
});

describe('a page that fails', () => {
  test('fails only the requests that need it, and is requested once more', async () => {
    start();
    const [first, last] = [await read(1), await read(13)];
    await answer(1);
    call(3).fail(FAILED);
    await world.settle();
    expect([outcomeOf(first), outcomeOf(last)]).toEqual(['miss partial', 'UPSTREAM_FAILED']);
    await world.answerAll();
    expect(outcomeOf(await read(13))).toBe('hit');
    expect(walksOf()).toBe(1);
  });

  test('twice fails the load and keeps what is cached', async () => {
    start();
    await read(1);
    await answer(1);
    for (const attempt of [1, 2]) {
      call(3).fail(FAILED);
      await world.settle();
      expect(world.loader.counts()).toEqual({ waiting: 0, loading: attempt === 1 ? 1 : 0 });
    }
    expect(world.stored()).toEqual([]);
  });

  test('by time, once: it is requested again with as many items, like any other', async () => {
    start();
    await read(1);
    await answer(1);
    call(3).fail(TIMED_OUT);
    await world.answerAll();
    expect(world.calls.map(shapeOf)).toEqual(['1 of 500', '2 of 499', '3 of 498', '3 of 498']);
    expect(world.stored()).toHaveLength(1);
  });

  test('by time, and it is the first: the list is walked with 100 items for ten minutes', async () => {
    start({ items: 250 });
    await read(1);
    call(1).fail(TIMED_OUT);
    await world.answerAll();
    expect(world.calls.map(shapeOf)).toEqual(['1 of 500', '1 of 100', '2 of 99', '3 of 98']);
    expect(world.stored()).toHaveLength(1);
  });

  test('with an exception fails the load, and those who wait for it', async () => {
    start();
    const waiting = await read(1);
    call(1).crash(new Error('a bug'));
    await world.settle();
    expect(outcomeOf(waiting)).toBe('threw');
    expect(world.loader.counts()).toEqual({ waiting: 0, loading: 0 });
  });
});

describe('a slow page', () => {
  test('is requested by itself after 1.5 s, once for all that wait for it and for those that come later', async () => {
    start();
    const waiting = [await read(1, 10), await read(1, 10)];
    await clock.advance(1_500);
    expect(pendingShapes()).toEqual(['1 of 500', '1 of 10']);
    expect(call(1, 10).loadClass).toBe('walk');
    call(1, 10).answer();
    await world.settle();
    expect(waiting.map(outcomeOf)).toEqual(['miss partial', 'coalesced partial']);
    await clock.advance(1_000);
    expect(outcomeOf(await read(1, 10))).toBe('coalesced partial');
    expect(pendingShapes()).toEqual(['1 of 500']);
  });

  test('is not, while the budget is low', async () => {
    start({ spare: () => false });
    await read(1, 10);
    await clock.advance(5_000);
    expect(pendingShapes()).toEqual(['1 of 500']);
  });

  test('that arrives after the answer changes nothing', async () => {
    start();
    const waiting = await read(1, 10);
    await clock.advance(1_500);
    await answer(1);
    const answered = waiting.result;
    call(1, 10).answer();
    await world.answerAll();
    expect(waiting.result).toBe(answered);
    expect(outcomeOf(await read(1, 10))).toBe('hit');
  });
});

describe('loads and purges', () => {
  test('a request between the last page and the store gets the whole list, without another call', async () => {
    start({ items: 100 });
    await read(1);
    call(1).answer();
    const between = [];
    for (let turn = 0; turn < 30; turn++) {
      between.push(world.read(1));
      await Promise.resolve();
    }
    await world.settle();
    expect(new Set(between.map(outcomeOf))).toEqual(new Set(['coalesced partial', 'coalesced', 'hit']));
    expect(world.calls).toHaveLength(1);
  });

  test('a purge: those who waited are answered, the rest of the list is not stored, later ones begin anew', async () => {
    start();
    const [first, last] = [await read(1), await read(13)];
    await answer(1);
    world.purge();
    const later = await read(1);
    expect(outcomeOf(first)).toBe('miss partial');
    for (const one of world.pending()) if (one.walk === 1) one.answer();
    await world.settle();
    expect([outcomeOf(last), outcomeOf(later)]).toEqual(['coalesced partial', 'waiting']);
    expect(world.stored()).toEqual([]);
    await world.answerAll();
    expect(itemsOf(later)?.every(({ purges }) => purges === 1)).toBe(true);
    expect(world.stored()).toHaveLength(1);
  });

  for (const [title, interrupt] of [
    ['no-cache', () => undefined],
    ['a soft purge', () => world.purge({ soft: true })],
  ] as const)
    test(`${title} during a load: a new load, whose result the older one does not replace`, async () => {
      start({ items: 100 });
      const older = await read(1);
      await clock.advance(100);
      interrupt();
      const newer = await read(1, 100, NO_CACHE);
      const [first, second] = world.pending();
      second?.answer();
      await world.settle();
      expect(outcomeOf(newer)).toBe('miss');
      first?.answer();
      await world.settle();
      expect(itemsOf(older)?.[0]?.walk).toBe(1);
      expect(itemsOf(await read(1))?.[0]?.walk).toBe(2);
    });

  test('a load that began earlier is stored if the later one fails', async () => {
    start({ items: 100 });
    await read(1);
    await clock.advance(100);
    const newer = await read(1, 100, NO_CACHE);
    const [first, second] = world.pending();
    second?.fail(FAILED);
    first?.answer();
    await world.settle();
    expect(outcomeOf(newer)).toBe('UPSTREAM_FAILED');
    expect(outcomeOf(await read(1))).toBe('hit');
  });

  test('those who come after no-cache join the newer load', async () => {
    start();
    await read(1);
    await clock.advance(100);
    await read(1, 100, NO_CACHE);
    const joined = await read(1);
    for (const one of world.pending()) if (one.walk === 2) one.answer();
    await world.settle();
    expect(itemsOf(joined)?.[0]?.walk).toBe(2);
  });
});

describe('an old list', () => {
  test('is served after 1.5 s, while its load goes on', async () => {
    await holdOld();
    const waiting = await read(1);
    await clock.advance(1_499);
    expect(outcomeOf(waiting)).toBe('waiting');
    await clock.advance(1);
    expect(outcomeOf(waiting)).toBe('stale SLOW');
    await world.answerAll();
    expect(outcomeOf(await read(1))).toBe('hit');
  });

  test('is not served after 1.5 s if the directives of the request forbid it', async () => {
    await holdOld();
    const waiting = await read(1, 100, NO_CACHE);
    await clock.advance(5_000);
    expect(outcomeOf(waiting)).toBe('waiting');
    await world.answerAll();
    expect(outcomeOf(waiting)).toBe('bypass partial');
  });

  for (const [title, respond] of [
    ['counted', () => call(1).answer()],
    ['uncounted', () => call(1).fail(PAGING)],
  ] as const)
    test(`that is suddenly empty (${title}) is loaded again before anyone is told`, async () => {
      await holdOld();
      world.resize(0);
      const waiting = await read(1);
      respond();
      await world.settle();
      if (title === 'uncounted') await answer(1);
      expect(outcomeOf(waiting)).toBe('waiting');
      world.resize(1_234);
      await world.answerAll();
      expect(idsOf(waiting)).toEqual(idsFrom(0, 100));
    });

  test('that is suddenly empty is not answered by a page of its own, either', async () => {
    await holdOld();
    const waiting = await read(1, 10, NO_CACHE);
    await clock.advance(1_500);
    world.resize(0);
    call(1, 10).answer();
    await world.settle();
    expect(outcomeOf(waiting)).toBe('waiting');
  });
});

describe('failover', () => {
  const REFUSED = refusal(401, 'UNAUTHORIZED');

  test('in the middle of a walk begins a new one: all of its pages are from one credential', async () => {
    start({ credentials: ['first', 'second'] });
    const [first, last] = [await read(1), await read(13)];
    await answer(1);
    call(3).fail(REFUSED);
    await world.settle();
    expect(outcomeOf(first)).toBe('miss partial');
    expect(outcomeOf(last)).toBe('waiting');
    await world.answerAll();
    expect(itemsOf(last)?.every(({ credential }) => credential === 'second')).toBe(true);
    const whole = await read(1, 500);
    expect(new Set(itemsOf(whole)?.map(({ credential, walk }) => `${credential} ${walk}`)).size).toBe(1);
  });

  test('of the last credential: Atlas’s refusal reaches those who wait', async () => {
    start({ credentials: ['first', 'second'] });
    const waiting = await read(13);
    call(1).fail(REFUSED);
    await world.settle();
    call(1).fail(REFUSED);
    await world.settle();
    expect(outcomeOf(waiting)).toBe('401');
  });
});

describe('a list that Atlas cannot count in time', () => {
  test('is walked without counting, and answers callers on the way', async () => {
    start();
    const [first, last] = [await read(1), await read(13)];
    call(1).fail(PAGING);
    await world.settle();
    expect(world.calls.map(({ counted }) => counted)).toEqual([true, true, false, false]);
    await answer(1);
    expect(first.result).toMatchObject({ value: { hasMore: true } });
    expect(first.result).not.toHaveProperty('value.totalCount');
    await answer(3);
    expect(idsOf(last)).toEqual(idsFrom(1_200, 1_234));
    await world.answerAll();
    expect(await read(1)).toMatchObject({ result: { value: { totalCount: 1_234 } } });
  });

  test('is not searched up to a page that lies beyond its end', async () => {
    start();
    const beyond = await read(60);
    call(1).fail(PAGING);
    await world.settle();
    await answer(12);
    expect(idsOf(beyond)).toEqual([]);
    await world.answerAll();
    expect(world.calls.slice(2).map(shapeOf)).toEqual(['1 of 500', '12 of 500', '2 of 500', '3 of 500']);
    expect(outcomeOf(await read(13, 100, ONLY_IF_CACHED))).toBe('hit');
  });
});

describe('a gateway that waits for the load of another', () => {
  /** Leases of another gateway: a load begins here when the test says so. */
  function startWaiting() {
    let begin: () => void = () => undefined;
    const leased = new Promise<void>((resolve) => {
      begin = resolve;
    });
    start({
      sharing: { load: (_query, load) => leased.then(load), find: async () => undefined },
    });
    return begin;
  }

  test('requests the pages of its own callers after 300 ms, each once, and begins no walk', async () => {
    startWaiting();
    const waiting = [await read(2), await read(2)];
    await clock.advance(299);
    expect([world.calls, world.loader.counts()]).toEqual([[], { waiting: 1, loading: 0 }]);
    await clock.advance(1);
    expect(pendingShapes()).toEqual(['2 of 100']);
    call(2, 100).answer();
    await world.settle();
    expect(waiting.map(idsOf)).toEqual([idsFrom(100, 200), idsFrom(100, 200)]);
    await clock.advance(1_000);
    expect(idsOf(await read(2))).toEqual(idsFrom(100, 200));
    expect(world.calls).toHaveLength(1);
  });

  test('and takes over after longer than a caller waits: the walk has its whole time', async () => {
    const begin = startWaiting();
    await read(1);
    await clock.advance(15_000);
    begin();
    await world.answerAll();
    expect(outcomeOf(await read(13))).toBe('hit');
  });
});

describe('a gateway in the middle of a walk', () => {
  const path = projectPath(0);
  const items = Array.from({ length: 9_900 }, (_none, index) => ({ _id: `item-${index}` }));

  async function startWalk() {
    const atlas = createVirtualAtlas(
      { weather: { latency: '500ms', projects: 5 }, maxConnections: 68 },
      { clock },
    );
    atlas.replace(path, items);
    const gateway = createVirtualGateway({ exchange: atlas.exchange }, { clock });
    const first = gateway.read({ path });
    const last = gateway.read({ path, query: 'pageNum=60' });
    await clock.advance(700);
    expect(gateway.loads()).toEqual({ waiting: 0, loading: 1 });
    return { atlas, gateway, first, last };
  }

  test('whose secret is rotated goes on with the new one', async () => {
    const { atlas, gateway, first } = await startWalk();
    atlas.acceptSecret('the secret that comes next');
    gateway.rotate('the secret that comes next');
    await clock.advance(5_000);
    expect(await first).toMatchObject({ outcome: '200', detail: 'partial' });
    expect(await gateway.read({ path, query: 'pageNum=99' })).toMatchObject({ cache: 'hit' });
    const walked = atlas.callsFor(path).map(({ target }) => target);
    expect([walked.length, new Set(walked).size]).toEqual([21, 21]);
    expect(new Set(atlas.callsFor(path).map(({ authorization }) => authorization)).size).toBe(2);
  });

  test('that shuts down ends it, and answers those who wait', async () => {
    const { atlas, gateway } = await startWalk();
    const waiting = gateway.read({ path, query: 'pageNum=90' });
    await gateway.close();
    const sent = atlas.calls.length;
    await clock.advance(1_000);
    expect(await waiting).toMatchObject({ outcome: 'OVERLOADED' });
    expect(gateway.loads()).toEqual({ waiting: 0, loading: 0 });
    expect(atlas.calls.length).toBe(sent);
  });
});
