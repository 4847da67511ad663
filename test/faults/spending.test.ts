import { afterEach, describe, expect, test } from 'vitest';
import { testKey } from '../support/caller-keys.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { ENCRYPTION_KEY, hasRedis, startRedis } from '../support/redis.ts';
import { json, linksOf, type Running, startGateway } from '../support/running.ts';

const LISTS = 50;
const SPEND = 5;
const FORCED_PER_MINUTE = 20;
const key = testKey(1);
const unlimited = testKey(2);
const projects = Array.from({ length: LISTS }, (_none, index) => ({
  id: `7b${index.toString(16).padStart(22, '0')}`,
  name: `spending-${index}`,
  orgId: '5f0a1b2c3d4e5f6071829301',
  connections: 3,
  visible: true,
}));
const [first = { id: '' }] = projects;
const everyList = projects.map((project) => linksOf(project));
const callers = (spend: number) => [
  {
    name: 'limited',
    keys: [{ id: key.id, sha256: key.sha256 }],
    projects: 'all',
    spend: { perMinute: spend },
  },
  { name: 'unlimited', keys: [{ id: unlimited.id, sha256: unlimited.sha256 }], projects: 'all' },
];
const as = { authorization: key.bearer };
const ways = [
  ['no-cache', { 'cache-control': 'no-cache' }],
  ['max-age=0', { 'cache-control': 'max-age=0' }],
  ['max-age=1', { 'cache-control': 'max-age=1' }],
  ['Pragma: no-cache', { pragma: 'no-cache' }],
] as const;

let closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.toReversed()) await close();
  closing = [];
});

async function start(spend: number, options: Parameters<typeof startGateway>[0] = {}): Promise<Running> {
  const running = await startGateway({
    simulator: { projects },
    ...options,
    config: { callers: callers(spend), anonymous: undefined, ...options.config },
  });
  closing.push(() => running.stop());
  return running;
}

/** A gateway with a separate Redis. */
async function startShared(spend: number): Promise<Running> {
  const redis = await startRedis();
  closing.push(redis.stop);
  return start(spend, {
    files: { url: redis.url, key: ENCRYPTION_KEY },
    config: {
      listen: { port: 0, publicUrl: 'http://gateway.test' },
      cache: { shared: { url: { file: 'url' }, encryptionKey: { file: 'key' } } },
    },
  });
}

const askAll = (running: Running, paths: readonly string[], headers: Record<string, string> = {}) =>
  Promise.all(paths.map((path) => running.get(path, { ...as, ...headers })));
const statusesOf = (replies: readonly { status: number }[]) => ({
  answered: replies.filter(({ status }) => status === 200).length,
  limited: replies.filter(({ status }) => status === 429).length,
});

const tiers = [
  { tier: 'without the shared tier', startWith: start, runs: true },
  { tier: 'with the shared tier', startWith: startShared, runs: hasRedis },
];
for (const { tier, startWith, runs } of tiers) {
  describe.skipIf(!runs)(`limits of loads ${tier}`, () => {
    test(`87: ${LISTS} concurrent requests with spend.perMinute ${SPEND} cost ${SPEND} calls to Atlas`, async () => {
      const running = await startWith(SPEND);
      const replies = await askAll(running, everyList);
      expect(statusesOf(replies)).toEqual({ answered: SPEND, limited: LISTS - SPEND });
      expect(running.upstream()).toHaveLength(SPEND);
      const limited = replies.find(({ status }) => status === 429);
      expect(limited === undefined ? undefined : json(limited).errorCode).toBe('CALLER_RATE_LIMITED');
      expect(Number(limited?.headers['retry-after'])).toBeGreaterThan(0);
      const other = await running.get(everyList.at(-1) ?? '', { authorization: unlimited.bearer });
      expect(other.status).toBe(200);
    });

    for (const [way, headers] of ways) {
      test(`87: ${way} forces no more loads than spend allows, however many ask at once`, async () => {
        const running = await startWith(SPEND);
        const replies = await askAll(running, everyList, headers);
        expect(statusesOf(replies)).toEqual({ answered: SPEND, limited: LISTS - SPEND });
        expect(running.upstream()).toHaveLength(SPEND);
      });
    }

    test('87: requests that share a load or hit the cache release their reservation', async () => {
      const running = await startWith(SPEND);
      for (let turn = 0; turn < 3; turn++)
        expect(statusesOf(await askAll(running, Array<string>(LISTS).fill(linksOf(first))))).toEqual({
          answered: LISTS,
          limited: 0,
        });
      expect(running.upstream()).toHaveLength(1);
      expect(statusesOf(await askAll(running, everyList.slice(1)))).toEqual({
        answered: SPEND - 1,
        limited: LISTS - SPEND,
      });
      expect(running.upstream()).toHaveLength(SPEND);
    });
  });
}

describe.skipIf(!hasRedis)('loads that another gateway made', () => {
  test('87: a list that another gateway has loaded costs its caller nothing', async () => {
    const redis = await startRedis();
    closing.push(redis.stop);
    const simulated = await start(SPEND);
    const sharing = (spend: number) =>
      start(spend, {
        origin: simulated.atlas,
        files: { url: redis.url, key: ENCRYPTION_KEY },
        config: {
          listen: { port: 0, publicUrl: 'http://gateway.test' },
          upstream: { origin: simulated.atlas },
          cache: { shared: { url: { file: 'url' }, encryptionKey: { file: 'key' } } },
        },
      });
    const [one, two] = [await sharing(1_000), await sharing(SPEND)];
    const shared = everyList.slice(0, 20);
    await askAll(one, shared);
    await expect.poll(() => redis.cli('KEYS', '*:value').split('\n').length).toBe(shared.length + 1);
    for (const path of shared) expect((await two.get(path, as)).status).toBe(200);
    expect(simulated.upstream()).toHaveLength(shared.length);
    expect(statusesOf(await askAll(two, everyList.slice(20)))).toEqual({
      answered: SPEND,
      limited: LISTS - shared.length - SPEND,
    });
    expect(simulated.upstream()).toHaveLength(shared.length + SPEND);
  });
});

describe('forced loads', () => {
  for (const [way, headers] of ways) {
    test(`87: ${way} has Atlas asked ${FORCED_PER_MINUTE} times a minute and answers from the cache beyond that`, async () => {
      const clock = createFakeClock();
      const running = await start(10_000, { clock });
      const paths = everyList.slice(0, 30);
      await askAll(running, paths);
      await clock.advance(1_500);
      const before = running.upstream().length;
      const replies = [
        ...(await askAll(running, paths, headers)),
        ...(await askAll(running, paths, headers)),
      ];
      expect(statusesOf(replies)).toEqual({ answered: 60, limited: 0 });
      expect(running.upstream().length - before).toBe(FORCED_PER_MINUTE);
      expect(
        replies.filter(({ headers: sent }) => sent['cache-status']?.includes('CALLER_RATE_LIMITED')),
      ).not.toEqual([]);
    });
  }

  test('87: loads that are required anyway are not counted as forced', async () => {
    const clock = createFakeClock();
    const running = await start(10_000, { clock });
    expect(statusesOf(await askAll(running, everyList, { 'cache-control': 'max-age=1' }))).toEqual({
      answered: LISTS,
      limited: 0,
    });
    await clock.advance(1_500);
    const before = running.upstream().length;
    await askAll(running, everyList.slice(0, 1), { 'cache-control': 'no-cache' });
    expect(running.upstream().length - before).toBe(1);
  });
});
