import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RequestCompletedEvent } from '../../src/gateway/events.ts';
import { createStatusStats } from '../../src/observability/status-stats.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const answered = (more: Partial<RequestCompletedEvent> = {}): RequestCompletedEvent => ({
  type: 'answered',
  requestId: 'r-1',
  traceId: undefined,
  clientIp: undefined,
  userAgent: undefined,
  method: 'GET',
  caller: 'team-orders',
  path: undefined,
  operation: 'listGroupClusters',
  project: '64b7c0ffee0000000000a004',
  status: 200,
  cache: 'hit',
  endedAt: 0,
  durationMs: 1,
  bytes: 10,
  upstreamCalls: 0,
  errorCode: undefined,
  reason: undefined,
  ...more,
});
const id = (number: number) => number.toString(16).padStart(24, '0');

function create() {
  const clock = createFakeClock();
  return { clock, statusStats: createStatusStats({ clock }) };
}

describe('status statistics', () => {
  test('count requests, hits and requests to Atlas, by caller and project', () => {
    const { statusStats } = create();
    for (const cache of ['miss', 'hit', 'stale', 'coalesced'] as const)
      statusStats.observe(answered({ cache, upstreamCalls: cache === 'miss' ? 3 : 0 }));
    for (let call = 0; call < 4; call++)
      statusStats.observe({
        type: 'caller-call',
        caller: 'team-orders',
        operation: 'listGroupClusters',
        endpointSet: 'clusters',
      });
    expect(statusStats.callers().get('team-orders')).toMatchObject({
      requests: 4,
      hits: 2,
      upstreamCalls: 4,
    });
    expect(statusStats.projects().get('64b7c0ffee0000000000a004')).toMatchObject({
      requests: 4,
      hits: 2,
      upstreamCalls: 3,
      lastError: undefined,
    });
  });

  test('count errors by code, caller and operation, the most frequent first', async () => {
    const { statusStats, clock } = create();
    const refused = { status: 403, cache: 'none', errorCode: 'PROJECT_FORBIDDEN' } as const;
    statusStats.observe(answered({ status: 502, errorCode: 'UPSTREAM_FAILED', cache: 'miss' }));
    for (const project of [id(1), id(2)]) statusStats.observe(answered({ ...refused, project }));
    await clock.advance(1_000);
    statusStats.observe(answered({ ...refused, caller: 'team-search' }));
    expect(statusStats.refusalGroups()).toEqual([
      {
        code: 'PROJECT_FORBIDDEN',
        status: 403,
        caller: 'team-orders',
        operation: 'listGroupClusters',
        requests: 2,
        lastAt: clock.wall() - 1_000,
      },
      expect.objectContaining({ caller: 'team-search', requests: 1, lastAt: clock.wall() }),
      expect.objectContaining({ code: 'UPSTREAM_FAILED', requests: 1 }),
    ]);
    for (let number = 0; number < 600; number++)
      statusStats.observe(answered({ ...refused, errorCode: `CODE_${number}` }));
    expect(statusStats.refusalGroups()).toHaveLength(500);
  });

  test('count authorized requests by caller, project and operation, within a bound', () => {
    const { statusStats } = create();
    statusStats.observe(answered({ status: 502, cache: 'miss' }));
    statusStats.observe(answered());
    statusStats.observe(answered({ project: undefined, operation: 'listGroups', cache: 'miss' }));
    statusStats.observe(answered({ status: 403, cache: 'none', project: id(7) }));
    expect(statusStats.usage()).toEqual([
      {
        caller: 'team-orders',
        operation: 'listGroupClusters',
        project: '64b7c0ffee0000000000a004',
        requests: 2,
        hits: 1,
        errors: 1,
      },
      { caller: 'team-orders', operation: 'listGroups', project: '-', requests: 1, hits: 0, errors: 0 },
    ]);
    for (let number = 0; number < 1_100; number++) statusStats.observe(answered({ project: id(number) }));
    expect(statusStats.usage()).toHaveLength(1_000);
  });

  test('contain the last fifty errors, newest first, with the fields of the event only', () => {
    const { statusStats, clock } = create();
    for (let number = 0; number < 120; number++)
      statusStats.observe(
        answered({ status: 403, cache: 'none', errorCode: `CODE_${number}`, reason: 'no-rule' }),
      );
    const refused = statusStats.refused();
    expect(refused).toHaveLength(50);
    expect(refused[0]).toEqual({
      at: clock.wall(),
      caller: 'team-orders',
      operation: 'listGroupClusters',
      project: '64b7c0ffee0000000000a004',
      status: 403,
      code: 'CODE_119',
      reason: 'no-rule',
    });
    expect(refused.at(-1)?.code).toBe('CODE_70');
  });

  test('a project is recorded once it was read or failed to be read, not because a caller sent its id', () => {
    const { statusStats } = create();
    statusStats.observe(answered({ project: id(1), status: 403, cache: 'none' }));
    statusStats.observe(answered({ project: id(2), status: 404, cache: 'miss' }));
    statusStats.observe(answered({ project: id(3), status: 503, cache: 'none' }));
    expect(statusStats.projects().size).toBe(0);
    statusStats.observe(
      answered({ project: id(4), status: 502, cache: 'miss', errorCode: 'UPSTREAM_FAILED' }),
    );
    expect(statusStats.projects().get(id(4))?.lastError).toMatchObject({ code: 'UPSTREAM_FAILED' });
  });

  test('a failed background refresh is the last error of its project', () => {
    const { statusStats, clock } = create();
    const refreshed = { type: 'refreshed', operation: 'listGroupClusters', project: id(1) } as const;
    statusStats.observe({ ...refreshed, outcome: 'replaced' });
    expect(statusStats.projects().size).toBe(0);
    statusStats.observe({ ...refreshed, outcome: 'kept', detail: 'UPSTREAM_TIMEOUT' });
    expect(statusStats.projects().get(id(1))?.lastError).toEqual({
      at: clock.wall(),
      operation: 'listGroupClusters',
      code: 'UPSTREAM_TIMEOUT',
    });
  });

  test('only the thousand most recently used callers and projects are retained', async () => {
    const { statusStats, clock } = create();
    for (let number = 0; number < 3_000; number++) {
      statusStats.observe(
        answered({ endedAt: clock.now(), caller: `caller-${number}`, project: id(number) }),
      );
      statusStats.observe(answered({ endedAt: clock.now(), caller: 'busy', project: id(999_999) }));
      if (number % 100 === 0) await clock.advance(1);
    }
    expect(statusStats.callers().size).toBe(1_000);
    expect(statusStats.projects().size).toBe(1_000);
    expect(statusStats.callers().get('busy')?.requests).toBe(3_000);
    expect(statusStats.projects().get(id(999_999))?.requests).toBe(3_000);
  });

  test('the trend of an hour adds up to the counts, whatever the timing', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ waitMs: fc.integer({ min: 0, max: 900_000 }), hit: fc.boolean() }), {
          maxLength: 40,
        }),
        async (steps) => {
          const { statusStats, clock } = create();
          const times: { at: number; hit: boolean }[] = [];
          for (const { waitMs, hit } of steps) {
            await clock.advance(waitMs);
            statusStats.observe(answered({ endedAt: clock.now(), cache: hit ? 'hit' : 'miss' }));
            times.push({ at: clock.now(), hit });
          }
          const trend = statusStats.trend();
          const begin = (Math.floor(clock.now() / trend.stepMs) - 359) * trend.stepMs;
          const seen = times.filter(({ at }) => at >= begin);
          const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
          expect(trend.requests.length).toBeLessThanOrEqual(360);
          expect(sum(trend.requests)).toBe(seen.length);
          expect(sum(trend.lookups)).toBe(seen.length);
          expect(sum(trend.hits)).toBe(seen.filter(({ hit }) => hit).length);
          expect(trend.runningMs).toBeLessThan(trend.stepMs);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('errors, requests to Atlas and the last reload are reported', async () => {
    const { statusStats, clock } = create();
    statusStats.observe(answered({ status: 502, cache: 'miss' }));
    statusStats.observe(answered({ status: 401, cache: 'none' }));
    statusStats.observe({
      type: 'upstream-exchange',
      operation: 'x',
      credential: 'c',
      code: '200',
      durationMs: 1,
    });
    expect(statusStats.trend()).toMatchObject({
      requests: [2],
      lookups: [1],
      errors: [1],
      upstreamCalls: [1],
    });
    expect(statusStats.reload).toBeUndefined();
    await clock.advance(1_000);
    statusStats.observe({ type: 'config-reload', outcome: 'rejected', problems: Array(500).fill('wrong') });
    expect(statusStats.reload).toMatchObject({ at: clock.wall(), outcome: 'rejected' });
    expect(statusStats.reload?.problems).toHaveLength(20);
  });
});
