import { describe, expect, test } from 'vitest';
import type { RequestCompletedEvent } from '../../src/gateway/events.ts';
import { createFailingLists } from '../../src/observability/failing-lists.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const LIST = { operation: 'listGroupClusters', project: '64b7c0ffee0000000000a004' } as const;

const answered = (more: Partial<RequestCompletedEvent>): RequestCompletedEvent => ({
  type: 'answered',
  requestId: 'r-1',
  traceId: undefined,
  clientIp: undefined,
  userAgent: undefined,
  method: 'GET',
  caller: 'team-orders',
  path: undefined,
  ...LIST,
  status: 200,
  cache: 'miss',
  endedAt: 0,
  durationMs: 1,
  bytes: 10,
  upstreamCalls: 1,
  errorCode: undefined,
  reason: undefined,
  ...more,
});
const exchange = (code: string) =>
  ({
    type: 'upstream-exchange',
    operation: LIST.operation,
    credential: 'main',
    code,
    durationMs: 1,
  }) as const;
const paused = (pauseMs: number) =>
  ({
    type: 'cool-down',
    state: 'begun',
    ...LIST,
    kind: 'list',
    failures: 2,
    pauseMs,
    code: 'UPSTREAM_FAILED',
  }) as const;

function create() {
  const clock = createFakeClock();
  return { clock, lists: createFailingLists({ clock }) };
}

describe('failing lists', () => {
  test('fail with the status that Atlas answered, since the first failure, and are tried again after their pause', async () => {
    const { clock, lists } = create();
    const since = clock.wall();
    lists.observe(exchange('503'));
    lists.observe({ type: 'refreshed', ...LIST, outcome: 'kept', detail: 'UPSTREAM_FAILED' });
    await clock.advance(1_000);
    lists.observe(paused(5_000));
    expect(lists.all()).toMatchObject([{ ...LIST, code: '503', since, nextAttemptAt: clock.now() + 5_000 }]);
  });

  test('remember that a request failed, although other requests for them are answered from memory', () => {
    const { lists } = create();
    lists.observe({ type: 'refreshed', ...LIST, outcome: 'kept', detail: 'UPSTREAM_FAILED' });
    expect(lists.all()).toMatchObject([{ refused: false }]);
    lists.observe(answered({ status: 502, errorCode: 'UPSTREAM_FAILED' }));
    lists.observe(answered({ cache: 'stale' }));
    lists.observe(paused(5_000));
    expect(lists.all()).toMatchObject([{ refused: true }]);
  });

  test.each([
    ['an answer that took a call', answered({})],
    ['an answer that says the list is gone', answered({ status: 404, errorCode: 'GROUP_NOT_FOUND' })],
    ['a refresh', { type: 'refreshed', ...LIST, outcome: 'replaced' } as const],
    ['the end of the pause', { ...paused(0), state: 'ended' } as const],
  ])('%s ends the failure', (_name, event) => {
    const { lists } = create();
    lists.observe(paused(5_000));
    lists.observe(event);
    expect(lists.all()).toEqual([]);
  });

  test.each([
    ['an answer from memory', answered({ cache: 'hit', upstreamCalls: 0 })],
    ['a stale answer after a failed call', answered({ cache: 'stale' })],
    ['an answer for another project', answered({ project: '64b7c0ffee0000000000a001' })],
  ])('%s does not', (_name, event) => {
    const { lists } = create();
    lists.observe(paused(5_000));
    lists.observe(event);
    expect(lists.all()).toHaveLength(1);
  });

  test.each([
    ['UPSTREAM_TIMEOUT', 504, true],
    ['UPSTREAM_RATE_LIMITED', 429, true],
    ['CREDENTIALS_UNAVAILABLE', 503, true],
    ['OVERLOADED', 503, false],
    ['NOT_CACHED', 504, false],
    ['CALLER_RATE_LIMITED', 429, false],
    ['PROJECT_FORBIDDEN', 403, false],
  ])('an answer with %s (%i) is a failure of Atlas: %s', (errorCode, status, isFailure) => {
    const { lists } = create();
    lists.observe(answered({ errorCode, status, upstreamCalls: 0 }));
    expect(lists.all().map(({ code }) => code)).toEqual(isFailure ? [errorCode] : []);
  });

  test('are forgotten ten minutes after their next attempt was due, if nobody requests them', async () => {
    const { clock, lists } = create();
    lists.observe(paused(5_000));
    await clock.advance(604_999);
    expect(lists.all()).toHaveLength(1);
    await clock.advance(1);
    expect(lists.all()).toEqual([]);
  });
});
