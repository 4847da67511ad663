import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LoadSpec } from '../../src/cluster/sealed-store.ts';
import { hasRedis, joinGroup, type Redis, startRedis } from '../support/redis.ts';

describe.skipIf(!hasRedis)('one load for all gateways', () => {
  let redis: Redis;
  let gateways: Awaited<ReturnType<typeof joinGroup>>[];
  let loads: ((value: string) => void)[];
  beforeEach(async () => {
    redis = await startRedis();
    gateways = await Promise.all([1, 2, 3].map(() => joinGroup(redis.url)));
    loads = [];
  });
  afterEach(async () => {
    await Promise.all(gateways.map(({ group }) => group.close()));
    await redis.stop();
  });

  const want = (
    index: number,
    { waitMs = 10_000, ...more }: Partial<LoadSpec<string>> & { waitMs?: number } = {},
  ) => {
    const gateway = gateways[index];
    if (gateway === undefined) throw new Error('no such gateway');
    return gateway.values.getOrLoad<string>({
      name: 'name',
      waitUntil: gateway.clock.now() + waitMs,
      accept: (plain) => plain.toString(),
      load: () => new Promise((resolve) => void loads.push(resolve)),
      toStore: (value) =>
        value.startsWith('failed') ? 'nothing' : { plain: Buffer.from(value), lifeMs: 60_000 },
      ...more,
    });
  };
  const loading = (count: number) => expect.poll(() => loads.length, { timeout: 5_000 }).toBe(count);

  test('makes the others wait, and they get its value as soon as it is stored', async () => {
    const all = [0, 1, 2].map((index) => want(index));
    await loading(1);
    await expect.poll(() => redis.cli('KEYS', '*:lease')).not.toBe('');
    loads[0]?.('value');
    expect(await Promise.all(all)).toEqual(['value', 'value', 'value']);
    expect(loads).toHaveLength(1);
    expect(redis.cli('KEYS', '*:lease')).toBe('');
  });

  test('that takes longer than a lease renews it', async () => {
    const all = [0, 1].map((index) => want(index));
    await loading(1);
    await new Promise((resolve) => gateways[0]?.clock.after(3_400, () => resolve(undefined)));
    expect(loads).toHaveLength(1);
    loads[0]?.('value');
    expect(await Promise.all(all)).toEqual(['value', 'value']);
  });

  test('that fails is retried by the next gateway at once', async () => {
    const all = [0, 1].map((index) => want(index));
    await loading(1);
    loads[0]?.('failed here');
    await loading(2);
    loads[1]?.('value');
    expect((await Promise.all(all)).toSorted()).toEqual(['failed here', 'value']);
  });

  test('of a gateway that died blocks the others no longer than its lease', async () => {
    void want(0);
    await loading(1);
    // The process is gone, so the lease is not renewed.
    await gateways[0]?.engine.close();
    const begunAt = performance.now();
    const other = want(1);
    await loading(2);
    expect(performance.now() - begunAt).toBeLessThan(3_900);
    loads[1]?.('value');
    expect(await other).toBe('value');
  });

  test('delays the others only until their deadline, and its value is not overwritten by a gateway that stopped waiting', async () => {
    const first = want(0);
    await loading(1);
    const hasty = want(1, { waitMs: 300 });
    await loading(2);
    loads[1]?.('of the hasty one');
    expect(await hasty).toBe('of the hasty one');
    const published = () =>
      gateways[1]?.events.some((event) => 'operation' in event && event.operation === 'release');
    await expect.poll(published).toBe(true);
    loads[0]?.('value');
    expect(await first).toBe('value');
    expect(await want(2)).toBe('value');
  });

  test('follows a value that does not satisfy the request, and replaces it', async () => {
    const old = want(0);
    await loading(1);
    loads[0]?.('old');
    await old;
    await expect.poll(() => gateways[1]?.values.read('name').then(String)).toBe('old');
    const accept = (plain: Buffer) => (plain.toString() === 'old' ? undefined : plain.toString());
    const all = [0, 1, 2].map((index) => want(index, { accept }));
    await loading(2);
    loads[1]?.('new');
    expect(await Promise.all(all)).toEqual(['new', 'new', 'new']);
  });

  test('removes an outdated value', async () => {
    const old = want(0);
    await loading(1);
    loads[0]?.('old');
    await old;
    const gone = want(1, { accept: () => undefined, toStore: () => 'discard' });
    await loading(2);
    loads[1]?.('gone');
    await gone;
    await expect.poll(() => redis.cli('KEYS', '*name*')).toBe('');
  });
});
