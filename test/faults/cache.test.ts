import { request as httpRequest } from 'node:http';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freshnessWindow } from '../../src/cache/freshness.ts';
import { createMemoryTier } from '../../src/cache/memory-tier.ts';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { createFakeClock, type FakeClock, settled } from '../support/fake-clock.ts';
import { ACCEPT, ask, json, linksOf, type Running, startGateway } from '../support/running.ts';

const { empty, ledger, orders, payments, single } = SAMPLE_PROJECTS;

let clock: FakeClock;
let running: Running;
beforeEach(async () => {
  clock = createFakeClock();
  running = await startGateway({ clock });
});
afterEach(() => running.stop());
const purge = (scope: Record<string, unknown>) =>
  ask(running.admin, '/cache/purge', { method: 'POST', body: JSON.stringify(scope) });
const SLOW = { target: 'privateLink', delayMs: 1_000 };

test('55: a thousand concurrent requests for one cold list, the first disconnects → one upstream request, all others answered', async () => {
  running.simulator.faults.add(SLOW);
  const { hostname, port } = new URL(running.origin);
  const first = httpRequest({
    hostname,
    port,
    path: linksOf(orders),
    headers: { accept: ACCEPT },
    agent: false,
  });
  first.on('error', () => undefined);
  first.end();
  await expect.poll(() => running.tokenRequests()).toBe(1);
  const all = Array.from({ length: 1_000 }, () => running.get(linksOf(orders)));
  await expect
    .poll(async () => (await ask(running.admin, '/status.json')).text, { timeout: 15_000 })
    .toContain('"inFlight":1001');
  first.destroy();
  const replies = await settled(clock, Promise.all(all), 100);
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
  expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
  expect(running.upstream()).toHaveLength(1);
});

test('56: many requests for a stale list → one background refresh; after staleIfError with Atlas down → 502', async () => {
  await running.get(linksOf(orders));
  await clock.advance(60_000);
  running.simulator.faults.add({ ...SLOW, times: 1 });
  const stale = await Promise.all(Array.from({ length: 50 }, () => running.get(linksOf(orders))));
  expect(new Set(stale.map(({ headers }) => headers['cache-status']))).toEqual(
    new Set(['atlas-gateway; hit; ttl=-30']),
  );
  await clock.advance(1_000);
  await expect
    .poll(async () => (await running.get(linksOf(orders))).headers['cache-status'])
    .toMatch(/hit; ttl=(30|29)/);
  expect(running.upstream()).toHaveLength(2);
  running.simulator.faults.add({ target: 'privateLink', status: 503 });
  await clock.advance(25 * 3_600_000);
  const late = await settled(clock, running.get(linksOf(orders)), 100);
  expect([late.status, json(late).errorCode]).toEqual([502, 'UPSTREAM_FAILED']);
});

test('57: a purge during a load → waiting callers are answered, and the next request loads again', async () => {
  running.simulator.faults.add({ ...SLOW, times: 1 });
  const waiting = running.get(linksOf(orders));
  await expect.poll(() => running.tokenRequests()).toBe(1);
  await purge({ project: orders.id });
  running.simulator.world.replace(linksOf(orders), [{ _id: 'after the purge' }]);
  const next = await running.get(linksOf(orders));
  expect(json(next).totalCount).toBe(1);
  expect((await settled(clock, waiting, 100)).status).toBe(200);
  const last = await running.get(linksOf(orders));
  expect([json(last).totalCount, last.headers['cache-status']]).toEqual([1, expect.stringContaining('hit')]);
});

describe('58', () => {
  test('58: a list larger than a project’s share → served each time, never stored', async () => {
    const small = await startGateway({ config: { cache: { maxBytes: '64KiB' } } });
    for (let round = 0; round < 2; round++) {
      const reply = await small.get(linksOf(payments));
      expect(json(reply).totalCount).toBe(1_234);
      const detail = round === 0 ? '; detail=partial' : '';
      expect(reply.headers['cache-status']).toBe(`atlas-gateway; fwd=miss${detail}`);
    }
    const { cache } = JSON.parse((await ask(small.admin, '/status.json')).text);
    expect(cache.bytes).toBeLessThanOrEqual(65_536);
    await small.stop();
  });

  test('58: any order of stores, reads and evictions → the cache and each project stay within their limits', () => {
    const projects = ['a', 'b', 'c', 'd'];
    const act = fc.record({
      what: fc.constantFrom('set', 'get', 'delete', 'drop'),
      project: fc.constantFrom(...projects),
      key: fc.integer({ min: 0, max: 20 }).map(String),
      bytes: fc.integer({ min: 0, max: 60 }),
    });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 300 }), (acts) => {
        const tier = createMemoryTier<string>({ maxBytes: 100, projectShare: 0.5 }, () => undefined);
        const window = freshnessWindow(0, { freshMs: 1, staleWhileRevalidateMs: 0, staleIfErrorMs: 0 });
        for (const { what, project, key, bytes } of acts) {
          if (what === 'set') tier.set(project, key, { value: key, window, bytes, epoch: 0 });
          else if (what === 'get') tier.get(project, key);
          else if (what === 'delete') tier.delete(project, key);
          else tier.dropProject(project);
          const sums = projects.map((name) =>
            [...tier.entries(name)].reduce((sum, [, entry]) => sum + Math.max(1, entry.bytes), 0),
          );
          expect(tier.bytes).toBe(sums.reduce((one, other) => one + other, 0));
          expect(tier.bytes).toBeLessThanOrEqual(100);
          expect(Math.max(...sums)).toBeLessThanOrEqual(50);
        }
      }),
      { numRuns: 200 },
    );
  });
});

test.each([3_600_000, -3_600_000])(
  '60: the wall clock jumps by %i ms → freshness is unaffected',
  async (ms) => {
    await running.get(linksOf(orders));
    clock.moveWall(ms);
    await clock.advance(10_000);
    const reply = await running.get(linksOf(orders));
    expect([reply.headers['age'], reply.headers['cache-status']]).toEqual([
      '10',
      'atlas-gateway; hit; ttl=20',
    ]);
    expect(running.upstream()).toHaveLength(1);
  },
);

describe('upstream responses for a cached list', () => {
  const empties = () => running.simulator.world.replace(linksOf(ledger), []);

  test('75: a list of hundreds is suddenly empty → loaded again, and kept if that was a fault', async () => {
    await running.get(linksOf(ledger));
    running.simulator.faults.add({
      target: ledger.id,
      times: 1,
      status: 200,
      body: '{"links":[],"results":[],"totalCount":0}',
    });
    await clock.advance(3_600_000);
    expect(json(await running.get(linksOf(ledger))).totalCount).toBe(501);
    await clock.advance(3_600_000);
    empties();
    expect(json(await running.get(linksOf(ledger))).totalCount).toBe(0);
  });

  test('75: a short list that becomes empty → accepted immediately', async () => {
    await running.get(linksOf(single));
    running.simulator.world.replace(linksOf(single), []);
    await clock.advance(3_600_000);
    running.simulator.clearRequests();
    expect(json(await running.get(linksOf(single))).totalCount).toBe(0);
    expect(running.upstream()).toHaveLength(1);
    expect(json(await running.get(linksOf(empty))).totalCount).toBe(0);
  });

  test.each([
    [403, 'IP_ADDRESS_NOT_ON_ACCESS_LIST', 'kept'],
    [403, 'ORG_REQUIRES_WHITELIST', 'kept'],
    [403, 'ACCESS_FORBIDDEN', 'evicted'],
    [401, 'USER_CANNOT_ACCESS_GROUP', 'evicted'],
    [404, 'GROUP_NOT_FOUND', 'evicted'],
    [404, 'RESOURCE_NOT_FOUND', 'evicted'],
  ])('76: %i %s → the cached list is %s', async (status, errorCode, what) => {
    await running.get(linksOf(orders));
    running.simulator.faults.add({ target: 'privateLink', status, errorCode });
    await clock.advance(3_600_000);
    const refused = await running.get(linksOf(orders));
    if (what === 'kept')
      expect([refused.status, refused.headers['cache-status']]).toEqual([
        200,
        expect.stringContaining('detail=UPSTREAM_AUTH'),
      ]);
    else expect([refused.status, json(refused).errorCode]).toEqual([status, errorCode]);
    // Negative caching: one upstream request for any number of requests.
    running.simulator.clearRequests();
    await running.get(linksOf(orders));
    expect(running.upstream()).toEqual([]);
    running.simulator.faults.clear();
    running.simulator.faults.add({ target: 'privateLink', status: 503 });
    await clock.advance(6_000);
    const after = await settled(clock, running.get(linksOf(orders)), 100);
    expect(after.status).toBe(what === 'kept' ? 200 : 502);
  });
});
