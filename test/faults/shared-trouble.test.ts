import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createOutbox, type News } from '../../src/cluster/outbox.ts';
import { MAX_COUNT, readLevel } from '../../src/cluster/wire-schemas.ts';
import { createSharedAccess } from '../../src/gateway/auth/cluster-auth.ts';
import { createNonceStore } from '../../src/gateway/auth/digest-auth.ts';
import type { CallerKeys } from '../../src/gateway/auth/key-auth.ts';
import { createTokens } from '../../src/gateway/auth/token-service.ts';
import { createSystemClock } from '../../src/lib/clock.ts';
import { createSystemRandom } from '../../src/lib/random.ts';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import type { Budget } from '../../src/upstream/budget/budget.ts';
import type { Send } from '../../src/upstream/message.ts';
import { testKey } from '../support/caller-keys.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { ENCRYPTION_KEY, hasRedis, joinGroup, type Redis, startRedis } from '../support/redis.ts';
import { ask, linksOf, startGateway } from '../support/running.ts';

const DIGEST_USES = 5_000;
const HOUR_MS = 3_600_000;
const SOON = { timeout: 8_000, interval: 20 };
const random = createSystemRandom();
const key = testKey(1);
const other = testKey(2);
const entryOf = (name: string, { id, sha256 }: { id: string; sha256: string }): CallerKeys => ({
  caller: { name, projects: 'all', organizations: 'all', operations: new Set(['lists']) },
  keys: [{ id, sha256: Buffer.from(sha256, 'hex') }],
});
const callers = [entryOf('team', key), entryOf('other', other)];
const GRANT = new URLSearchParams({ grant_type: 'client_credentials' });

/** Acquires tokens from one bucket, and returns its level. */
function drawing(limited: Send, budget: Budget) {
  return {
    send: () =>
      limited({
        operation: 'listThings',
        target: '/',
        accept: 'json',
        deadlineAt: performance.now(),
        priority: 'foreground',
        endpointSet: 'streams',
        scope: 'project',
      }),
    left: () => budget.remaining()[0]?.remaining,
  };
}

/** The token service of one gateway, as callers use it. */
function useTokens(tokens: ReturnType<typeof createTokens>) {
  tokens.replaceKeys(callers);
  return {
    async issue({ basic } = key): Promise<string> {
      const { body } = await tokens.issue(basic, GRANT);
      return String(body?.['access_token']);
    },
    revoke: async (token: string, { basic } = key) =>
      (await tokens.revoke(basic, new URLSearchParams({ token }))).status,
    present: async (token: string) =>
      (await tokens.scheme(`Bearer ${token}`, { method: 'GET', target: '/' }))?.type,
  };
}

describe.skipIf(!hasRedis)('the shared tier in trouble', () => {
  let redis: Redis;
  let closing: (() => Promise<unknown>)[];
  beforeEach(async () => {
    redis = await startRedis();
    closing = [];
  });
  afterEach(async () => {
    for (const close of closing.toReversed()) await close();
    await redis.stop();
  });

  /** The authentication state of a gateway that has joined the cluster. */
  async function joinWithAccess() {
    const clock = createSystemClock();
    let broadcast: (news: News) => void = () => undefined;
    const access = createSharedAccess(
      { encryptionKey: ENCRYPTION_KEY, otherKey: undefined },
      { broadcast: (news) => broadcast(news) },
    );
    const nonceStore = createNonceStore({ clock, random, shared: access.nonces });
    const tokens = createTokens(access.tokens, { clock, random });
    const { group, engine, budget } = await joinGroup(redis.url, {
      handlers: {
        onNews: (news) => access.apply(news, { nonceStore, tokens }),
        onMissedNews: () => nonceStore.expireOlder(),
      },
    });
    broadcast = group.broadcast;
    closing.push(() => group.close());
    return { group, engine, budget, nonceStore, ...useTokens(tokens) };
  }

  async function join(options: Parameters<typeof joinGroup>[1] = {}) {
    const offset: string[] = [];
    const joined = await joinGroup(redis.url, {
      ...options,
      handlers: {
        onPurge: ({ project = '*', soft }) => void offset.push(`purge ${project} ${soft ? 'soft' : 'hard'}`),
        onDoubt: () => void offset.push('doubt'),
        onGap: () => void offset.push('gap'),
      },
    });
    closing.push(() => joined.group.close());
    const asked = (operation: string) =>
      joined.events.filter((event) => 'operation' in event && event.operation === operation).length;
    return { ...joined, offset, asked };
  }

  const pause = (ms: number) =>
    new Promise<void>((resolve) => void createSystemClock().after(ms, () => resolve()));
  const control = () => redis.cli('KEYS', '*:control');

  describe('revocations', () => {
    test('86: a token revoked while Redis is away, followed by 5 000 digest uses, is refused everywhere once it is back', async () => {
      const [one, two] = [await joinWithAccess(), await joinWithAccess()];
      const [revoked, good] = [await one.issue(), await one.issue()];
      const [busy, quiet] = [one.nonceStore.issue(), one.nonceStore.issue()];
      expect(await two.present(revoked)).toBe('caller');
      await redis.kill();
      await expect.poll(() => one.engine.connected, SOON).toBe(false);
      expect(await one.revoke(revoked)).toBe(200);
      for (let count = 1; count < DIGEST_USES; count++) one.nonceStore.use(key.id, busy, count);
      one.nonceStore.use(other.id, quiet, 1);
      await redis.restart();
      await expect.poll(() => two.present(revoked), { timeout: 20_000 }).toBe('unauthenticated');
      expect(await two.present(good)).toBe('caller');
      // Nonces that could not be reported expire instead, so that no count can be reused at another gateway.
      await expect.poll(() => two.nonceStore.check(key.id, busy), SOON).toBe('ended');
      const late = await joinWithAccess();
      expect(await late.present(revoked)).toBe('unauthenticated');
      expect(await late.present(good)).toBe('caller');
    }, 40_000);

    test('86: a revocation that Redis received and then lost reaches gateways that start later', async () => {
      const [one, two] = [await joinWithAccess(), await joinWithAccess()];
      const token = await one.issue();
      await one.revoke(token);
      await expect.poll(() => two.present(token), SOON).toBe('unauthenticated');
      redis.cli('FLUSHALL');
      await expect.poll(() => redis.cli('KEYS', '*:lasting'), SOON).not.toBe('');
      const late = await joinWithAccess();
      expect(await late.present(token)).toBe('unauthenticated');
    });

    test('86: a Redis restored with older counters receives revocations again', async () => {
      const [one, two] = [await joinWithAccess(), await joinWithAccess()];
      const token = await one.issue();
      await one.revoke(token);
      await expect.poll(() => two.present(token), SOON).toBe('unauthenticated');
      redis.cli('DEL', redis.cli('KEYS', '*:lasting'));
      redis.cli('HSET', control(), 'news', '0');
      await expect.poll(() => redis.cli('KEYS', '*:lasting'), SOON).not.toBe('');
    });

    test('86: revocations that could not be read at startup are read as soon as possible', async () => {
      const one = await joinWithAccess();
      const token = await one.issue();
      await one.revoke(token);
      await expect.poll(() => redis.cli('KEYS', '*:lasting'), SOON).not.toBe('');
      redis.cli('ACL', 'SETUSER', 'default', 'resetkeys', '~*:control', '~*:purges', '~*:news');
      const late = await joinWithAccess();
      expect(await late.present(token)).toBe('caller');
      expect(await late.group.isSynced()).toBe(false);
      redis.cli('ACL', 'SETUSER', 'default', 'allkeys');
      await expect.poll(() => late.present(token), { timeout: 20_000 }).toBe('unauthenticated');
      await expect.poll(() => late.group.isSynced(), SOON).toBe(true);
    }, 30_000);
  });

  describe('leases and values', () => {
    const load = async (gateway: Awaited<ReturnType<typeof join>>, waitMs = 10_000) => {
      const begunAt = gateway.clock.now();
      const value = await gateway.values.getOrLoad<string>({
        name: 'name',
        waitUntil: begunAt + waitMs,
        accept: (plain) => plain.toString(),
        load: async () => 'loaded',
        toStore: (loaded) => ({ plain: Buffer.from(loaded), lifeMs: 60_000 }),
      });
      return { value, tookMs: gateway.clock.now() - begunAt };
    };
    const LEASE = 'agw1:{name}:lease';
    const foreign: [string, () => void][] = [
      ['without expiry', () => redis.cli('SET', LEASE, 'foreign')],
      ['that lasts a year', () => redis.cli('SET', LEASE, 'foreign', 'EX', '31536000')],
      ['of another type', () => redis.cli('LPUSH', LEASE, 'foreign')],
    ];
    for (const [what, write] of foreign) {
      test(`93: a lease ${what} is free after a lease's time, without a busy loop`, async () => {
        const gateway = await join();
        write();
        const { value, tookMs } = await load(gateway);
        expect(value).toBe('loaded');
        expect(tookMs).toBeLessThan(4_500);
        expect(gateway.asked('lease')).toBeLessThan(40);
        await expect.poll(() => gateway.values.read('name').then(String), SOON).toBe('loaded');
      });
    }

    test('93: a value of another type is a miss and is replaced', async () => {
      const gateway = await join();
      redis.cli('LPUSH', 'agw1:{name}:value', 'foreign');
      expect((await load(gateway)).value).toBe('loaded');
      await expect.poll(() => gateway.values.read('name').then(String), SOON).toBe('loaded');
    });

    test('93: forged notifications do not cause waiting requests to poll in a loop', async () => {
      const gateway = await join();
      redis.cli('SET', LEASE, 'foreign', 'PX', '3000');
      const waiting = load(gateway);
      const { channel } = gateway.group;
      for (let turn = 0; turn < 100; turn++) {
        redis.cli('PUBLISH', channel, 'name');
        await pause(5);
      }
      expect((await waiting).value).toBe('loaded');
      expect(gateway.asked('lease')).toBeLessThan(40);
    });
  });

  describe('counters and messages', () => {
    const works = async (one: Awaited<ReturnType<typeof join>>, two: Awaited<ReturnType<typeof join>>) => {
      const before = two.offset.length;
      one.group.broadcastPurge({ project: 'afterwards', soft: true });
      await expect.poll(() => two.offset.slice(before), SOON).toContain('purge afterwards soft');
      await expect.poll(() => one.group.isSynced(), SOON).toBe(true);
      await expect.poll(() => two.group.isSynced(), SOON).toBe(true);
    };
    const hard = ({ offset }: { offset: readonly string[] }) =>
      offset.filter((what) => what.endsWith('hard'));

    const epochs = [
      'nonsense',
      '-5',
      '1.5',
      '1e9',
      '0x10',
      '007',
      '',
      '5',
      '1000000',
      '99999999999',
      '99999999999999999999',
      '9'.repeat(400),
    ];
    for (const epoch of epochs) {
      const shown = epoch.length > 30 ? `of ${epoch.length} digits` : `'${epoch}'`;
      test(`93: a forged sequence number ${shown} causes no hard purge, and sharing continues`, async () => {
        const [one, two] = [await join(), await join()];
        for (const project of ['a', 'b', 'c']) one.group.broadcastPurge({ project, soft: false });
        await expect.poll(() => two.offset, SOON).toHaveLength(3);
        redis.cli('HSET', control(), 'sequence', epoch);
        const joins = one.asked('join') + two.asked('join');
        await works(one, two);
        expect(one.asked('join') + two.asked('join') - joins).toBeLessThan(60);
        expect([...hard(one), ...hard(two)]).toEqual(['purge a hard', 'purge b hard', 'purge c hard']);
      });
    }

    test('93: a slightly increased sequence number does not repeat earlier purges', async () => {
      const [one, two] = [await join(), await join()];
      for (const project of ['a', 'b', 'c']) one.group.broadcastPurge({ project, soft: false });
      await expect.poll(() => two.offset, SOON).toHaveLength(3);
      redis.cli('HINCRBY', control(), 'sequence', '2');
      await expect.poll(() => two.group.epoch, SOON).toBe(5);
      expect([one.offset, two.offset.length]).toEqual([[], 3]);
      await works(one, two);
    });

    test('93: a forged broadcast counter is replaced, and broadcasts continue', async () => {
      const [one, two] = [await joinWithAccess(), await joinWithAccess()];
      for (const forged of ['nonsense', '-1', '5000', '9'.repeat(30)]) {
        redis.cli('HSET', control(), 'news', forged);
        const token = await one.issue();
        await one.revoke(token);
        await expect.poll(() => two.present(token), SOON).toBe('unauthenticated');
      }
    });

    test('93: forged purges cause at most one soft purge per interval, however many arrive', async () => {
      const gateway = await join();
      gateway.group.broadcastPurge({ project: 'own', soft: false });
      await expect.poll(() => gateway.group.isSynced(), SOON).toBe(true);
      for (let turn = 0; turn < 20; turn++) {
        redis.cli('LPUSH', redis.cli('KEYS', '*:purges'), 'foreign');
        redis.cli('HINCRBY', control(), 'sequence', '1');
        await pause(30);
      }
      const epoch = Number(redis.cli('HGET', control(), 'sequence'));
      await expect.poll(() => gateway.group.epoch, SOON).toBe(epoch);
      expect(gateway.offset).toEqual(['gap']);
    });

    test('93: foreign messages on the channel do not cause a join each, and purge nothing', async () => {
      const gateway = await join();
      const { channel } = gateway.group;
      const joins = gateway.asked('join');
      const burst = `for i = 1, 2000 do redis.call('PUBLISH', KEYS[1], i % 2 == 0 and '' or string.rep('x', i)) end`;
      for (let turn = 0; turn < 10; turn++) {
        redis.cli('EVAL', burst, '1', channel);
        await pause(50);
      }
      expect(gateway.asked('join') - joins).toBeLessThan(60);
      expect(gateway.offset).toEqual([]);
    });

    test('93: a full Redis restored with an older state is not polled in a loop', async () => {
      const gateway = await join();
      for (const project of ['a', 'b', 'c']) gateway.group.broadcastPurge({ project, soft: false });
      await expect.poll(() => gateway.group.isSynced(), SOON).toBe(true);
      redis.cli('HSET', control(), 'sequence', '1');
      redis.cli('CONFIG', 'SET', 'maxmemory', '1');
      const joins = gateway.asked('join');
      await pause(1_500);
      expect(gateway.asked('join') - joins).toBeLessThan(40);
      redis.cli('CONFIG', 'SET', 'maxmemory', '0');
      await expect.poll(() => gateway.group.isSynced(), SOON).toBe(true);
    });

    test('93: keys of another type are removed, and sharing continues', async () => {
      const [one, two] = [await join(), await join()];
      for (const name of ['purges', 'news', 'lasting', 'control']) {
        const place = control().replace(/control$/, name);
        redis.cli('EVAL', `redis.call('DEL', KEYS[1]) redis.call('SET', KEYS[1], 'foreign')`, '1', place);
        await works(one, two);
      }
      const [three, four] = [await joinWithAccess(), await joinWithAccess()];
      const token = await three.issue();
      await three.revoke(token);
      await expect.poll(() => four.present(token), SOON).toBe('unauthenticated');
    }, 30_000);

    test('93: an overwritten rate limit stops neither broadcasts nor the limit', async () => {
      const [one, two] = [await joinWithAccess(), await joinWithAccess()];
      const atlas: Send = async () => ({
        type: 'answered',
        status: 200,
        headers: {},
        body: Buffer.from('{}'),
      });
      const { send, left } = drawing(one.budget.limit('one')(atlas), one.budget);
      await send();
      await expect.poll(() => redis.cli('KEYS', '*:budget:*'), SOON).not.toBe('');
      const bucket = redis.cli('KEYS', '*:budget:*');
      const forgeries: [string, ...string[]][] = [
        ['HSET', bucket, 'tokens', 'nonsense', 'at', 'nonsense', 'paused', 'nonsense'],
        ['HSET', bucket, 'tokens', 'nan', 'at', 'inf', 'paused', 'nan'],
        ['EVAL', `redis.call('DEL', KEYS[1]) redis.call('SET', KEYS[1], 'foreign')`, '1', bucket],
      ];
      for (const forgery of forgeries) {
        redis.cli(...forgery);
        await send();
        const token = await one.issue();
        await one.revoke(token);
        await expect.poll(() => two.present(token), SOON).toBe('unauthenticated');
        await expect.poll(() => Number(redis.cli('HGET', bucket, 'tokens')), SOON).not.toBeNaN();
      }
      expect(left()).not.toBeNaN();
    });

    test('93: a forged rate limit level is clamped to the range of a bucket', () => {
      expect(readLevel(Buffer.from('12.5'), 20, 100)).toEqual({ tokens: 12.5, pauseMs: 20 });
      expect(readLevel(Buffer.from('-1e18'), -5, 100)).toEqual({ tokens: -100, pauseMs: 0 });
      expect(readLevel(Buffer.from('1e18'), 1e15, 100)).toEqual({ tokens: 100, pauseMs: 300_000 });
      for (const [tokens, pauseMs] of [
        ['nan', 0],
        ['inf', 0],
        ['x', 0],
        ['1', 'x'],
      ])
        expect(readLevel(tokens, pauseMs, 100)).toBeUndefined();
    });
  });

  test('93: a gateway whose shared tier was tampered with continues to serve its cache', async () => {
    const { orders } = SAMPLE_PROJECTS;
    const running = await startGateway({
      files: { url: redis.url, key: ENCRYPTION_KEY },
      config: {
        listen: { port: 0, publicUrl: 'http://gateway.test' },
        cache: { shared: { url: { file: 'url' }, encryptionKey: { file: 'key' } } },
      },
    });
    closing.push(() => running.stop());
    expect((await running.get(linksOf(orders))).status).toBe(200);
    running.simulator.faults.add({ target: 'privateLink', wire: 'reset' });
    const joined = async () =>
      /shared_requests_total\{operation="join",outcome="done"\} (\d+)/.exec(
        (await ask(running.admin, '/metrics')).text,
      )?.[1];
    for (const epoch of ['1000', 'nonsense', String(MAX_COUNT), '0']) {
      redis.cli('HSET', control(), 'sequence', epoch);
      const before = Number(await joined());
      await expect.poll(async () => Number(await joined()), SOON).toBeGreaterThan(before + 2);
      expect((await running.get(linksOf(orders))).status).toBe(200);
    }
  });
});

describe('the broadcast outbox', () => {
  const use = (count: number, subject = 'one'): News => ({
    type: 'passing',
    text: `used ${subject} ${count}`,
    subject,
    summary: `ended ${subject}`,
  });
  const revocation = (number: number, until: number): News => ({
    type: 'lasting',
    text: `revoked ${number}`,
    until,
  });

  test('86: transient messages never displace durable ones, and an overflow of one subject affects only that subject', () => {
    const clock = createFakeClock();
    const outbox = createOutbox(clock);
    for (let number = 0; number < 6_000; number++) outbox.add(revocation(number, clock.wall() + HOUR_MS));
    for (let count = 0; count < 50_000; count++) outbox.add(use(count));
    outbox.add(use(1, 'two'));
    const texts: string[] = [];
    for (let batch = outbox.take(); batch.length > 0; batch = outbox.take()) {
      expect(batch.length).toBeLessThanOrEqual(3_000);
      texts.push(...batch.map(({ text }) => text));
    }
    expect(texts.filter((text) => text.startsWith('revoked'))).toHaveLength(6_000);
    expect(texts.filter((text) => !text.startsWith('revoked'))).toEqual(['ended one', 'used two 1']);
  });

  test('86: an undelivered batch is sent again; durable messages are also resent after Redis lost them, until they expire', async () => {
    const clock = createFakeClock();
    const outbox = createOutbox(clock);
    outbox.add(revocation(1, clock.wall() + HOUR_MS));
    outbox.add(use(1));
    const batch = outbox.take();
    expect(batch).toHaveLength(2);
    expect(outbox.take()).toEqual([]);
    outbox.putBack(batch);
    expect(outbox.take()).toEqual(batch);
    outbox.sendLastingAgain();
    expect(outbox.take().map(({ text }) => text)).toEqual(['revoked 1']);
    await clock.advance(HOUR_MS);
    outbox.putBack(batch.slice(0, 1));
    outbox.sendLastingAgain();
    expect(outbox.take()).toEqual([]);
  });
});

describe('revoked tokens', () => {
  test('86: a revoked token is refused until it has expired, however many are revoked elsewhere', async () => {
    const clock = createFakeClock();
    const tokens = createTokens({ signingKey: random.bytes(32) }, { clock, random });
    const { issue, revoke, present } = useTokens(tokens);
    const token = await issue();
    expect(await revoke(token)).toBe(200);
    for (let number = 0; number < 100_001; number++) tokens.applyRevocation(`elsewhere-${number}`);
    expect(await present(token)).toBe('unauthenticated');
  });

  test('86: one key can revoke 5 000 tokens an hour, so that stored revocations are bounded per key', async () => {
    const clock = createFakeClock();
    const revocations: string[] = [];
    const tokens = createTokens(
      { signingKey: random.bytes(32), onRevoke: (tokenId) => void revocations.push(tokenId) },
      { clock, random },
    );
    const { issue, revoke, present } = useTokens(tokens);
    for (let number = 0; number < 5_000; number++) expect(await revoke(await issue())).toBe(200);
    const last = await issue();
    expect(await revoke(last)).toBe(429);
    expect(await present(last)).toBe('caller');
    expect(revocations).toHaveLength(5_000);
    expect(await revoke(await issue(other), other)).toBe(200);
    await clock.advance(HOUR_MS);
    expect(await revoke(await issue())).toBe(200);
  });
});
