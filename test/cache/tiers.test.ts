import { expect, test } from 'vitest';
import { freshnessWindow } from '../../src/cache/freshness.ts';
import { createMemoryTier } from '../../src/cache/memory-tier.ts';
import { createSharedTier, type SharedCodec } from '../../src/cluster/redis-tier.ts';
import { createSystemClock } from '../../src/lib/clock.ts';
import { hasRedis, joinGroup, startRedis } from '../support/redis.ts';
import { describeTier } from './tier-contract.ts';

const LIFETIMES = { freshMs: 30_000, staleWhileRevalidateMs: 300_000, staleIfErrorMs: 3_600_000 };

describeTier('memory', async () => {
  const clock = createSystemClock();
  const memory = createMemoryTier<string>({ maxBytes: 10_000, projectShare: 0.5 }, () => undefined);
  return {
    tier: { ...memory, epoch: 0, mostBytes: 5_000 },
    times: () => freshnessWindow(clock.now(), LIFETIMES),
    close: async () => undefined,
  };
});

const codecOf = (format: number): SharedCodec<string> => ({
  format,
  write: (record) => Buffer.from(JSON.stringify(record)),
  read(bytes) {
    const record = JSON.parse(bytes.toString());
    return { ...record, bytes: record.value.length };
  },
});

test.skipIf(!hasRedis)('releases with different formats share neither values nor keys', async () => {
  const redis = await startRedis();
  const { group, values, clock } = await joinGroup(redis.url);
  const [one, two] = [1, 2].map((format) =>
    createSharedTier<string>({ binding: () => 'test' }, { group, values, clock, codec: codecOf(format) }),
  );
  const entry = (value: string) => ({
    ...{ value, bytes: value.length, operation: 'listThings', epoch: group.epoch },
    window: freshnessWindow(clock.now(), LIFETIMES),
  });
  await one?.set('project', 'key', entry('one'));
  expect(await two?.get('project', 'key')).toBeUndefined();
  await two?.set('project', 'key', entry('two'));
  expect((await one?.get('project', 'key'))?.value).toBe('one');
  expect((await two?.get('project', 'key'))?.value).toBe('two');
  await group.close();
  await redis.stop();
});

if (hasRedis)
  describeTier('shared', async () => {
    const redis = await startRedis();
    const { group, values, clock } = await joinGroup(redis.url);
    const shared = createSharedTier<string>(
      { binding: () => 'test' },
      {
        group,
        values,
        clock,
        codec: codecOf(1),
      },
    );
    return {
      tier: {
        get: shared.get,
        set: shared.set,
        delete: shared.delete,
        dropProject: async (project) => {
          shared.purge({ project, soft: false });
          expect(await group.isSynced()).toBe(true);
        },
        clear: async () => {
          shared.purge({ soft: false });
          expect(await group.isSynced()).toBe(true);
        },
        get epoch() {
          return shared.epoch;
        },
        mostBytes: 1_000_000,
      },
      times: () => freshnessWindow(clock.now(), LIFETIMES),
      async close() {
        await group.close();
        await redis.stop();
      },
    };
  });
