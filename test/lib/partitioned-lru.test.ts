import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPartitionedLru } from '../../src/lib/partitioned-lru.ts';
import { createFakeClock } from '../support/fake-clock.ts';

interface Item {
  readonly bytes: number;
}

const OVERHEAD = { emptyBytes: 10, slotBytes: 2 };
const create = (maxBytes: number, maxPartitionBytes = maxBytes) =>
  createPartitionedLru<string, Item>({ maxBytes, maxPartitionBytes });

test('the same object set twice is counted once', () => {
  const lru = create(100);
  const item = { bytes: 40 };
  lru.set('a', '1', item);
  lru.set('a', '1', item);
  expect([lru.bytes, lru.size]).toEqual([40, 1]);
});

test('a value that is too large is rejected and leaves the earlier one', () => {
  const lru = create(100, 50);
  lru.set('a', '1', { bytes: 40 });
  expect(lru.set('a', '1', { bytes: 51 })).toBe(false);
  expect([lru.get('a', '1')?.bytes, lru.bytes]).toEqual([40, 40]);
});

test.each([
  [0, 1],
  [0.5, 1],
  [7.2, 8],
])('%d bytes are counted as %i', (bytes, counted) => {
  const lru = create(100);
  lru.set('a', '1', { bytes });
  expect(lru.bytes).toBe(counted);
});

test('a partition counts the slots of its largest number of values until it is removed', () => {
  const lru = createPartitionedLru<string, Item>({
    maxBytes: 1_000,
    maxPartitionBytes: 1_000,
    overhead: OVERHEAD,
  });
  for (const key of ['1', '2', '3']) lru.set('a', key, { bytes: 100 });
  expect(lru.bytes).toBe(10 + 3 * 2 + 300);
  lru.delete('a', '1');
  lru.delete('a', '2');
  expect(lru.bytes).toBe(10 + 3 * 2 + 100);
  lru.delete('a', '3');
  expect([lru.bytes, [...lru.names()]]).toEqual([0, []]);
});

test('whatever is set and removed, the bytes are those of the values, partitions and slots, and within the limit', () => {
  const step = fc.record({
    action: fc.constantFrom('set', 'set', 'set', 'get', 'delete', 'drop'),
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    key: fc.integer({ min: 0, max: 9 }).map(String),
    bytes: fc.integer({ min: 0, max: 80 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const lru = createPartitionedLru<string, Item>({
        maxBytes: 200,
        maxPartitionBytes: 100,
        overhead: OVERHEAD,
      });
      for (const { action, name, key, bytes } of steps) {
        if (action === 'set') lru.set(name, key, { bytes });
        else if (action === 'get') lru.get(name, key);
        else if (action === 'delete') lru.delete(name, key);
        else lru.drop(name);
        const sizes = [...lru.sizes()];
        expect(lru.bytes).toBe(sizes.reduce((sum, one) => sum + one.bytes, 0));
        expect(lru.size).toBe(sizes.reduce((sum, one) => sum + one.entries, 0));
        expect(lru.bytes).toBeLessThanOrEqual(200);
        expect(sizes.every(({ entries }) => entries > 0)).toBe(true);
        // The free slots of a partition may exceed its share, but there are never more than it once had values.
        expect(Math.max(0, ...sizes.map((one) => one.bytes))).toBeLessThanOrEqual(100 + 10 * 2);
      }
    }),
    { numRuns: 300 },
  );
});

test.each([0, 1_000])(
  'a value expires once its lifetime has passed, also if the clock starts at %i',
  async (start) => {
    const clock = createFakeClock();
    const from = clock.now();
    const lru = createPartitionedLru<string, Item>({
      maxBytes: 100,
      maxPartitionBytes: 100,
      lifetime: { ms: 60_000, clock: { now: () => clock.now() - from + start } },
    });
    lru.set('a', '1', { bytes: 40 });
    await clock.advance(59_999);
    expect(lru.get('a', '1')).toBeDefined();
    await clock.advance(1);
    expect(lru.get('a', '1')).toBeUndefined();
    expect([lru.bytes, [...lru.names()]]).toEqual([0, []]);
  },
);
