import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Budget, createBudget } from '../../../src/upstream/budget/budget.ts';
import { createReservation } from '../../../src/upstream/budget/reservation.ts';
import { upstreamFailure } from '../../../src/upstream/failure.ts';
import type { Send, UpstreamRequest, UpstreamResult } from '../../../src/upstream/message.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';

const ok = (headers: Record<string, string> = {}, body = '{}'): UpstreamResult => ({
  type: 'answered',
  status: 200,
  headers,
  body: Buffer.from(body),
});
const limited = (parameters: unknown[], headers: Record<string, string> = {}): UpstreamResult => ({
  type: 'answered',
  status: 429,
  headers,
  body: Buffer.from(JSON.stringify({ errorCode: 'RATE_LIMITED_TOKEN_BUCKET', parameters })),
});

/** An endpoint set as the OpenAPI description has it. */
const describedSet = ({
  name,
  capacity,
  paths,
}: {
  name: string;
  capacity: number;
  paths: readonly string[];
}) => ({
  capacity: { defaultValue: 1_200, value: capacity },
  endpointSetId: `${name}_group`,
  endpointSetName: name,
  endpoints: paths.flatMap((path) =>
    ['GET', 'POST'].map((method) => ({ method, path: `/api/atlas/v2/${path}` })),
  ),
  refillDurationSeconds: { value: 60 },
  refillRate: { defaultValue: null, value: 2_000 },
  scope: 'GROUP',
});
const limitsPage = (...results: unknown[]) =>
  JSON.stringify({ links: [], results, totalCount: results.length });

describe('the budget', () => {
  let clock: FakeClock;
  let budget: Budget;
  let asked: UpstreamRequest[];
  let reply: (request: UpstreamRequest) => UpstreamResult;
  let send: Send;
  beforeEach(() => {
    clock = createFakeClock();
    budget = createBudget({ clock });
    asked = [];
    reply = () => ok();
    send = budget.limit('one')(async (request) => {
      asked.push(request);
      return reply(request);
    });
  });
  const request = (more: Partial<UpstreamRequest> = {}): UpstreamRequest => ({
    operation: 'o',
    target: '/t',
    accept: '',
    deadlineAt: clock.now() + 10_000,
    priority: 'foreground',
    endpointSet: 'streams',
    scope: 'project',
    ...more,
  });
  const codeOf = (answer: UpstreamResult) => (answer.type === 'failed' ? answer.code : answer.status);
  const lists = () => asked.filter(({ operation }) => operation === 'o').length;
  const remaining = () => budget.remaining().find(({ endpointSet }) => endpointSet === 'streams')?.remaining;
  const spend = async (count: number, more: Partial<UpstreamRequest> = {}) => {
    for (let index = 0; index < count; index++) await send(request(more));
  };

  test('lets through as many requests as the bucket has tokens, then reports when there are enough again', async () => {
    await spend(1_200);
    const outcomes: UpstreamResult[] = [];
    for (let index = 0; index < 40; index++) void send(request()).then((answer) => outcomes.push(answer));
    // The fake clock settles everything that does not wait for it: a token is refilled every 125 ms, soon enough for 16 requests.
    await clock.advance(0);
    expect(lists()).toBe(1_200);
    expect(outcomes.map(codeOf)).toEqual(Array.from({ length: 24 }, () => 'UPSTREAM_RATE_LIMITED'));
    for (const refused of outcomes)
      expect(refused.type === 'failed' && (refused.retryAfterMs ?? 0)).toBeGreaterThan(2_000);
    const late = await send(request({ deadlineAt: clock.now() + 50 }));
    expect(late).toMatchObject({ type: 'failed', code: 'UPSTREAM_RATE_LIMITED' });
    expect(late.type === 'failed' && (late.retryAfterMs ?? 0)).toBeGreaterThan(1_000);
    await clock.advance(2_000);
    expect(outcomes.slice(24).map(codeOf)).toEqual(Array.from({ length: 16 }, () => 200));
  });

  test('queues a request that arrives slightly too early', async () => {
    await spend(1_200);
    const waiting = send(request());
    await clock.advance(100);
    expect(lists()).toBe(1_200);
    await clock.advance(50);
    expect(codeOf(await waiting)).toBe(200);
  });

  test('serves callers round-robin: a single request is served before the fifteenth of a busy caller', async () => {
    await spend(1_200);
    const order: string[] = [];
    for (let index = 0; index < 15; index++)
      void send(request({ caller: 'noisy' })).then(() => order.push('noisy'));
    void send(request({ caller: 'quiet' })).then(() => order.push('quiet'));
    await clock.advance(3_000);
    expect(order.length).toBe(16);
    expect(order.indexOf('quiet')).toBeLessThanOrEqual(1);
  });

  test('charges all pages of a walk at once, or none', async () => {
    await spend(1_195);
    expect(codeOf(await send(request({ cost: 30, reservation: createReservation() })))).toBe(
      'UPSTREAM_RATE_LIMITED',
    );
    const reservation = createReservation();
    expect(codeOf(await send(request({ cost: 5, reservation })))).toBe(200);
    expect(remaining()).toBe(0);
    for (let page = 2; page <= 5; page++)
      expect(codeOf(await send(request({ cost: 0, reservation })))).toBe(200);
    expect(remaining()).toBe(0);
  });

  test('gets back what a walk reserved and did not use, also if it ends before its first answer', async () => {
    const reservation = createReservation();
    await send(request({ cost: 30, reservation }));
    await send(request({ cost: 0, reservation }));
    expect(remaining()).toBe(1_170);
    reservation.end();
    expect(remaining()).toBe(1_198);
    const late = createReservation();
    late.end();
    await send(request({ cost: 30, reservation: late }));
    expect(remaining()).toBe(1_197);
  });

  test.each([
    ['OVERLOADED', { unsent: true } as const],
    ['UPSTREAM_UNREACHABLE', {}],
    ['UPSTREAM_TIMEOUT', { unconnected: true } as const],
  ] as const)('gets back a call that Atlas never saw: %s', async (code, more) => {
    reply = () => ({ ...upstreamFailure(code, ''), ...more });
    await spend(3);
    expect(remaining()).toBe(1_200);
  });

  test('gets back the call if a layer below throws', async () => {
    reply = () => {
      throw new Error('a bug');
    };
    await expect(send(request())).rejects.toThrow('a bug');
    expect(remaining()).toBe(1_200);
  });

  test('reserves a quarter of the bucket for foreground requests', async () => {
    await spend(850);
    expect(codeOf(await send(request({ priority: 'background' })))).toBe(200);
    await spend(60);
    const refused = await send(request({ priority: 'background' }));
    expect(codeOf(refused)).toBe('UPSTREAM_RATE_LIMITED');
    expect(codeOf(await send(request()))).toBe(200);
  });

  test('extends freshness below half a bucket, up to four times', async () => {
    const freshnessFactor = () => budget.freshnessFactor('one', 'streams', 'project');
    expect(freshnessFactor()).toBe(1);
    await spend(600);
    expect(freshnessFactor()).toBe(1);
    await spend(300);
    expect(freshnessFactor()).toBeCloseTo(2.5);
    await spend(300);
    expect(freshnessFactor()).toBe(4);
  });

  test('has one bucket per project, shared by all credentials, and one per credential user', async () => {
    const other = budget.limit('two')(async () => ok());
    await spend(1_200);
    expect(budget.freshnessFactor('two', 'streams', 'project')).toBe(4);
    expect(budget.freshnessFactor('one', 'streams', 'another')).toBe(1);
    expect(codeOf(await other(request({ deadlineAt: clock.now() + 1 })))).toBe('UPSTREAM_RATE_LIMITED');
    await spend(300, { endpointSet: 'user.orgs', scope: 'user' });
    expect(codeOf(await other(request({ endpointSet: 'user.orgs', scope: 'user' })))).toBe(200);
    expect(budget.remaining()).toEqual(
      expect.arrayContaining([
        { credential: 'one', endpointSet: 'streams', remaining: 0, capacity: 1_200 },
        { credential: 'two', endpointSet: 'streams', remaining: 0, capacity: 1_200 },
        { credential: 'two', endpointSet: 'user.orgs', remaining: 299, capacity: 300 },
      ]),
    );
  });

  test('adopts RateLimit-Remaining if it is lower, because others use the bucket too', async () => {
    reply = () => ok({ 'ratelimit-remaining': '3' });
    await send(request());
    reply = () => ok({ 'ratelimit-remaining': 'many' });
    await spend(3);
    const left = budget.remaining().find(({ endpointSet }) => endpointSet === 'streams');
    expect(left?.remaining).toBe(0);
  });

  test('adopts RateLimit-Remaining if it is higher, less the calls in flight and reserved', async () => {
    await spend(400);
    const reservation = createReservation();
    await send(request({ cost: 11, reservation }));
    reply = () => ok({ 'ratelimit-remaining': '1100' });
    await send(request());
    expect(remaining()).toBe(1_090);
    reservation.end();
    expect(remaining()).toBe(1_100);
  });

  test('is right after a 429 that does not name the bucket: such a limit is not the bucket', async () => {
    await spend(10);
    reply = () => limited([], { 'retry-after': '1' });
    expect(await send(request())).toMatchObject({ code: 'UPSTREAM_RATE_LIMITED', retryAfterMs: 1_000 });
    expect(remaining()).toBe(0);
    await clock.advance(1_000);
    expect(remaining()).toBe(1_198);
  });

  test('pauses longer each time that such a limit stays', async () => {
    reply = () => limited([]);
    const pauses: unknown[] = [];
    for (let index = 0; index < 4; index++) {
      const answer = await send(request());
      const pauseMs = answer.type === 'failed' ? (answer.retryAfterMs ?? 0) : 0;
      pauses.push(pauseMs);
      await clock.advance(pauseMs);
    }
    expect(pauses).toEqual([250, 500, 1_000, 2_000]);
  });

  test('of another bucket is not limited by a 429', async () => {
    reply = () => limited(['/t', 7, 60, 30, 60], { 'retry-after': '7' });
    await send(request());
    reply = () => ok();
    expect(codeOf(await send(request({ endpointSet: 'clusters' })))).toBe(200);
    expect(codeOf(await send(request({ scope: 'another' })))).toBe(200);
  });

  test('takes from a 429 the bucket size, that the bucket is empty, and the wait', async () => {
    reply = () => limited(['/t', 7, 60, 30, 60], { 'retry-after': '7' });
    expect(await send(request())).toMatchObject({ code: 'UPSTREAM_RATE_LIMITED', retryAfterMs: 7_000 });
    expect(budget.remaining()[0]).toMatchObject({ remaining: 0, capacity: 60 });
    reply = () => ok();
    expect(codeOf(await send(request()))).toBe('UPSTREAM_RATE_LIMITED');
    expect(lists()).toBe(1);
    await clock.advance(7_000);
    expect(codeOf(await send(request()))).toBe(200);
  });

  test.each([[['/t', 1, -5, 0, 60]], [['/t', 1, 1e12, 1, 1]], [[]], ['no list']])(
    'takes nothing from a 429 that says %j',
    async (parameters) => {
      reply = () => limited(parameters as unknown[]);
      await send(request());
      expect(budget.remaining()[0]?.capacity).toBe(1_200);
    },
  );

  test('requests the current limits once when a bucket runs low, and adopts them', async () => {
    reply = ({ operation }) =>
      operation === 'listRateLimits'
        ? ok(
            {},
            limitsPage(
              describedSet({ name: 'Streams', capacity: 5_000, paths: ['groups/{groupId}/streams'] }),
            ),
          )
        : ok();
    await spend(900);
    const questions = asked.filter(({ operation }) => operation === 'listRateLimits');
    expect(questions.map(({ target }) => target)).toEqual([
      '/api/atlas/v2/rateLimits?itemsPerPage=500&pageNum=1&groupId=project',
    ]);
    expect(budget.remaining().find(({ endpointSet }) => endpointSet === 'streams')?.capacity).toBe(5_000);
    await spend(900);
    expect(asked.filter(({ operation }) => operation === 'listRateLimits')).toHaveLength(1);
  });

  test('never lets through more requests than the bucket had and refilled, for any callers and times', async () => {
    const step = fc.record({
      wait: fc.integer({ min: 0, max: 5_000 }),
      asks: fc.integer({ min: 1, max: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const time = createFakeClock();
        const started = time.now();
        let passed = 0;
        const limit = createBudget({ clock: time }).limit('one')(async () => {
          passed++;
          return limitedOnce();
        });
        let told = false;
        const limitedOnce = () => {
          // The first response reports how small the bucket is.
          const answer = told ? ok() : limited(['/t', 0, 20, 60, 60]);
          told = true;
          return answer;
        };
        for (const { wait, asks } of steps) {
          for (let index = 0; index < asks; index++)
            void limit({ ...request(), deadlineAt: time.now() + 10_000, caller: String(index % 3) });
          await time.advance(wait);
        }
        // The size is unknown before the first response; after it, one token is refilled per second.
        const known = passed - (steps[0]?.asks ?? 0);
        expect(known).toBeLessThanOrEqual((time.now() - started) / 1_000 + 1);
      }),
      { numRuns: 50 },
    );
  });

  test('evicts old scopes instead of growing without bound', async () => {
    for (let index = 0; index < 10_500; index++) await send(request({ scope: `project-${index}` }));
    expect(budget.freshnessFactor('one', 'streams', 'project-0')).toBe(1);
    expect(budget.remaining()).toHaveLength(1);
  });
});
