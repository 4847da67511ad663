import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createBudget } from '../../../src/upstream/budget/budget.ts';
import { createReservation, type Reservation } from '../../../src/upstream/budget/reservation.ts';
import { upstreamFailure } from '../../../src/upstream/failure.ts';
import type { UpstreamRequest, UpstreamResult } from '../../../src/upstream/message.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const CAPACITY = 1_200;
const PER_MS = 500 / 60_000;
const ALLOWED_DIFFERENCE = 10;

/** A call on its way: Atlas has not yet counted it, or has and its response is on the way back. */
interface Flight {
  readonly answer: (result: UpstreamResult) => void;
  response: UpstreamResult | undefined;
}

/** A walk: its requests draw on one reservation, until it ends. */
interface Walk {
  readonly reservation: Reservation;
  first: boolean;
}

/** A gateway and Atlas's bucket: calls arrive at Atlas and return from it in any order. */
function createWorld() {
  const clock = createFakeClock();
  const budget = createBudget({ clock });
  const flights: Flight[] = [];
  const walks: Walk[] = [];
  let tokens = CAPACITY;
  let filledAt = clock.now();

  const fill = () => {
    tokens = Math.min(CAPACITY, tokens + (clock.now() - filledAt) * PER_MS);
    filledAt = clock.now();
    return tokens;
  };
  const send = budget.limit('one')(
    () => new Promise((answer) => void flights.push({ answer, response: undefined })),
  );
  const request = (more: Partial<UpstreamRequest>) =>
    void send({
      operation: 'listRateLimits',
      target: '/t',
      accept: '',
      deadlineAt: clock.now() + 60_000,
      priority: 'foreground',
      endpointSet: 'streams',
      scope: 'project',
      ...more,
    });
  const response = (status: number, headers: Record<string, string>): UpstreamResult => ({
    type: 'answered',
    status,
    headers,
    body: Buffer.from('{}'),
  });

  function count(flight: Flight | undefined): void {
    if (flight === undefined || flight.response !== undefined) return;
    if (fill() >= 1) tokens--;
    flight.response = response(200, { 'ratelimit-remaining': String(Math.floor(tokens)) });
  }
  function end(flight: Flight | undefined, result: UpstreamResult | undefined): void {
    if (flight === undefined || result === undefined) return;
    flights.splice(flights.indexOf(flight), 1);
    flight.answer(result);
  }
  return {
    clock,
    fill,
    flights,
    single: () => request({}),
    begin(cost: number) {
      const walk = { reservation: createReservation(), first: true };
      walks.push(walk);
      request({ reservation: walk.reservation, cost });
    },
    page: (index: number) => {
      const walk = walks[index % Math.max(1, walks.length)];
      if (walk !== undefined) request({ reservation: walk.reservation, cost: 0 });
    },
    endWalk: (index: number) => walks.splice(index, 1)[0]?.reservation.end(),
    endWalks: () => {
      for (const { reservation } of walks.splice(0)) reservation.end();
    },
    reach: (index: number) => count(flights[index]),
    answer: (index: number) => end(flights[index], flights[index]?.response),
    fail: (index: number) => end(flights[index], upstreamFailure('UPSTREAM_UNREACHABLE', '')),
    refuse: (index: number) => end(flights[index], response(429, { 'retry-after': '1' })),
    /** Others use up some of the bucket. */
    others: (calls: number) => {
      tokens = Math.max(0, fill() - calls);
    },
    level: () => budget.remaining().find(({ endpointSet }) => endpointSet === 'streams')?.remaining,
  };
}

const index = fc.nat(7);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('single' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('begin' as const),
      cost: fc.integer({ min: 1, max: 40 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('page' as const), index }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('endWalk' as const), index }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('reach' as const), index }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('answer' as const), index }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('fail' as const), index }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('refuse' as const), index }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('others' as const), calls: fc.integer({ min: 1, max: 200 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 2_000 }) }),
  },
);

test('108: whatever walks and calls do, with no call in flight the level is within 10 calls of that of Atlas', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      const world = createWorld();
      for (const one of steps) {
        switch (one.type) {
          case 'single':
            world.single();
            break;
          case 'begin':
            world.begin(one.cost);
            break;
          case 'others':
            world.others(one.calls);
            break;
          case 'advance':
            await world.clock.advance(one.ms);
            break;
          default:
            world[one.type](one.index);
        }
        await world.clock.advance(0);
      }
      world.endWalks();
      while (world.flights.length > 0) {
        world.reach(0);
        world.answer(0);
        await world.clock.advance(100);
      }
      // Past every pause. What others have used is learned from one more call.
      await world.clock.advance(5_000);
      if (steps.some(({ type }) => type === 'others')) world.single();
      await world.clock.advance(0);
      world.reach(0);
      world.answer(0);
      await world.clock.advance(0);
      const atlas = world.fill();
      expect(Math.abs((world.level() ?? CAPACITY) - atlas)).toBeLessThanOrEqual(ALLOWED_DIFFERENCE);
    }),
    { numRuns: 100 },
  );
});

test('108: calls that overlap on the wire and return in another order leave the level of Atlas', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(63), { minLength: 128, maxLength: 128 }), async (order) => {
      const world = createWorld();
      for (let call = 0; call < 64; call++) world.single();
      await world.clock.advance(10);
      for (const next of order.slice(0, 64)) world.reach(next);
      for (const next of order.slice(64)) world.answer(next % Math.max(1, world.flights.length));
      while (world.flights.length > 0) {
        world.reach(world.flights.length - 1);
        world.answer(world.flights.length - 1);
      }
      await world.clock.advance(0);
      expect(Math.abs((world.level() ?? 0) - world.fill())).toBeLessThanOrEqual(1);
    }),
    { numRuns: 30 },
  );
});
