import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { type CacheDirectives, NO_DIRECTIVES } from '../../src/cache/decide.ts';
import type { CacheEvent } from '../../src/cache/events.ts';
import { createMemoryTier } from '../../src/cache/memory-tier.ts';
import { createListCache } from '../../src/cache/read-cache.ts';
import type { CacheRead, LoadFailure, LoadResult, LoadStart } from '../../src/cache/results.ts';
import { upstreamFailure } from '../../src/upstream/failure.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

const LIFETIMES = { freshMs: 30_000, staleWhileRevalidateMs: 300_000, staleIfErrorMs: 3_600_000 };
const OPTIONS = {
  maxBytes: 100_000,
  projectShare: 0.5,
  negativeTtlMs: 5_000,
  longestPauseMs: 60_000,
  refreshPauseMs: 5_000,
  isRepeatable: ({ code }: LoadFailure) => code !== 'UPSTREAM_RATE_LIMITED',
  kindOf: (): 'list' => 'list',
  maxLoads: 100,
  maxWaiting: 1_000,
};

describe('the list cache', () => {
  let clock: FakeClock;
  let cache: ReturnType<typeof createListCache<string>>;
  let events: CacheEvent[];
  let loads: {
    priority: string;
    retry: boolean;
    settle: (loaded: LoadResult<string, LoadFailure>) => void;
  }[];

  const requestFor = (directives: Partial<CacheDirectives> = {}, key = 'key', project = 'project') => ({
    project,
    operation: 'operation',
    key,
    lifetimes: LIFETIMES,
    directives: { ...NO_DIRECTIVES, ...directives },
    freshnessFactor: () => 1,
    admitLoad: () => undefined,
    load: ({ priority, retry }: LoadStart) =>
      new Promise<LoadResult<string, LoadFailure>>((settle) => void loads.push({ priority, retry, settle })),
  });
  const ask = (...parts: Parameters<typeof requestFor>) => cache.read(requestFor(...parts));
  const value = (text: string): LoadResult<string, LoadFailure> => ({
    type: 'loaded',
    value: text,
    bytes: text.length,
  });
  const refusal = (invalidatesCache: boolean, status = 404): LoadResult<string, LoadFailure> => ({
    type: 'refused',
    invalidatesCache,
    response: { status, headers: {}, body: Buffer.from('{}') },
  });
  const settle = (loaded: LoadResult<string, LoadFailure>) => loads.shift()?.settle(loaded);
  async function freshnessWindow(text: string) {
    const read = ask();
    settle(value(text));
    await read;
  }
  const outcomeOf = (read: CacheRead<string, LoadFailure>) =>
    'cacheStatus' in read ? read.cacheStatus.outcome : read.type;

  beforeEach(() => {
    clock = createFakeClock();
    loads = [];
    events = [];
    cache = createListCache<string>(OPTIONS, { clock, observe: (event) => void events.push(event) });
  });

  test('callers that arrive during a load share its result, and only the leader is reported as a miss', async () => {
    const reads = Array.from({ length: 1_000 }, () => ask());
    expect(loads).toHaveLength(1);
    settle(value('list'));
    const answers = await Promise.all(reads);
    expect(answers.every((read) => read.type === 'value' && read.value === 'list')).toBe(true);
    expect(answers.map(outcomeOf).filter((outcome) => outcome === 'miss')).toHaveLength(1);
    expect(answers.map(outcomeOf).filter((outcome) => outcome === 'coalesced')).toHaveLength(999);
  });

  test('a fresh list is answered at once, without a promise', async () => {
    await freshnessWindow('list');
    expect(ask()).toMatchObject({ type: 'value', value: 'list', cacheStatus: { outcome: 'hit' } });
  });

  test('a stale list is served while one refresh runs in the background', async () => {
    await freshnessWindow('old');
    await clock.advance(30_000);
    for (let index = 0; index < 3; index++)
      expect(ask()).toMatchObject({ cacheStatus: { outcome: 'stale' } });
    expect(loads.map(({ priority }) => priority)).toEqual(['background']);
    settle(value('new'));
    await clock.advance(0);
    expect(ask()).toMatchObject({ value: 'new', cacheStatus: { outcome: 'hit' } });
  });

  test('after a failed refresh the list stays cached and the next refresh waits for the pause', async () => {
    await freshnessWindow('old');
    await clock.advance(30_000);
    ask();
    settle(upstreamFailure('UPSTREAM_TIMEOUT', 'slow'));
    await clock.advance(0);
    expect(ask()).toMatchObject({ value: 'old', cacheStatus: { outcome: 'stale' } });
    expect(loads).toHaveLength(0);
    await clock.advance(5_000);
    ask();
    expect(loads).toHaveLength(1);
  });

  test('after stale-while-revalidate a request waits for the load, and a failed load serves the stale list until stale-if-error ends', async () => {
    await freshnessWindow('old');
    await clock.advance(400_000);
    const read = ask();
    settle(upstreamFailure('UPSTREAM_FAILED', 'down'));
    expect(await read).toMatchObject({
      value: 'old',
      cacheStatus: { outcome: 'stale', detail: 'UPSTREAM_FAILED' },
    });
    await clock.advance(3_600_000);
    const late = ask();
    settle(upstreamFailure('UPSTREAM_FAILED', 'down'));
    expect(await late).toMatchObject({ type: 'failed', failure: { code: 'UPSTREAM_FAILED' } });
  });

  test('a 4xx that means the list is gone evicts it and is cached briefly', async () => {
    await freshnessWindow('old');
    await clock.advance(30_000);
    ask();
    settle(refusal(true));
    await clock.advance(0);
    expect(ask()).toMatchObject({ type: 'refused', response: { status: 404 } });
    expect(events).toContainEqual({ type: 'evicted', reason: 'refused' });
    await clock.advance(5_000);
    ask();
    expect(loads).toHaveLength(1);
  });

  test('a 4xx that does not mean the list is gone leaves it cached', async () => {
    await freshnessWindow('old');
    await clock.advance(30_000);
    ask();
    settle(refusal(false, 403));
    await clock.advance(0);
    expect(ask()).toMatchObject({ value: 'old' });
  });

  test('a load that began before a purge answers its waiters but is not stored', async () => {
    const before = ask();
    cache.purge({ project: 'project', soft: false });
    const after = ask();
    expect(loads).toHaveLength(2);
    settle(value('before'));
    settle(value('after'));
    expect(await before).toMatchObject({ value: 'before', cacheStatus: { stored: false } });
    expect(await after).toMatchObject({ value: 'after', cacheStatus: { stored: true } });
    expect(ask()).toMatchObject({ value: 'after' });
  });

  test.each([
    { project: 'project' },
    { operation: 'operation' },
    { project: 'project', operation: 'operation' },
    {},
  ])('a purge of %j removes the list', async (scope) => {
    await freshnessWindow('list');
    cache.purge({ ...scope, soft: false });
    ask();
    expect(loads).toHaveLength(1);
  });

  test('a purge of another scope does not remove the list', async () => {
    await freshnessWindow('list');
    cache.purge({ project: 'other', soft: false });
    cache.purge({ project: 'project', operation: 'other', soft: false });
    expect(ask()).toMatchObject({ cacheStatus: { outcome: 'hit' } });
  });

  test('after a soft purge and the subsequent load the list is a hit again', async () => {
    await freshnessWindow('old');
    cache.purge({ project: 'project', soft: true });
    ask();
    settle(value('new'));
    await clock.advance(0);
    expect(ask()).toMatchObject({ value: 'new', cacheStatus: { outcome: 'hit' } });
    expect(loads).toHaveLength(0);
  });

  test('a soft purge revalidates the list at its next use, and serves it if that fails', async () => {
    await freshnessWindow('list');
    cache.purge({ project: 'project', soft: true });
    expect(ask()).toMatchObject({ value: 'list', cacheStatus: { outcome: 'stale' } });
    expect(loads).toHaveLength(1);
  });

  test('a list larger than a project’s share is served but not stored', async () => {
    const read = ask();
    settle({ type: 'loaded', value: 'large', bytes: 60_000 });
    expect(await read).toMatchObject({ value: 'large', cacheStatus: { stored: false } });
    expect(cache.bytes).toBe(0);
  });

  test('only-if-cached never loads', async () => {
    expect(ask({ onlyIfCached: true })).toEqual({ type: 'not-cached' });
    await freshnessWindow('list');
    expect(ask({ onlyIfCached: true })).toMatchObject({ value: 'list' });
    expect(loads).toHaveLength(0);
  });

  test('no-cache loads, and serves the cached list if that fails', async () => {
    await freshnessWindow('list');
    const read = ask({ noCache: true });
    settle(upstreamFailure('UPSTREAM_UNREACHABLE', 'gone'));
    expect(await read).toMatchObject({ value: 'list', cacheStatus: { outcome: 'stale' } });
  });

  test('max-age reloads an older list; max-stale accepts a staler one', async () => {
    await freshnessWindow('list');
    await clock.advance(10_000);
    expect(ask({ maxAgeMs: 10_000 })).toMatchObject({ value: 'list' });
    expect(ask({ maxAgeMs: 5_000 })).toBeInstanceOf(Promise);
    settle(value('new'));
    await clock.advance(400_000);
    expect(ask({ maxStaleMs: 600_000 })).toMatchObject({ value: 'new', cacheStatus: { outcome: 'stale' } });
  });

  test.each<[string, Partial<CacheDirectives>, string]>([
    ['a fresh list', { noCache: true }, 'request'],
    ['a stale list', { maxStaleMs: 1_000 }, 'stale'],
  ])('%s that %j does not accept is loaded', async (age, directives, forwarded) => {
    await freshnessWindow('old');
    await clock.advance(age === 'a fresh list' ? 10_000 : 34_000);
    const read = ask(directives);
    expect(loads).toHaveLength(1);
    settle(value('new'));
    expect(await read).toMatchObject({ value: 'new', cacheStatus: { outcome: 'bypass', forwarded } });
  });

  test('during a cool-down nothing is loaded, whatever the directives, and the status names the failure', async () => {
    await freshnessWindow('old');
    const forced = ask({ noCache: true });
    settle(upstreamFailure('UPSTREAM_TIMEOUT', 'slow'));
    await forced;
    const detail = 'UPSTREAM_TIMEOUT';
    expect(ask({ noCache: true })).toMatchObject({
      value: 'old',
      cacheStatus: { outcome: 'hit', detail },
    });
    await clock.advance(4_999);
    expect(ask({ maxAgeMs: 1_000 })).toMatchObject({ cacheStatus: { detail } });
    expect(loads).toHaveLength(0);
    await clock.advance(1);
    void ask({ maxAgeMs: 1_000 });
    expect(loads).toHaveLength(1);
  });

  test('a limited caller is served from the cache, without the word that Atlas was asked', async () => {
    await freshnessWindow('old');
    const failure: LoadFailure = { type: 'failed', code: 'CALLER_RATE_LIMITED' };
    const read = await cache.read({ ...requestFor({ noCache: true }), admitLoad: () => failure });
    expect(read).toMatchObject({ value: 'old' });
    expect(read).toHaveProperty('cacheStatus', { outcome: 'hit', detail: 'CALLER_RATE_LIMITED' });
  });

  test('a load that fails before a request is sent to Atlas is reported as a hit', async () => {
    await freshnessWindow('old');
    await clock.advance(400_000);
    const read = ask();
    settle({ type: 'failed', code: 'UPSTREAM_RATE_LIMITED', unsent: true });
    expect(await read).toHaveProperty('cacheStatus', { outcome: 'stale', detail: 'UPSTREAM_RATE_LIMITED' });
  });

  describe('a cold list that fails', () => {
    const fail = async () => {
      const read = ask();
      settle(upstreamFailure('UPSTREAM_FAILED', 'down'));
      return read;
    };

    test('is loaded again at once after its first failure, and not for a pause after its second', async () => {
      await fail();
      await fail();
      expect(ask()).toMatchObject({
        type: 'failed',
        failure: { code: 'UPSTREAM_FAILED', detail: 'down', retryAfterMs: 5_000 },
      });
      await clock.advance(2_000);
      expect(ask({ noCache: true })).toMatchObject({ type: 'failed', failure: { retryAfterMs: 3_000 } });
      expect(ask({ onlyIfCached: true })).toEqual({ type: 'not-cached' });
      expect(loads).toHaveLength(0);
    });

    test('is attempted once, without retries, when the pause is over, and normally again after a success', async () => {
      await fail();
      await fail();
      await clock.advance(5_000);
      const read = ask();
      expect(loads.map(({ retry }) => retry)).toEqual([false]);
      settle(value('list'));
      await read;
      await clock.advance(30_000);
      ask();
      expect(loads.map(({ retry }) => retry)).toEqual([true]);
    });

    test('is loaded at once after a purge', async () => {
      await fail();
      await fail();
      cache.purge({ project: 'project', soft: false });
      void ask();
      expect(loads).toHaveLength(1);
    });

    test('counts one failure for all that waited for it', async () => {
      const waiting = [ask(), ask(), ask()];
      settle(upstreamFailure('UPSTREAM_FAILED', 'down'));
      await Promise.all(waiting);
      void ask();
      expect(loads).toHaveLength(1);
    });

    test('does not cool down because of the rate limit', async () => {
      for (let index = 0; index < 5; index++) {
        const read = ask();
        settle(upstreamFailure('UPSTREAM_RATE_LIMITED', 'later'));
        expect(await read).toMatchObject({ failure: { code: 'UPSTREAM_RATE_LIMITED' } });
      }
    });
  });

  test('a list is overdue if it was requested when it was too old and was not replaced, for five minutes', async () => {
    await freshnessWindow('list');
    expect([...cache.recentlyRequested()]).toEqual([]);
    await clock.advance(20_000);
    ask();
    expect([...cache.recentlyRequested()]).toEqual([{ project: 'project', ageMs: 20_000, isOverdue: false }]);
    await clock.advance(320_000);
    expect([...cache.recentlyRequested()]).toEqual([]);
    const late = ask();
    settle(upstreamFailure('UPSTREAM_TIMEOUT', 'timeout'));
    await late;
    expect([...cache.recentlyRequested()]).toEqual([{ project: 'project', ageMs: 340_000, isOverdue: true }]);
    await clock.advance(60_000);
    await freshnessWindow('newer');
    expect([...cache.recentlyRequested()]).toEqual([]);
  });

  test('a wall clock that jumps by an hour changes nothing', async () => {
    await freshnessWindow('list');
    clock.moveWall(3_600_000);
    expect(ask()).toMatchObject({ cacheStatus: { outcome: 'hit' } });
  });
});

test('the memory tier stays within its bytes and every project within its share', () => {
  const step = fc.record({
    project: fc.constantFrom('a', 'b', 'c'),
    key: fc.constantFrom('1', '2', '3', '4', '5'),
    bytes: fc.integer({ min: 0, max: 700 }),
    action: fc.constantFrom('set', 'set', 'set', 'get', 'delete', 'drop'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const tier = createMemoryTier<string>({ maxBytes: 1_000, projectShare: 0.5 }, () => undefined);
      const window = { loadedAt: 0, freshUntil: 0, revalidateUntil: 0, staleIfErrorUntil: 0 };
      for (const { project, key, bytes, action } of steps) {
        if (action === 'set') tier.set(project, key, { value: key, window, bytes, epoch: 0 });
        else if (action === 'get') tier.get(project, key);
        else if (action === 'delete') tier.delete(project, key);
        else tier.dropProject(project);
        const entries = [...tier.projects()].map((one) =>
          [...tier.entries(one)].map(([, entry]) => Math.max(1, entry.bytes)),
        );
        const sums = entries.map((sizes) => sizes.reduce((sum, size) => sum + size, 0));
        expect(tier.bytes).toBe(sums.reduce((sum, size) => sum + size, 0));
        expect(tier.size).toBe(entries.flat().length);
        expect(tier.bytes).toBeLessThanOrEqual(1_000);
        expect(Math.max(0, ...sums)).toBeLessThanOrEqual(500);
      }
    }),
    { numRuns: 500 },
  );
});
