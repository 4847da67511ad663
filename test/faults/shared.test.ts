import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSystemRandom } from '../../src/lib/random.ts';
import { createSeal } from '../../src/lib/sealed-box.ts';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { digestAnswer, testKey } from '../support/caller-keys.ts';
import {
  ENCRYPTION_KEY,
  hasRedis,
  type Redis,
  type Slowness,
  startRedis,
  startSlowness,
} from '../support/redis.ts';
import { asAtlas, ask, json, linksOf, type Running, startGateway } from '../support/running.ts';

const { empty, ledger, orders, payments, search, single } = SAMPLE_PROJECTS;
const PUBLIC_URL = 'http://gateway.test';
const KEY = testKey(1);

describe.skipIf(!hasRedis)('the shared tier', () => {
  let redis: Redis;
  let between: Slowness;
  let one: Running;
  let two: Running;

  /** Gateways in front of one simulated Atlas, that of the first gateway. */
  const start = (origin?: string, cache: Record<string, unknown> = {}) =>
    startGateway({
      ...(origin === undefined ? {} : { origin }),
      files: { url: `redis://127.0.0.1:${between.port}`, key: ENCRYPTION_KEY, ha1: KEY.ha1 },
      config: {
        listen: { port: 0, publicUrl: PUBLIC_URL },
        upstream: { origin, timeout: '3s' },
        callers: [
          { name: 'team', keys: [{ id: KEY.id, sha256: KEY.sha256, ha1: { file: 'ha1' } }], projects: 'all' },
        ],
        cache: { shared: { url: { file: 'url' }, encryptionKey: { file: 'key' } }, ...cache },
      },
    });
  beforeEach(async () => {
    redis = await startRedis();
    between = await startSlowness(redis.port);
    // The simulator's own gateway is the first; its configuration names the simulator's address only once it is known.
    const atlas = await startGateway();
    one = await start(atlas.atlas);
    two = await start(atlas.atlas);
    simulated = atlas;
  });
  let simulated: Running;
  afterEach(async () => {
    await Promise.all([one, two].map((gateway) => gateway.stop()));
    await simulated.stop();
    between.close();
    redis.resume();
    await redis.stop();
  });

  const lists = () => simulated.upstream();
  const timed = async (gateway: Running, path: string) => {
    const begunAt = performance.now();
    const reply = await gateway.get(path);
    return { ...reply, tookMs: performance.now() - begunAt };
  };
  const metric = async (gateway: Running, name: string) =>
    (await ask(gateway.admin, '/metrics')).text.split('\n').filter((line) => line.startsWith(name));
  const stored = () => redis.cli('KEYS', '*:value').split('\n').filter(Boolean);
  /** The token is stored as well, before a test looks at lists. */
  async function warm(): Promise<void> {
    await one.get(linksOf(empty));
    await expect.poll(stored).toHaveLength(2);
    simulated.simulator.clearRequests();
  }
  /** Waits until one more value is stored, and returns its key. */
  async function storedAfter(act: () => Promise<unknown>): Promise<string> {
    const before = new Set(stored());
    await act();
    let added: string[] = [];
    await expect
      .poll(() => {
        added = stored().filter((key) => !before.has(key));
        return added.length;
      })
      .toBe(1);
    return added[0] ?? '';
  }
  const right = async (reply: { text: string }, path: string) =>
    expect(asAtlas(reply.text, PUBLIC_URL)).toBe((await simulated.atlasGet(path)).text);

  test('61: down, stalled and 200 ms slow → answered within the deadline, from memory or Atlas', async () => {
    expect((await one.get(linksOf(orders))).status).toBe(200);
    const set = (slowness: Partial<Slowness>) => void Object.assign(between, slowness);
    const troubles: [string, () => void | Promise<void>, () => void | Promise<void>][] = [
      [linksOf(empty), () => set({ delayMs: 200 }), () => set({ delayMs: 0 })],
      [linksOf(single), redis.stall, redis.resume],
      [linksOf(search), () => set({ stalled: true }), () => set({ stalled: false })],
      [linksOf(ledger), redis.kill, redis.restart],
    ];
    for (const [cold, begin, end] of troubles) {
      await begin();
      const times: number[] = [];
      for (let turn = 0; turn < 3; turn++) {
        const { status, headers, tookMs } = await timed(one, linksOf(orders));
        expect([status, headers['cache-status']]).toEqual([200, expect.stringContaining('; hit;')]);
        times.push(tookMs);
      }
      // On a busy machine one request may be late; waiting for the tier would delay all of them.
      expect(Math.min(...times)).toBeLessThan(100);
      for (const gateway of [one, two]) {
        const miss = await timed(gateway, cold);
        expect(miss.status).toBe(200);
        expect(miss.tookMs).toBeLessThan(1_500);
        await right(miss, cold);
      }
      await end();
      await expect
        .poll(() => metric(one, 'atlas_gateway_shared_connected'), { timeout: 12_000, interval: 100 })
        .toEqual(['atlas_gateway_shared_connected 1']);
    }
    const told = one.logLines.filter((line) => line.includes('"shared cache"'));
    expect(told.length).toBeGreaterThan(1);
    expect(told.length).toBeLessThan(20);
    expect(one.logLines.join()).not.toContain(ENCRYPTION_KEY);
  }, 60_000);

  test('62: corrupt, old, foreign, moved and wrongly encrypted values → a miss, and removed', async () => {
    const path = linksOf(orders);
    await warm();
    const key = await storedAfter(() => one.get(path));
    const other = await storedAfter(() => one.get(linksOf(single)));
    const read = (name: string) => Buffer.from(redis.cli('--no-raw', 'DUMP', name));
    expect(read(key).includes(orders.id)).toBe(false);
    expect(redis.cli('KEYS', '*')).not.toContain(orders.id);
    const foreign = createSeal(
      {
        encryptionKey: 'another key, which is as long as it has to be',
        otherKey: undefined,
        maxBytes: 1_000_000,
      },
      { random: createSystemRandom() },
    );
    const wrongly = (await foreign.seal(key.replace(/^.*\{|\}.*$/g, ''), Buffer.from('{}'))).toString(
      'latin1',
    );
    const spoil: (() => void)[] = [
      () => redis.cli('SETRANGE', key, '40', 'XX'),
      () => redis.cli('SETRANGE', key, '0', '\x02'),
      () => redis.cli('SET', key, 'foreign'),
      () => redis.cli('COPY', other, key, 'REPLACE'),
      () => redis.cli('SET', key, wrongly.replaceAll('\0', '')),
      () => redis.cli('SET', key, ''.padEnd(100_000, 'x')),
    ];
    let third = await start(simulated.atlas);
    try {
      for (const act of spoil) {
        await third.stop();
        third = await start(simulated.atlas);
        expect(stored()).toContain(key);
        act();
        // While Atlas fails, no new value replaces the removed one.
        simulated.simulator.faults.add({ target: 'privateLink', status: 400 });
        expect((await third.get(path)).status).toBe(400);
        await expect.poll(stored).not.toContain(key);
        simulated.simulator.faults.clear();
        // Errors are cached briefly; no-cache forces a new attempt.
        const asked = lists().length;
        const reply = await third.get(path, { 'cache-control': 'no-cache' });
        expect(reply.status).toBe(200);
        expect(lists().length).toBe(asked + 1);
        await right(reply, path);
        await expect.poll(stored).toContain(key);
      }
    } finally {
      await third.stop();
    }
  }, 60_000);

  test('63: full, read-only, emptied, failing over → no 5xx, and sharing resumes afterwards', async () => {
    const troubles: [() => unknown, () => unknown][] = [
      [
        () => redis.cli('CONFIG', 'SET', 'maxmemory', '1'),
        () => redis.cli('CONFIG', 'SET', 'maxmemory', '0'),
      ],
      [() => redis.cli('REPLICAOF', '127.0.0.1', '1'), () => redis.cli('REPLICAOF', 'NO', 'ONE')],
      [() => redis.cli('FLUSHALL'), () => undefined],
      [() => redis.cli('SCRIPT', 'FLUSH'), () => undefined],
      [redis.kill, redis.restart],
      [
        () => {
          redis.cli('CONFIG', 'SET', 'requirepass', 'changed');
          redis.cli('-a', 'changed', 'CLIENT', 'KILL', 'TYPE', 'normal');
        },
        () => redis.cli('-a', 'changed', 'CONFIG', 'SET', 'requirepass', ''),
      ],
    ];
    const projects = [empty, single, search, ledger, orders, payments];
    for (const [index, [begin, end]] of troubles.entries()) {
      const path = linksOf(projects[index] ?? orders);
      await begin();
      for (const gateway of [one, two, one]) {
        const reply = await timed(gateway, path);
        expect(reply.status).toBe(200);
        expect(reply.tookMs).toBeLessThan(1_500);
        await right(reply, path);
      }
      await end();
      await expect
        .poll(() => metric(one, 'atlas_gateway_shared_connected'), { timeout: 12_000, interval: 100 })
        .toEqual(['atlas_gateway_shared_connected 1']);
    }
    await expect
      .poll(() => metric(two, 'atlas_gateway_shared_connected'), { timeout: 12_000 })
      .toEqual(['atlas_gateway_shared_connected 1']);
    const asked = lists().length;
    const path = linksOf(orders, '?pageNum=1');
    for (const gateway of [one, two])
      await ask(gateway.admin, '/cache/purge', { method: 'POST', body: '{}' });
    await expect
      .poll(
        async () => {
          await one.get(path);
          await two.get(path);
          return metric(two, 'atlas_gateway_shared_requests_total{operation="lease",outcome="hit"}').then(
            (lines) => lines.length,
          );
        },
        { timeout: 5_000 },
      )
      .toBe(1);
    expect(lists().length).toBeGreaterThan(asked);
  }, 60_000);

  test('64: two gateways, one cold list → one upstream request and one token in total; a purge at one applies to the other', async () => {
    // Well below the 300 ms after which a gateway without the lease requests its callers' page itself.
    simulated.simulator.faults.add({ target: 'privateLink', delayMs: 50 });
    const path = linksOf(orders);
    const cold = await Promise.all(
      Array.from({ length: 100 }, (_none, index) => (index % 2 === 0 ? one : two).get(path)),
    );
    expect(lists()).toHaveLength(1);
    expect(simulated.tokenRequests()).toBe(1);
    expect(new Set(cold.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(cold.map(({ text }) => text)).size).toBe(1);
    const statuses = new Set(cold.map(({ headers }) => headers['cache-status']));
    expect([...statuses].some((status) => status?.endsWith('detail=shared'))).toBe(true);
    simulated.simulator.faults.clear();
    for (const reply of cold.slice(0, 2)) await right(reply, path);
    simulated.simulator.clearRequests();

    const { world } = simulated.simulator;
    world.replace(path, []);
    expect(json(await two.get(path)).totalCount).toBe(42);
    const scope = JSON.stringify({ project: orders.id });
    await ask(one.admin, '/cache/purge', { method: 'POST', body: scope });
    expect(json(await one.get(path)).totalCount).toBe(0);
    await expect.poll(async () => json(await two.get(path)).totalCount, { timeout: 1_000 }).toBe(0);
    expect(lists()).toHaveLength(1);
  });

  test('64: a cold page that takes longer than 300 ms → two upstream requests at most, and neither gateway waits for the other', async () => {
    await warm();
    await two.get(linksOf(empty));
    simulated.simulator.faults.add({ target: 'privateLink', delayMs: 700 });
    const cold = await Promise.all(
      Array.from({ length: 20 }, (_none, index) => timed(index % 2 === 0 ? one : two, linksOf(orders))),
    );
    expect(new Set(cold.map(({ status }) => status))).toEqual(new Set([200]));
    expect(Math.max(...cold.map(({ tookMs }) => tookMs))).toBeLessThan(2_000);
    expect(lists().length).toBeLessThanOrEqual(2);
  });

  test('64: a long list whose walk outlives a lease → one walk, and callers of both gateways are answered on the way', async () => {
    const path = linksOf(orders);
    await warm();
    await two.get(linksOf(empty));
    const all = Array.from({ length: 9_900 }, (_none, index) => ({
      _id: index.toString(16).padStart(24, '0'),
    }));
    simulated.simulator.world.replace(path, all);
    simulated.simulator.faults.add({ target: 'privateLink', delayMs: 800 });
    const first = await timed(one, `${path}?pageNum=99`);
    const second = await timed(two, `${path}?pageNum=50`);
    for (const { status, headers, tookMs } of [first, second]) {
      expect([status, headers['cache-status']]).toEqual([200, expect.stringContaining('detail=partial')]);
      expect(tookMs).toBeLessThan(2_500);
    }
    const hit = async (gateway: Running) =>
      (await gateway.get(path, { 'cache-control': 'only-if-cached' })).status;
    for (const gateway of [one, two])
      await expect.poll(() => hit(gateway), { timeout: 15_000, interval: 100 }).toBe(200);
    // The 21 overlapping pages of a walk are smaller from page to page.
    const walked = lists().filter((target) => Number(/itemsPerPage=(\d+)/.exec(target)?.[1]) >= 480);
    // On a slow machine the list may be refreshed before both gateways hold it.
    expect(new Set(walked.slice(0, 21)).size).toBe(21);
    expect(lists().length).toBeLessThanOrEqual(25);
  }, 30_000);

  test('64: a token is issued by one gateway, accepted by the other, and revoked for both within a second', async () => {
    const headers = { authorization: KEY.basic };
    const traded = await ask(one.origin, '/api/oauth/token', {
      method: 'POST',
      headers,
      body: 'grant_type=client_credentials',
    });
    const { access_token: token }: { access_token: string } = JSON.parse(traded.text);
    const use = (gateway: Running) => gateway.get(linksOf(orders), { authorization: `Bearer ${token}` });
    expect((await use(two)).status).toBe(200);
    await ask(one.origin, '/api/oauth/revoke', { method: 'POST', headers, body: `token=${token}` });
    expect((await use(one)).status).toBe(401);
    await expect.poll(async () => (await use(two)).status, { timeout: 1_000 }).toBe(401);
    // Also for a gateway that comes later.
    const late = await start(simulated.atlas);
    expect((await use(late)).status).toBe(401);
    await late.stop();
  });

  test('64: a digest nonce of one gateway is valid at the other, and each count only once', async () => {
    const path = linksOf(orders);
    const challenge = await one.get(path, { authorization: 'Digest nonsense' });
    const authorize = (count: number) => ({
      authorization: digestAnswer(challenge.headers['www-authenticate'] ?? '', KEY, path, count),
    });
    expect((await two.get(path, authorize(1))).status).toBe(200);
    expect((await one.get(path, authorize(2))).status).toBe(200);
    await expect.poll(async () => (await one.get(path, authorize(1))).status, { timeout: 1_000 }).toBe(401);
    expect((await two.get(path, authorize(3))).status).toBe(200);
  });

  test('a gateway that starts while Atlas fails serves lists cached by the others', async () => {
    const path = linksOf(orders);
    await warm();
    await storedAfter(() => one.get(path));
    simulated.simulator.faults.add({ target: 'privateLink', wire: 'reset' });
    const late = await start(simulated.atlas, { fresh: '1ms', staleWhileRevalidate: '1ms' });
    const reply = await late.get(path);
    expect([reply.status, reply.headers['cache-status']]).toEqual([
      200,
      expect.stringContaining('fwd=miss; stored'),
    ]);
    simulated.simulator.faults.clear();
    await right(reply, path);
    await late.stop();
  });

  test('only-if-cached is answered with a list cached by another gateway, and with 504 if none has it', async () => {
    const headers = { 'cache-control': 'only-if-cached' };
    expect((await two.get(linksOf(orders), headers)).status).toBe(504);
    await warm();
    await storedAfter(() => one.get(linksOf(orders)));
    const reply = await two.get(linksOf(orders), headers);
    expect([reply.status, reply.headers['cache-status']]).toEqual([
      200,
      expect.stringContaining('detail=shared'),
    ]);
    expect(lists()).toHaveLength(1);
  });

  test('no-cache loads from Atlas even if others have the list cached, and shares the result', async () => {
    const path = linksOf(orders);
    await warm();
    const key = await storedAfter(() => one.get(path));
    const before = redis.cli('STRLEN', key);
    simulated.simulator.world.replace(path, []);
    expect(json(await two.get(path, { 'cache-control': 'no-cache' })).totalCount).toBe(0);
    expect(lists()).toHaveLength(2);
    await expect.poll(() => redis.cli('STRLEN', key)).not.toBe(before);
    const late = await start(simulated.atlas);
    expect(json(await late.get(path)).totalCount).toBe(0);
    expect(lists()).toHaveLength(2);
    await late.stop();
  });
});
