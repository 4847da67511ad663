import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createReservation, type Reservation } from '../../src/upstream/budget/reservation.ts';
import type { UpstreamEvent } from '../../src/upstream/events.ts';
import type { UpstreamFailure } from '../../src/upstream/message.ts';
import { createScheduler } from '../../src/upstream/scheduler.ts';
import { LOAD_CLASSES, type LoadClass } from '../../src/upstream/slot-queue.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const MIB = 1_048_576;

interface Page {
  readonly type: 'page';
  readonly body: Buffer;
}
type Outcome = Page | UpstreamFailure | 'thrown';

/** A call of the test: when it was queued and sent, how often it was answered, and what ends it. */
interface Call {
  readonly walk: Reservation | undefined;
  readonly caller: string;
  readonly list: string;
  readonly loadClass: LoadClass;
  readonly deadlineAt: number;
  sentAt: number | undefined;
  ended: boolean;
  readonly outcomes: Outcome[];
  finish(bytes?: number): void;
  fail(): void;
}

function createWorld(maxConnections: number, maxBytesInFlight = 64 * MIB) {
  const clock = createFakeClock();
  let blockedMs = 0;
  const events: UpstreamEvent[] = [];
  const scheduler = createScheduler(
    { maxConnections, maxBytesInFlight },
    {
      clock: { ...clock, now: () => clock.now() + blockedMs },
      observe: (event) => void events.push(event),
    },
  );
  const calls: Call[] = [];
  /** Calls in the order in which they were sent. */
  const sent: Call[] = [];
  let onSend: (call: Call) => void = () => undefined;

  function request(
    { caller = 'a', list = `list-${calls.length}`, loadClass = 'first-page', walk }: Partial<Call> = {},
    deadlineMs = 10_000,
  ): Call {
    let answer: (page: Page) => void = () => undefined;
    let reject: (error: Error) => void = () => undefined;
    const page = new Promise<Page>((...settle) => {
      [answer, reject] = settle;
    });
    const end = (act: () => void) => {
      call.ended = true;
      act();
    };
    const call: Call = {
      walk,
      caller,
      list,
      loadClass,
      deadlineAt: clock.now() + deadlineMs,
      sentAt: undefined,
      ended: false,
      outcomes: [],
      finish: (bytes = 2) => end(() => answer({ type: 'page', body: Buffer.alloc(bytes) })),
      fail: () => end(() => reject(new Error('a bug'))),
    };
    calls.push(call);
    scheduler
      .run(call, () => {
        onSend(call);
        call.sentAt = clock.now();
        sent.push(call);
        return page;
      })
      .then(
        (result) => call.outcomes.push(result),
        () => call.outcomes.push('thrown'),
      );
    return call;
  }
  return {
    clock,
    events,
    scheduler,
    calls,
    sent,
    request,
    /** Time passes, but no timer fires. */
    blockEventLoop: (ms: number) => {
      blockedMs += ms;
    },
    onSend: (check: (call: Call) => void) => {
      onSend = check;
    },
    onWire: () => calls.filter(({ sentAt, ended }) => sentAt !== undefined && !ended),
    waiting: () => calls.filter(({ sentAt, outcomes }) => sentAt === undefined && outcomes.length === 0),
    codesOf: (call: Call) =>
      call.outcomes.map((outcome) =>
        outcome === 'thrown' || outcome.type === 'page' ? outcome : outcome.code,
      ),
  };
}

type World = ReturnType<typeof createWorld>;

/** Fills slots with calls for lists of their own. */
const occupy = ({ request }: World, slots: number) =>
  Array.from({ length: slots }, () => request({ caller: 'busy' }));

describe('a slot', () => {
  test('goes to a caller that waits for a first page before walks begun, new walks and background refreshes', async () => {
    const world = createWorld(4);
    const busy = occupy(world, 4);
    for (const loadClass of LOAD_CLASSES.toReversed()) world.request({ loadClass });
    for (const call of busy) {
      call.finish();
      await world.clock.advance(0);
    }
    expect(world.sent.slice(4, 6).map(({ loadClass }) => loadClass)).toEqual(['first-page', 'walk']);
  });

  test('goes round the callers, and round the lists of each', async () => {
    const world = createWorld(4);
    const busy = occupy(world, 4);
    for (const list of ['1', '2', '3']) world.request({ caller: 'many', list: `many-${list}` });
    world.request({ caller: 'many', list: 'many-1' });
    world.request({ caller: 'few', list: 'few-1' });
    for (let index = 0; index < 5; index++) {
      const next = busy.shift();
      next?.finish();
      await world.clock.advance(0);
      busy.push(...world.sent.slice(-1));
    }
    expect(world.sent.slice(4).map(({ list }) => list)).toEqual([
      'many-1',
      'few-1',
      'many-2',
      'many-3',
      'many-1',
    ]);
  });

  test('goes to a background refresh that has waited 15 s before a new first page', async () => {
    const world = createWorld(4);
    const busy = occupy(world, 4);
    const refresh = world.request({ loadClass: 'background' }, 60_000);
    await world.clock.advance(15_000);
    const page = world.request();
    busy[0]?.finish();
    await world.clock.advance(0);
    expect([refresh.sentAt, page.sentAt]).toEqual([world.clock.now(), undefined]);
  });

  test('that becomes free after the deadline sends nothing, even if the timer of the deadline is late', async () => {
    const world = createWorld(4);
    const [first] = occupy(world, 4);
    const late = world.request({}, 1_000);
    world.blockEventLoop(1_000);
    first?.finish();
    await world.clock.advance(0);
    expect(late.sentAt).toBeUndefined();
    expect(world.codesOf(late)).toEqual(['OVERLOADED']);
  });

  test('is given back if the call throws', async () => {
    const world = createWorld(4);
    const [first] = occupy(world, 4);
    const next = world.request();
    first?.fail();
    await world.clock.advance(0);
    expect(first?.outcomes).toEqual(['thrown']);
    expect(next.sentAt).toBe(world.clock.now());
    expect(world.scheduler.busy).toBe(4);
  });
});

describe('a limit', () => {
  test('keeps half of the slots free of walks and background refreshes', async () => {
    const world = createWorld(8);
    for (const loadClass of ['walk', 'new-walk', 'background'] as const)
      for (let index = 0; index < 3; index++) world.request({ loadClass });
    await world.clock.advance(0);
    expect(world.onWire()).toHaveLength(4);
    for (let index = 0; index < 4; index++) world.request();
    await world.clock.advance(0);
    expect(world.onWire()).toHaveLength(8);
  });

  test('of four calls holds for each list', async () => {
    const world = createWorld(64);
    for (let index = 0; index < 6; index++) world.request({ list: 'one' });
    await world.clock.advance(0);
    expect(world.onWire()).toHaveLength(4);
    world.sent[0]?.finish();
    await world.clock.advance(0);
    expect(world.onWire()).toHaveLength(4);
    expect(world.scheduler.queued).toBe(1);
  });

  test('leaves the last quarter of the slots to lists with nothing on the wire', async () => {
    const world = createWorld(8);
    for (const list of ['1', '2', '3', '1', '2', '3', '1']) world.request({ list });
    await world.clock.advance(0);
    expect(world.onWire()).toHaveLength(6);
    const idle = world.request({ list: 'idle' });
    await world.clock.advance(0);
    expect(idle.sentAt).toBe(world.clock.now());
  });

  test('on bytes in flight learns the size of a list, and lets a single response exceed it', async () => {
    const world = createWorld(8, 4 * MIB);
    const first = world.request({ list: 'large' });
    first.finish(8 * MIB);
    await world.clock.advance(0);
    const large = world.request({ list: 'large' });
    const small = world.request({ list: 'small' });
    await world.clock.advance(0);
    expect([large.sentAt, small.sentAt]).toEqual([world.clock.now(), undefined]);
    large.finish(8 * MIB);
    await world.clock.advance(0);
    expect(small.sentAt).toBe(world.clock.now());
  });

  test('on bytes counts what walks have received: above it only the oldest goes on, and callers get their pages', async () => {
    const world = createWorld(8, 4 * MIB);
    const [oldest, other] = [createReservation(), createReservation()];
    for (const [list, walk] of [
      ['oldest', oldest],
      ['other', other],
    ] as const) {
      world.request({ list, walk }).finish(1.5 * MIB);
      await world.clock.advance(0);
    }
    const next = world.request({ list: 'oldest', walk: oldest, loadClass: 'walk' });
    const held = world.request({ list: 'other', walk: other, loadClass: 'walk' });
    const wanted = world.request({ list: 'other', walk: other });
    await world.clock.advance(10);
    const sent = () => [next, wanted, held].map(({ sentAt }) => sentAt !== undefined);
    expect(sent()).toEqual([true, true, false]);
    for (const call of [next, wanted]) call.finish(0.5 * MIB);
    await world.clock.advance(0);
    expect(sent()).toEqual([true, true, false]);
    oldest.end();
    await world.clock.advance(0);
    expect(sent()).toEqual([true, true, true]);
  });
});

test('a deadline that passes in the queue fails with OVERLOADED and Retry-After, and nothing is sent', async () => {
  const world = createWorld(4);
  occupy(world, 4);
  const late = world.request({}, 1_000);
  await world.clock.advance(1_000);
  expect(late.outcomes).toEqual([
    expect.objectContaining({ code: 'OVERLOADED', unsent: true, retryAfterMs: 1_000 }),
  ]);
  await world.clock.advance(60_000);
  expect(late.sentAt).toBeUndefined();
  expect(world.events.at(-1)).toEqual({ type: 'upstream-queued', loadClass: 'first-page', queuedMs: 1_000 });
});

test('shutdown with a full queue fails every queued request at once, and lets those on the wire finish', async () => {
  const world = createWorld(4);
  const busy = occupy(world, 4);
  const queued = Array.from({ length: 100 }, () => world.request());
  world.scheduler.close();
  const late = world.request();
  await world.clock.advance(0);
  for (const call of [...queued, late]) expect(world.codesOf(call)).toEqual(['OVERLOADED']);
  for (const call of busy) call.finish();
  await world.clock.advance(60_000);
  expect(world.sent).toHaveLength(4);
  expect([world.scheduler.busy, world.scheduler.queued]).toEqual([0, 0]);
});

const SLOTS = 8;
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('arrive' as const),
      caller: fc.constantFrom('a', 'b', 'c'),
      list: fc.constantFrom('1', '2', '3', '4', '5', '6'),
      loadClass: fc.constantFrom(...LOAD_CLASSES),
      deadlineMs: fc.integer({ min: 0, max: 900 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('answer' as const), index: fc.nat(SLOTS) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('fail' as const), index: fc.nat(SLOTS) }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 100 }) }),
  },
);

/** Whether a free slot could serve the call now. */
function mayStart(world: World, { list, loadClass }: Call): boolean {
  const wire = world.onWire();
  const own = wire.filter((call) => call.list === list).length;
  const bulk = wire.filter((call) => call.loadClass !== 'first-page').length;
  return (
    wire.length < SLOTS &&
    own < 4 &&
    (own === 0 || wire.length < SLOTS * 0.75) &&
    (loadClass === 'first-page' || bulk < SLOTS / 2)
  );
}

/** Fails if a caller is served twice while another one that could have been served waits throughout. */
function watchFairness(world: World): void {
  /** For each caller and class: the other callers that have waited since its last turn, each with a call that could have been sent. */
  const passedOver = new Map<string, Set<string>>();
  world.onSend((call) => {
    const key = (caller: string) => `${caller} ${call.loadClass}`;
    const rivals = new Set(
      world
        .waiting()
        .filter(({ caller, loadClass }) => caller !== call.caller && loadClass === call.loadClass)
        .filter((rival) => mayStart(world, rival))
        .map(({ caller }) => caller),
    );
    for (const rival of passedOver.get(key(call.caller)) ?? [])
      expect(rivals.has(rival) ? `${rival} is passed over twice` : 'fair').toBe('fair');
    passedOver.set(key(call.caller), rivals);
    for (const others of passedOver.values()) others.delete(call.caller);
  });
}

function checkInvariants(world: World): void {
  const { clock, scheduler } = world;
  const wire = world.onWire();
  expect(scheduler.busy).toBe(wire.length);
  expect(scheduler.queued).toBe(world.waiting().length);
  for (const call of world.calls) {
    expect(call.outcomes.length).toBeLessThanOrEqual(1);
    if (call.sentAt === undefined && clock.now() >= call.deadlineAt)
      expect(world.codesOf(call)).toEqual(['OVERLOADED']);
    expect(call.sentAt ?? 0).toBeLessThan(call.deadlineAt);
  }
  expect(world.waiting().filter((call) => mayStart(world, call))).toEqual([]);
}

test('whatever arrives, answers, fails and times out: slots balance, limits hold, nobody is passed over twice', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const world = createWorld(SLOTS);
      watchFairness(world);
      for (const one of steps) {
        switch (one.type) {
          case 'arrive':
            world.request(one, one.deadlineMs);
            break;
          case 'answer':
            world.onWire()[one.index]?.finish();
            break;
          case 'fail':
            world.onWire()[one.index]?.fail();
            break;
          case 'advance':
            await world.clock.advance(one.ms);
        }
        await world.clock.advance(0);
        checkInvariants(world);
      }
      for (let wire = world.onWire(); wire.length > 0; wire = world.onWire()) {
        for (const call of wire) call.finish();
        await world.clock.advance(1_000);
      }
      expect([world.scheduler.busy, world.scheduler.queued]).toEqual([0, 0]);
      expect(world.calls.filter(({ outcomes }) => outcomes.length !== 1)).toEqual([]);
    }),
    { numRuns: 60 },
  );
});
