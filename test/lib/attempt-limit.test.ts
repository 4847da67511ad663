import { expect, test } from 'vitest';
import { createAttemptLimit } from '../../src/lib/attempt-limit.ts';
import { createFakeClock } from '../support/fake-clock.ts';

function create(maxKeys = 2) {
  const clock = createFakeClock();
  return { clock, limit: createAttemptLimit({ max: 2, windowMs: 60_000, maxKeys }, clock) };
}

test('attempts beyond the limit wait until the window ends, which further attempts do not extend', async () => {
  const { clock, limit } = create();
  expect([limit.count('a'), limit.count('a'), limit.count('a')]).toEqual([0, 0, 60_000]);
  await clock.advance(59_999);
  expect([limit.count('a'), limit.waitMs('a'), limit.has('a')]).toEqual([1, 1, true]);
  await clock.advance(1);
  expect([limit.waitMs('a'), limit.has('a'), limit.count('a')]).toEqual([0, false, 0]);
});

test('the key counted longest ago is evicted for a new one; a question is not a count', () => {
  const { limit } = create();
  limit.count('a');
  limit.count('b');
  expect([limit.waitMs('a'), limit.has('a')]).toEqual([0, true]);
  limit.count('c');
  expect([limit.has('a'), limit.has('b'), limit.has('c')]).toEqual([false, true, true]);
});
