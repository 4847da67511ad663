import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createReservation } from '../../src/upstream/budget/reservation.ts';
import type { Send } from '../../src/upstream/message.ts';
import { hasRedis, joinGroup, type Redis, startRedis, startSlowness } from '../support/redis.ts';

const STREAMS = 'streams.privateLinkConnections';
const SECOND = { timeout: 1_000, interval: 20 };

describe.skipIf(!hasRedis)('gateways that share an engine', () => {
  let redis: Redis;
  let closing: (() => Promise<void>)[];
  beforeEach(async () => {
    redis = await startRedis();
    closing = [];
  });
  afterEach(async () => {
    for (const close of closing) await close();
    await redis.stop();
  });

  async function join(options: Parameters<typeof joinGroup>[1] = {}, url = redis.url) {
    const offset: string[] = [];
    const broadcast = (what: string) => void offset.push(what);
    const one = await joinGroup(url, {
      ...options,
      handlers: {
        onPurge: ({ project = '*', operation = '*', soft }) =>
          broadcast(`purge ${project} ${operation} ${soft}`),
        onDoubt: () => broadcast('doubt'),
        onGap: () => broadcast('gap'),
        onNews: broadcast,
        ...options.handlers,
      },
    });
    closing.push(() => one.group.close());
    return { ...one, offset };
  }

  test('receive each other’s purges within a second, once, and not their own', async () => {
    const [one, two] = [await join(), await join()];
    one.group.broadcastPurge({ project: 'a', soft: false });
    two.group.broadcastPurge({ operation: 'o', soft: true });
    await expect.poll(() => two.offset, SECOND).toEqual(['purge a * false']);
    await expect.poll(() => one.offset, SECOND).toEqual(['purge * o true']);
    await expect.poll(() => one.group.isSynced(), SECOND).toBe(true);
    const { epoch } = one.group;
    await expect.poll(() => two.group.epoch, SECOND).toBe(epoch);
    expect(one.group.isPurgedSince('a', 'x', 0)).toBe(true);
    expect(one.group.isPurgedSince('b', 'x', 0)).toBe(false);
    expect(one.group.isPurgedSince('b', 'o', 0)).toBe(true);
    expect(one.group.isPurgedSince('a', 'x', epoch)).toBe(false);
  });

  test('use no shared values until their own purge is confirmed', async () => {
    const one = await join();
    expect(await one.group.isSynced()).toBe(true);
    redis.stall();
    one.group.broadcastPurge({ soft: false });
    expect(await one.group.isSynced()).toBe(false);
    redis.resume();
    await expect.poll(() => one.group.isSynced(), { timeout: 5_000 }).toBe(true);
  });

  test('receive the purges that they missed when they reconnect', async () => {
    const between = await startSlowness(redis.port);
    closing.push(async () => between.close());
    const away = await join({}, `redis://127.0.0.1:${between.port}`);
    const one = await join();
    between.stalled = true;
    one.group.broadcastPurge({ project: 'a', soft: false });
    await expect.poll(() => one.group.isSynced(), SECOND).toBe(true);
    expect(away.offset).toEqual([]);
    between.stalled = false;
    await expect.poll(() => away.offset, { timeout: 10_000 }).toEqual(['purge a * false']);
  });

  test('invalidate everything if they missed more purges than the log contains', async () => {
    const one = await join();
    redis.cli('HINCRBY', redis.cli('KEYS', '*:control'), 'sequence', '3');
    await expect.poll(() => one.offset, { timeout: 2_000 }).toEqual(['gap']);
    expect(one.group.isPurgedSince('any', 'thing', one.group.epoch - 1)).toBe(true);
  });

  test('restore the counters after the engine has lost its data, and send their recent purges again', async () => {
    const [one, two] = [await join(), await join()];
    one.group.broadcastPurge({ project: 'a', soft: false });
    await expect.poll(() => two.offset, SECOND).toEqual(['purge a * false']);
    await expect.poll(() => one.group.isSynced(), SECOND).toBe(true);
    const name = one.group.keyFor('list', 'x');
    redis.cli('FLUSHALL');
    await expect.poll(() => redis.cli('KEYS', '*:purges'), { timeout: 3_000 }).not.toBe('');
    // The purge is in the log for gateways that start later; a gateway that has applied it does not purge again.
    expect([...one.offset, ...two.offset]).toEqual(['purge a * false']);
    await expect.poll(() => one.group.isSynced(), SECOND).toBe(true);
    await expect.poll(() => two.group.epoch, SECOND).toBe(one.group.epoch);
    expect([one.group.keyFor('list', 'x'), two.group.keyFor('list', 'x')]).toEqual([name, name]);
    const late = await join();
    expect(late.group.keyFor('list', 'x')).toBe(name);
    expect(late.group.isPurgedSince('a', 'x', one.group.epoch - 1)).toBe(true);
  });

  test('never issue a sequence number twice if the engine comes back with an older state', async () => {
    const one = await join();
    for (const project of ['a', 'b', 'c']) one.group.broadcastPurge({ project, soft: false });
    await expect.poll(() => one.group.isSynced(), SECOND).toBe(true);
    const before = one.group.epoch;
    redis.cli('HSET', redis.cli('KEYS', '*:control'), 'sequence', String(before - 2));
    redis.cli('DEL', redis.cli('KEYS', '*:purges'));
    const two = await join();
    await expect.poll(() => two.group.epoch, { timeout: 3_000 }).toBeGreaterThanOrEqual(before);
    await expect.poll(() => one.group.isSynced(), { timeout: 3_000 }).toBe(true);
    await expect.poll(() => two.group.epoch, SECOND).toBe(one.group.epoch);
    expect(one.group.isPurgedSince('c', 'x', before - 1)).toBe(true);
    expect(two.group.isPurgedSince('c', 'x', before - 1)).toBe(true);
  });

  test('retain their key names during a three-step key rotation, and share none with a gateway that has another key', async () => {
    const [first, second] = ['the first key of a test, which is long', 'the second key of a test, also long'];
    const old = await join({ encryptionKey: first });
    const preparing = await join({ encryptionKey: first, otherKey: second });
    const changing = await join({ encryptionKey: second, otherKey: first });
    const notifyChanged = await join({ encryptionKey: second });
    const name = old.group.keyFor('list', 'x');
    for (const one of [preparing, changing, notifyChanged]) expect(one.group.keyFor('list', 'x')).toBe(name);
    const unauthenticated = await join({ encryptionKey: 'a key that nobody else has, long enough' });
    expect(unauthenticated.group.keyFor('list', 'x')).not.toBe(name);
    changing.group.broadcastPurge({ project: 'a', soft: true });
    await expect.poll(() => preparing.offset, SECOND).toEqual(['purge a * true']);
    // An unreadable purge may have covered anything.
    await expect.poll(() => unauthenticated.offset, SECOND).toEqual(['gap']);
  });

  test('recover from a damaged secret', async () => {
    const one = await join();
    const control = redis.cli('KEYS', '*:control');
    redis.cli('HSET', control, one.seal.keyIds.current, 'damaged');
    await expect
      .poll(() => redis.cli('HGET', control, one.seal.keyIds.current), { timeout: 2_000 })
      .not.toBe('damaged');
    const two = await join();
    expect(two.group.keyFor('list', 'x')).toBe(one.group.keyFor('list', 'x'));
  });

  test('receive news within a second, and lasting news also if they join later', async () => {
    const [one, two] = [await join(), await join()];
    one.group.broadcast({ type: 'passing', text: 'used once', subject: 'one', summary: 'too many' });
    one.group.broadcast({ type: 'lasting', text: 'revoked for long', until: Date.now() + 60_000 });
    await expect.poll(() => two.offset, SECOND).toEqual(['revoked for long', 'used once']);
    const late = await join();
    expect(late.offset).toEqual(['revoked for long']);
    expect(one.offset).toEqual([]);
  });

  test('together stay within one bucket, except for what they draw before the next exchange', async () => {
    const gateways = [await join(), await join(), await join()];
    const atlas: Send = async () => ({ type: 'answered', status: 200, headers: {}, body: Buffer.from('{}') });
    const sends = gateways.map(({ budget }) => budget.limit('one')(atlas));
    const draw = (index: number, cost: number) =>
      sends[index]?.({
        operation: 'listThings',
        target: '/',
        accept: 'json',
        deadlineAt: performance.now(),
        priority: 'foreground',
        endpointSet: STREAMS,
        scope: 'project',
        reservation: createReservation(),
        cost,
      });
    const bucketOf = (index: number) =>
      gateways[index]?.budget.remaining().find(({ endpointSet }) => endpointSet === STREAMS);
    const levels = () => [0, 1, 2].map((index) => bucketOf(index)?.remaining ?? Number.NaN);
    for (const index of [0, 1, 2]) await draw(index, 10);
    const capacity = bucketOf(0)?.capacity ?? 0;
    await draw(0, capacity / 2);
    // Gateways that drew nothing receive the level as well.
    await expect.poll(() => Math.max(...levels()), { timeout: 3_000 }).toBeLessThan(capacity / 2);
    let spent = capacity / 2 + 30;
    for (let turn = 0; turn < 60; turn++) {
      const answer = await draw(turn % 3, capacity / 10);
      if (answer?.type === 'answered') spent += capacity / 10;
      if (turn % 3 === 2)
        await new Promise((resolve) => gateways[0]?.clock.after(50, () => resolve(undefined)));
    }
    // Without sharing, each would have used a whole bucket.
    expect(spent).toBeGreaterThan(capacity * 0.9);
    expect(spent).toBeLessThan(capacity * 2);
    await expect.poll(() => Math.max(...levels()), { timeout: 3_000 }).toBeLessThan(capacity / 4);
  });
});
