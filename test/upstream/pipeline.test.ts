import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSystemRandom } from '../../src/lib/random.ts';
import { createBudget } from '../../src/upstream/budget/budget.ts';
import { createReservation } from '../../src/upstream/budget/reservation.ts';
import type { UpstreamEvent } from '../../src/upstream/events.ts';
import { upstreamFailure } from '../../src/upstream/failure.ts';
import type { Exchange, UpstreamRequest, UpstreamResult, WireRequest } from '../../src/upstream/message.ts';
import { createUpstreamClient } from '../../src/upstream/pipeline.ts';
import { createScheduler } from '../../src/upstream/scheduler.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const SLOTS = 4;
const CALL_TIMEOUT_MS = 10_000;

const answered = (status: number, body = '{}', headers: Record<string, string> = {}): UpstreamResult => ({
  type: 'answered',
  status,
  headers,
  body: Buffer.from(body),
});
const grant = (token: string) =>
  answered(200, JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: 3_600 }));

/** A call on the wire, which the test answers; its time limit passes as that of a real one. */
interface WireCall {
  readonly request: WireRequest;
  readonly answer: (result: UpstreamResult) => void;
}

/** A request, and all results that it got. */
interface SentRequest {
  readonly deadlineAt: number;
  readonly results: UpstreamResult[];
  answeredAt: number;
}

function createWorld() {
  const clock = createFakeClock();
  const events: UpstreamEvent[] = [];
  const calls: WireCall[] = [];
  const mints: WireCall[] = [];
  const asked: SentRequest[] = [];
  const wire =
    (list: WireCall[]): Exchange =>
    (request) =>
      new Promise((resolve) => {
        const answer = (result: UpstreamResult) => {
          cancel();
          const index = list.indexOf(call);
          if (index >= 0) list.splice(index, 1);
          resolve(result);
        };
        const call: WireCall = { request, answer };
        const cancel = clock.after(request.deadlineAt - clock.now(), () =>
          answer(upstreamFailure('UPSTREAM_TIMEOUT', 'Atlas did not answer in time.')),
        );
        list.push(call);
      });
  const exchange: Exchange = (request) => wire(request.method === 'POST' ? mints : calls)(request);
  const create = (maxConnections: number) =>
    createScheduler({ maxConnections, maxBytesInFlight: 1e9 }, { clock, observe: () => undefined });
  const scheduler = create(SLOTS);
  const budget = createBudget({ clock });
  const client = createUpstreamClient(
    {
      name: 'one',
      kind: 'service-account',
      secrets: { id: 'id', secret: 'first' },
      timeoutMs: CALL_TIMEOUT_MS,
      mintTimeoutMs: 8_000,
    },
    {
      exchange,
      scheduler,
      internalScheduler: create(2),
      budget,
      clock,
      random: createSystemRandom(),
      observe: (event) => void events.push(event),
    },
  );

  function ask(list: string, deadlineMs: number, more: Partial<UpstreamRequest> = {}): SentRequest {
    const one: SentRequest = { deadlineAt: clock.now() + deadlineMs, results: [], answeredAt: 0 };
    asked.push(one);
    void client
      .send({
        operation: 'o',
        target: `/${list}`,
        list,
        accept: '',
        deadlineAt: one.deadlineAt,
        priority: 'foreground',
        endpointSet: 'streams',
        scope: 'project',
        ...more,
      })
      .then((result) => {
        one.results.push(result);
        one.answeredAt = clock.now();
      });
    return one;
  }
  /** Answers the token request, so that later requests find a token. */
  async function mint(token = 'token'): Promise<void> {
    await clock.advance(0);
    mints[0]?.answer(grant(token));
    await clock.advance(0);
  }
  /** Leaves the client with a token and nothing on the wire. */
  async function warm(): Promise<void> {
    ask('first', 10_000);
    await mint();
    calls[0]?.answer(answered(200));
    await clock.advance(0);
  }
  return { clock, events, calls, mints, asked, scheduler, budget, client, ask, mint, warm };
}

const codesOf = ({ results }: SentRequest) =>
  results.map((result) => (result.type === 'failed' ? result.code : result.status));

describe('no slot is held', () => {
  test('while a token is minted, however many requests wait for it', async () => {
    const { clock, scheduler, mints, ask } = createWorld();
    for (let index = 0; index < 20; index++) ask(`list-${index}`, 5_000);
    await clock.advance(0);
    expect([mints.length, scheduler.busy, scheduler.queued]).toEqual([1, 0, 0]);
  });

  test('while a rejected token is replaced, and the requests are replayed', async () => {
    const world = createWorld();
    await world.warm();
    const asked = world.ask('a', 5_000);
    await world.clock.advance(0);
    world.calls[0]?.answer(answered(401));
    await world.clock.advance(0);
    expect([world.mints.length, world.scheduler.busy]).toEqual([1, 0]);
    await world.mint('another');
    expect(world.calls[0]?.request.headers['authorization']).toBe('Bearer another');
    world.calls[0]?.answer(answered(200));
    await world.clock.advance(0);
    expect(codesOf(asked)).toEqual([200]);
  });

  test('during the pause of a retry, and while a request waits for the rate limit', async () => {
    const world = createWorld();
    await world.warm();
    world.ask('a', 9_000);
    await world.clock.advance(0);
    world.calls[0]?.answer(answered(503));
    await world.clock.advance(0);
    expect(world.scheduler.busy).toBe(0);
    world.ask('b', 9_000);
    await world.clock.advance(0);
    world.calls[0]?.answer(answered(429, '{}', { 'retry-after': '1' }));
    world.ask('c', 9_000);
    await world.clock.advance(0);
    expect(world.calls.map(({ request }) => request.target)).toEqual(['/c']);
    expect(world.scheduler.busy).toBe(1);
  });
});

test('time in the queue counts neither as a timeout of Atlas nor against the time limit of the call', async () => {
  const world = createWorld();
  await world.warm();
  for (let index = 0; index < SLOTS; index++) world.ask(`busy-${index}`, 60_000);
  const late = Array.from({ length: 20 }, (_none, index) => world.ask(`late-${index}`, 1_000));
  const patient = world.ask('patient', 30_000);
  await world.clock.advance(9_000);
  expect(new Set(late.flatMap(codesOf))).toEqual(new Set(['OVERLOADED']));
  for (const { answer } of [...world.calls]) answer(answered(200));
  await world.clock.advance(9_999);
  expect(patient.results).toEqual([]);
  world.calls[0]?.answer(answered(200));
  await world.clock.advance(0);
  expect(codesOf(patient)).toEqual([200]);
  expect(world.client.circuitOpen).toBe(false);
  expect(
    world.events.some((event) => event.type === 'upstream-exchange' && event.code === 'OVERLOADED'),
  ).toBe(false);
});

test('a call that was sent late because it had to queue, and is cut off by its deadline, is no timeout of Atlas', async () => {
  const world = createWorld();
  await world.warm();
  for (let index = 0; index < SLOTS; index++) world.ask(`busy-${index}`, 60_000);
  const sentLate = world.ask('late', 10_000);
  await world.clock.advance(3_000);
  for (const { answer } of [...world.calls]) answer(answered(200));
  await world.clock.advance(7_000);
  expect(sentLate.results).toMatchObject([{ code: 'OVERLOADED', retryAfterMs: 1_000 }]);
  // It was sent, so Atlas has counted it.
  expect(sentLate.results).not.toMatchObject([{ unsent: true }]);
});

test('nor is the last page of a walk whose earlier pages had to queue', async () => {
  const world = createWorld();
  await world.warm();
  const reservation = createReservation();
  for (let index = 0; index < SLOTS; index++) world.ask(`busy-${index}`, 60_000);
  world.ask('walk', 10_000, { reservation });
  await world.clock.advance(3_000);
  for (const { answer } of [...world.calls]) answer(answered(200));
  await world.clock.advance(0);
  world.calls[0]?.answer(answered(200));
  const last = world.ask('walk', 7_000, { reservation });
  await world.clock.advance(7_000);
  expect(codesOf(last)).toEqual(['OVERLOADED']);
});

test.each([
  [undefined, 3],
  [1, 1],
] as const)(
  'a request with attempts: %s is sent %i times while Atlas answers 503',
  async (attempts, sent) => {
    const world = createWorld();
    await world.warm();
    const asked = world.ask('a', 9_000, attempts === undefined ? {} : { attempts });
    let calls = 0;
    while (asked.results.length === 0) {
      await world.clock.advance(100);
      calls += world.calls.length;
      world.calls[0]?.answer(answered(503));
      await world.clock.advance(0);
    }
    expect([calls, codesOf(asked)]).toEqual([sent, [503]]);
  },
);

test('a caller is answered by its deadline, and its call keeps the slot until the call ends', async () => {
  const world = createWorld();
  await world.warm();
  const asked = world.ask('a', 1_000);
  await world.clock.advance(1_000);
  expect(codesOf(asked)).toEqual(['UPSTREAM_TIMEOUT']);
  expect(world.scheduler.busy).toBe(1);
  await world.clock.advance(CALL_TIMEOUT_MS);
  expect(world.scheduler.busy).toBe(0);
});

test('a secret that is rotated while requests are queued is verified at once and signs them', async () => {
  const world = createWorld();
  await world.warm();
  for (let index = 0; index < SLOTS; index++) world.ask(`busy-${index}`, 60_000);
  const queued = world.ask('queued', 60_000);
  await world.clock.advance(0);
  world.client.proposeSecrets({ id: 'id', secret: 'second' });
  await world.mint('rotated');
  expect(world.events).toContainEqual(expect.objectContaining({ outcome: 'rotated' }));
  for (const { answer } of [...world.calls]) answer(answered(200));
  await world.clock.advance(0);
  expect(world.calls.map(({ request }) => request.headers['authorization'])).toEqual(['Bearer rotated']);
  world.calls[0]?.answer(answered(200));
  await world.clock.advance(0);
  expect(codesOf(queued)).toEqual([200]);
});

const pick = fc.nat(SLOTS);
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('ask' as const),
      list: fc.constantFrom('1', '2', '3', '4', '5', '6', '7', '8'),
      caller: fc.constantFrom('a', 'b'),
      priority: fc.constantFrom('foreground' as const, 'background' as const),
      deadlineMs: fc.integer({ min: 1, max: 15_000 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('answer' as const),
      pick,
      result: fc.constantFrom(
        answered(200),
        answered(200, '{}', { 'ratelimit-remaining': '3' }),
        answered(200, '{}', { 'ratelimit-remaining': '900' }),
        answered(401),
        answered(404),
        answered(429, '{}', { 'retry-after': '1' }),
        answered(500),
        upstreamFailure('UPSTREAM_UNREACHABLE', ''),
        upstreamFailure('UPSTREAM_PROTOCOL', ''),
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('mint' as const),
      result: fc.constantFrom(grant('one'), grant('two'), answered(500), answered(401)),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 3_000 }) }),
  },
);

test('whatever Atlas answers: slots balance, only calls on the wire hold one, each request is answered once by its deadline', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
      const world = createWorld();
      const check = () => {
        // Requests for rate limits have slots of their own.
        const inSlots = world.calls.filter(({ request }) => !request.target.includes('/rateLimits'));
        expect(world.scheduler.busy).toBe(inSlots.length);
        for (const { results, deadlineAt, answeredAt } of world.asked) {
          expect(results.length).toBeLessThanOrEqual(1);
          expect(results.length === 1 || world.clock.now() < deadlineAt).toBe(true);
          expect(answeredAt).toBeLessThanOrEqual(deadlineAt);
        }
      };
      for (const one of steps) {
        switch (one.type) {
          case 'ask':
            world.ask(one.list, one.deadlineMs, { caller: one.caller, priority: one.priority });
            break;
          case 'answer':
            world.calls[one.pick]?.answer(one.result);
            break;
          case 'mint':
            world.mints[0]?.answer(one.result);
            break;
          case 'advance':
            await world.clock.advance(one.ms);
        }
        await world.clock.advance(0);
        check();
      }
      // Everything ends by itself: by deadlines and by the time limit of each call.
      await world.clock.advance(60_000);
      check();
      expect([world.scheduler.busy, world.scheduler.queued, world.calls.length]).toEqual([0, 0, 0]);
      expect(world.asked.filter(({ results }) => results.length !== 1)).toEqual([]);
      // Nothing is left charged: after a refill the bucket is full.
      await world.clock.advance(600_000);
      for (const { remaining, capacity } of world.budget.remaining()) expect(remaining).toBe(capacity);
    }),
    { numRuns: 60 },
  );
});
