import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { operations } from '../../src/atlas/operations.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { ENCRYPTION_KEY, hasRedis, type Redis, startRedis } from '../support/redis.ts';
import {
  ask,
  json,
  linksOf,
  type Reply,
  type Running,
  startGateway,
  startSimulator,
} from '../support/running.ts';

const { orders } = SAMPLE_PROJECTS;
const inProject = (rest: string) => `/api/atlas/v2/groups/${orders.id}/${rest}`;
const SETTINGS = inProject('settings');
const MAINTENANCE = inProject('maintenanceWindow');
const MEASUREMENTS = inProject(
  'processes/host.example.com%3A27017/measurements?granularity=PT1M&period=PT1H',
);
const LINKS = linksOf(orders);

describe.skipIf(!hasRedis)('gateways that share a Redis', () => {
  let redis: Redis;
  let simulator: Simulator;
  let one: Running;
  let two: Running;

  beforeEach(async () => {
    redis = await startRedis();
    const started = await startSimulator();
    simulator = started.simulator;
    const start = () =>
      startGateway({
        origin: started.atlas,
        files: { url: redis.url, key: ENCRYPTION_KEY },
        config: {
          // Links point at the public URL, and gateways with different ones share no values.
          listen: { port: 0, publicUrl: 'http://gateway.test' },
          anonymous: { projects: 'all', organizations: 'all', operations: operations.map(({ id }) => id) },
          cache: { shared: { url: { file: 'url' }, encryptionKey: { file: 'key' } } },
        },
      });
    one = await start();
    two = await start();
  });
  afterEach(async () => {
    await one.stop();
    await two.stop();
    await simulator.close();
    await redis.stop();
  });

  const outcome = ({ status, headers }: Reply) => [status, headers['cache-status']];
  const HIT = [200, expect.stringMatching(/^atlas-gateway; hit; ttl=\d+$/)];
  const LOADED = [200, 'atlas-gateway; fwd=miss; stored'];
  const SHARED = [200, expect.stringMatching(/^atlas-gateway; hit; ttl=\d+; detail=shared$/)];
  const callsOf = (target: string) =>
    simulator.requests.filter((request) => request.target.split('?')[0] === target.split('?')[0]).length;
  /** Waits until so many answers are stored; the token of the gateways is stored as well. */
  const storedAnswers = (count: number) =>
    expect.poll(() => redis.cli('KEYS', '*:value').split('\n').filter(Boolean)).toHaveLength(count + 1);
  const purge = (gateway: Running, scope: Record<string, unknown>) =>
    ask(gateway.admin, '/cache/purge', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(scope),
    });

  test('load a document once', async () => {
    const loaded = await one.get(SETTINGS);
    await storedAnswers(1);
    const shared = await two.get(SETTINGS);
    expect([loaded, shared, await two.get(SETTINGS)].map(outcome)).toEqual([LOADED, SHARED, HIT]);
    expect([shared.text, shared.headers['etag']]).toEqual([loaded.text, loaded.headers['etag']]);
    expect(callsOf(SETTINGS)).toBe(1);
  });

  test('purge a document of all of them', async () => {
    await one.get(SETTINGS);
    await one.get(MAINTENANCE);
    await storedAnswers(2);
    await two.get(SETTINGS);
    await two.get(MAINTENANCE);
    expect((await purge(one, { operation: 'getGroupSettings' })).status).toBe(200);
    await expect
      .poll(async () => (await two.get(SETTINGS, { 'cache-control': 'only-if-cached' })).status)
      .toBe(504);
    expect(outcome(await two.get(SETTINGS))).toEqual(LOADED);
    expect(outcome(await two.get(MAINTENANCE))).toEqual(HIT);
    expect([SETTINGS, MAINTENANCE].map(callsOf)).toEqual([2, 1]);
  });

  test('never store a document of a time range', async () => {
    expect(outcome(await one.get(MEASUREMENTS))).toEqual(LOADED);
    await one.get(SETTINGS);
    await storedAnswers(1);
    expect(outcome(await two.get(MEASUREMENTS))).toEqual(LOADED);
    await two.get(MAINTENANCE);
    await storedAnswers(2);
    expect(callsOf(MEASUREMENTS)).toBe(2);
  });

  test('answer an element from a listing that another of them loaded', async () => {
    await one.get(LINKS);
    await storedAnswers(1);
    const list = await two.get(LINKS);
    expect(outcome(list)).toEqual(SHARED);
    const [item] = json(list).results;
    const element = `${LINKS}/${item?.['_id']}`;
    for (const gateway of [two, one]) {
      const reply = await gateway.get(element);
      expect(outcome(reply)).toEqual([
        200,
        expect.stringMatching(/^atlas-gateway; hit; ttl=\d+; detail=list$/),
      ]);
      expect(JSON.parse(reply.text)).toEqual(item);
    }
    expect([LINKS, element].map(callsOf)).toEqual([1, 0]);
  });
});
