import { expect, test } from 'vitest';
import { NO_DIRECTIVES } from '../../src/cache/decide.ts';
import { createListCache } from '../../src/cache/read-cache.ts';
import { createFakeClock } from '../support/fake-clock.ts';

test('22: a million random keys leave memory and loads bounded', { timeout: 60_000 }, async () => {
  const cache = createListCache<string>(
    {
      maxBytes: 1_000_000,
      projectShare: 0.25,
      negativeTtlMs: 1_000,
      longestPauseMs: 60_000,
      refreshPauseMs: 1_000,
      isRepeatable: () => true,
      kindOf: () => 'list',
      maxLoads: 1_000,
      maxWaiting: 10,
    },
    { clock: createFakeClock(), observe: () => undefined },
  );
  const lifetimes = { freshMs: 30_000, staleWhileRevalidateMs: 0, staleIfErrorMs: 0 };
  for (let batch = 0; batch < 1_000; batch++) {
    const reads = Array.from({ length: 1_000 }, (_none, index) =>
      cache.read({
        // A hundred keys per project, because the overhead of a project is not measured here.
        project: `project-${Math.floor((batch * 1_000 + index) / 100) % 5_000}`,
        operation: 'operation',
        key: `key-${batch}-${index}`,
        lifetimes,
        directives: NO_DIRECTIVES,
        freshnessFactor: () => 1,
        admitLoad: () => undefined,
        load: async () => ({ type: 'loaded', value: 'list', bytes: 100 }),
      }),
    );
    await Promise.all(reads);
    expect(cache.bytes).toBeLessThanOrEqual(1_000_000);
    expect(cache.loading).toBe(0);
  }
});
