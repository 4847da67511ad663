import { beforeEach, describe, expect, test } from 'vitest';
import { type CoolDown, createCoolDown } from '../../src/cache/cool-down.ts';
import type { CacheEvent } from '../../src/cache/events.ts';
import type { LoadFailure } from '../../src/cache/results.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

const DOWN: LoadFailure = { type: 'failed', code: 'UPSTREAM_FAILED' };
const LIMITED: LoadFailure = { type: 'failed', code: 'UPSTREAM_RATE_LIMITED' };

const addressOf = (key: string) => ({ project: 'project', operation: 'listPeers', key });

describe('the cool-down', () => {
  let clock: FakeClock;
  let events: CacheEvent[];
  let coolDown: CoolDown<LoadFailure>;
  beforeEach(() => {
    clock = createFakeClock();
    events = [];
    coolDown = createCoolDown<LoadFailure>(
      {
        firstPauseMs: 5_000,
        longestPauseMs: 60_000,
        isRepeatable: ({ code }) => code !== LIMITED.code,
        kindOf: (key) => (key.startsWith('page') ? 'page' : 'list'),
      },
      { clock, observe: (event) => void events.push(event) },
    );
  });

  /** Records a failure and returns the pause after it, in seconds. */
  function pauseAfter(failure: LoadFailure, hasCopy: boolean, key = 'key'): number {
    coolDown.failed(addressOf(key), failure, hasCopy);
    return ((coolDown.find(addressOf(key))?.until ?? 0) - clock.now()) / 1_000;
  }
  const pausesAfter = (failures: readonly LoadFailure[], hasCopy: boolean) =>
    failures.map((failure) => pauseAfter(failure, hasCopy));
  const times = (count: number) => Array.from({ length: count }, () => DOWN);

  test('of a list that is not cached begins with its second failure, doubles, and has an upper limit', () => {
    expect(pausesAfter(times(7), false)).toEqual([0, 5, 10, 20, 40, 60, 60]);
  });

  test('of a cached list begins with its first failure', () => {
    expect(pausesAfter(times(7), true)).toEqual([5, 5, 10, 20, 40, 60, 60]);
  });

  test('lasts as long as Retry-After says, up to the limit', () => {
    const pause = (retryAfterMs: number) => pauseAfter({ ...DOWN, retryAfterMs }, true);
    expect([1_000, 30_000, 3_600_000].map(pause)).toEqual([5, 30, 60]);
  });

  test('is not lengthened by failures that say nothing about the list', () => {
    expect(pausesAfter([LIMITED, LIMITED, LIMITED], false)).toEqual([0, 0, 0]);
    expect(pausesAfter([LIMITED, LIMITED, LIMITED], true)).toEqual([5, 5, 5]);
    expect(coolDown.find(addressOf('key'))?.failures).toBe(0);
  });

  test('ends with a success', () => {
    pausesAfter(times(3), false);
    coolDown.succeeded(addressOf('key'));
    expect(coolDown.find(addressOf('key'))).toBeUndefined();
    expect(pauseAfter(DOWN, false)).toBe(0);
  });

  test('starts anew ten minutes after the last failure', async () => {
    pausesAfter(times(6), false);
    await clock.advance(599_999);
    expect(coolDown.find(addressOf('key'))?.failures).toBe(6);
    await clock.advance(1);
    expect(coolDown.find(addressOf('key'))).toBeUndefined();
    expect(pauseAfter(DOWN, false)).toBe(0);
  });

  test('of one list does not concern another', () => {
    pausesAfter(times(3), false);
    expect(pauseAfter(DOWN, false, 'other')).toBe(0);
    coolDown.clear();
    expect(coolDown.find(addressOf('key'))).toBeUndefined();
  });

  test('is remembered for a bounded number of lists, and forgotten first for those that failed longest ago', () => {
    for (let index = 0; index < 10_000; index++) pauseAfter(DOWN, true, `key ${index}`);
    expect(coolDown.find(addressOf('key 0'))).toBeUndefined();
    expect(coolDown.find(addressOf('key 9999'))?.failure).toBe(DOWN);
    coolDown.failed(addressOf('k'.repeat(1_048_576)), DOWN, true);
    expect(coolDown.find(addressOf('key 9999'))).toBeDefined();
  });

  test('is reported when it begins and when it grows, not at each attempt, and when it ends', () => {
    pausesAfter([DOWN, DOWN, LIMITED, DOWN, ...times(5)], false);
    coolDown.succeeded(addressOf('key'));
    coolDown.succeeded(addressOf('key'));
    const named = { type: 'cool-down', operation: 'listPeers', project: 'project', kind: 'list' };
    const begun = [
      [2, 5_000],
      [3, 10_000],
      [4, 20_000],
      [5, 40_000],
      [6, 60_000],
    ].map(([failures, pauseMs]) => ({ ...named, state: 'begun', failures, pauseMs, code: DOWN.code }));
    expect(events).toEqual([...begun, { ...named, state: 'ended', failures: 8 }]);
  });

  test('that is only a wait for a limit is not reported', () => {
    pausesAfter([LIMITED, LIMITED], true);
    coolDown.succeeded(addressOf('key'));
    expect([events, coolDown.counts()]).toEqual([[], { list: 0, page: 0 }]);
  });

  test('counts the lists and pages that pause now', async () => {
    for (const key of ['a', 'b', 'page 1']) pauseAfter(DOWN, true, key);
    pauseAfter(DOWN, false, 'failed once');
    expect(coolDown.counts()).toEqual({ list: 2, page: 1 });
    await clock.advance(5_000);
    expect(coolDown.counts()).toEqual({ list: 0, page: 0 });
  });
});
