import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createBackoff } from '../../src/lib/backoff.ts';

const randomOf = (fraction: number) => ({
  bytes: (count: number) => Buffer.alloc(count),
  fraction: () => fraction,
});

test.each([
  [0, 100],
  [1, 200],
  [5, 3_200],
  [6, 5_000],
  [5_000, 5_000],
])('after %i doublings of 100 ms, the pause is %i ms', (doublings, pauseMs) => {
  expect(createBackoff({ firstMs: 100, longestMs: 5_000 })(doublings)).toBe(pauseMs);
});

test('jitter only shortens a pause, by at most its fraction', () => {
  fc.assert(
    fc.property(
      fc.nat(2_000),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (doublings, fraction, drawn) => {
        const limits = { firstMs: 20, longestMs: 1_000 };
        const longest = createBackoff(limits)(doublings);
        const jitter = { fraction, random: randomOf(drawn) };
        const pauseMs = createBackoff({ ...limits, jitter })(doublings);
        expect(pauseMs).toBeLessThanOrEqual(longest);
        expect(pauseMs).toBeGreaterThanOrEqual(longest * (1 - fraction));
      },
    ),
  );
});
