import { beforeEach, describe, expect, test } from 'vitest';
import { type CoolDown, createCoolDown } from '../../src/cache/cool-down.ts';
import type { LoadFailure } from '../../src/cache/results.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

const DOWN: LoadFailure = { type: 'failed', code: 'UPSTREAM_FAILED' };
const LIMITED: LoadFailure = { type: 'failed', code: 'UPSTREAM_RATE_LIMITED' };

describe('the cool-down', () => {
  let clock: FakeClock;
  let coolDown: CoolDown<LoadFailure>;
  beforeEach(() => {
    clock = createFakeClock();
    coolDown = createCoolDown<LoadFailure>(
      { firstPauseMs: 5_000, longestPauseMs: 60_000, isRepeatable: ({ code }) => code !== LIMITED.code },
      { clock },
    );
  });

  /** Records a failure and returns the pause after it, in seconds. */
  function pauseAfter(failure: LoadFailure, hasCopy: boolean, key = 'key'): number {
    coolDown.failed(key, failure, hasCopy);
    return ((coolDown.find(key)?.until ?? 0) - clock.now()) / 1_000;
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
    expect(coolDown.find('key')?.failures).toBe(0);
  });

  test('ends with a success', () => {
    pausesAfter(times(3), false);
    coolDown.succeeded('key');
    expect(coolDown.find('key')).toBeUndefined();
    expect(pauseAfter(DOWN, false)).toBe(0);
  });

  test('starts anew ten minutes after the last failure', async () => {
    pausesAfter(times(6), false);
    await clock.advance(599_999);
    expect(coolDown.find('key')?.failures).toBe(6);
    await clock.advance(1);
    expect(coolDown.find('key')).toBeUndefined();
    expect(pauseAfter(DOWN, false)).toBe(0);
  });

  test('of one list does not concern another', () => {
    pausesAfter(times(3), false);
    expect(pauseAfter(DOWN, false, 'other')).toBe(0);
    coolDown.clear();
    expect(coolDown.find('key')).toBeUndefined();
  });

  test('is remembered for a bounded number of lists, and forgotten first for those that failed longest ago', () => {
    for (let index = 0; index < 10_000; index++) pauseAfter(DOWN, true, `key ${index}`);
    expect(coolDown.find('key 0')).toBeUndefined();
    expect(coolDown.find('key 9999')?.failure).toBe(DOWN);
    coolDown.failed('k'.repeat(1_048_576), DOWN, true);
    expect(coolDown.find('key 9999')).toBeDefined();
  });
});
