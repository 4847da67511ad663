import { afterEach, beforeEach, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { createFakeClock, type FakeClock, settled } from '../support/fake-clock.ts';
import { heldWhole, json, linksOf, type Reply, type Running, startGateway } from '../support/running.ts';

const { empty, ledger, orders, payments, search, single } = SAMPLE_PROJECTS;

let clock: FakeClock;
let running: Running;
beforeEach(async () => {
  clock = createFakeClock();
  running = await startGateway({ clock });
});
afterEach(() => running.stop());

const get = (cacheControl?: string, project = orders) =>
  settled(
    clock,
    running.get(linksOf(project), cacheControl === undefined ? {} : { 'cache-control': cacheControl }),
  );
const status = ({ headers }: Reply) => headers['cache-status']?.replace('atlas-gateway; ', '');
const fail = () => running.simulator.faults.add({ target: 'privateLink', status: 503 });

/** Loads the list and lets it grow older by this many seconds. */
async function cachedFor(seconds: number): Promise<void> {
  await get();
  await clock.advance(seconds * 1_000);
  running.simulator.clearRequests();
}

test.each([
  ['max-stale=1', 1],
  ['max-stale=60', 0],
  ['max-stale', 0],
  ['max-age=60', 1],
  ['max-age=60, max-stale=60', 0],
  ['max-age=10, max-stale=60', 1],
  ['foo="max-stale=1, no-cache"', 0],
  ['foo="\\", no-cache"', 0],
])(
  '131: a list that is stale for 4 s, requested with %s → %i loads before it is answered',
  async (cacheControl, loads) => {
    await cachedFor(34);
    expect(status(await get(cacheControl))).toMatch(loads === 1 ? /^fwd=stale; stored$/ : /^hit; ttl=-[45]$/);
  },
);

test('131: only-if-cached with no-cache → 504 NOT_CACHED, no upstream request', async () => {
  await cachedFor(0);
  const reply = await get('only-if-cached, no-cache');
  expect([reply.status, json(reply).errorCode]).toEqual([504, 'NOT_CACHED']);
  expect(running.upstream()).toEqual([]);
});

test('132: a request was sent to Atlas → fwd with the reason', async () => {
  expect(status(await get())).toBe('fwd=miss; stored');
  expect(status(await get('no-cache'))).toBe('fwd=request; stored');
  await clock.advance(34_000);
  expect(status(await get('no-cache'))).toBe('fwd=stale; stored');
  await clock.advance(3_600_000);
  expect(status(await get())).toBe('fwd=stale; stored');
  fail();
  await clock.advance(3_600_000);
  expect(status(await get())).toMatch(/^fwd=stale; ttl=-35\d\d; detail=UPSTREAM_FAILED$/);
});

test('132: no request was sent to Atlas because the caller is limited or the list cools down → hit, ttl and detail', async () => {
  const replies: Reply[] = [];
  for (let index = 0; index < 40; index++)
    replies.push(await running.get(linksOf(orders), { 'cache-control': 'no-cache' }));
  const limited = replies.map(status).filter((text) => text?.includes('detail'));
  expect(limited.length).toBeGreaterThan(10);
  for (const text of limited) expect(text).toMatch(/^hit; ttl=\d+; detail=CALLER_RATE_LIMITED$/);

  fail();
  await clock.advance(3_600_000);
  expect(status(await get())).toMatch(/^fwd=stale/);
  running.simulator.clearRequests();
  for (const cacheControl of [undefined, 'no-cache', 'max-age=1'])
    expect(status(await get(cacheControl))).toMatch(/^hit; ttl=-35\d\d; detail=UPSTREAM_FAILED$/);
  expect(running.upstream()).toEqual([]);
});

test('132: no request was sent to Atlas because the circuit breaker is open → hit, ttl and detail', async () => {
  await running.stop();
  // Shorter than the second between two probes: a request that waits for one is answered before it becomes one.
  running = await startGateway({ clock, timeout: '200ms' });
  await running.get(linksOf(orders));
  await clock.advance(3_600_000);
  running.simulator.faults.add({ target: '/api/atlas/', status: 503 });
  const tenLists = [ledger, payments, search, single, empty].flatMap((project) => [
    linksOf(project),
    `/api/atlas/v2/groups/${project.id}/clusters`,
  ]);
  await settled(clock, Promise.all(tenLists.map((path) => running.get(path))), 2);
  // Loads go on behind their callers. The next request is the probe of this second.
  await clock.advance(2_000);
  await settled(clock, running.get(linksOf(search)), 2);
  running.simulator.clearRequests();
  const reply = await settled(clock, running.get(linksOf(orders)), 2);
  expect(status(reply)).toMatch(/^hit; ttl=-35\d\d; detail=UPSTREAM_(?:FAILED|TIMEOUT)$/);
  expect(running.upstream()).toEqual([]);
});

test.each([
  [0, 'private, max-age=30', '0'],
  [16, 'private, max-age=30', '16'],
  [34, 'private, max-age=30', '34'],
])(
  '133: after %i of 30 s → max-age is the whole lifetime, of which Age is subtracted',
  async (seconds, cacheControl, age) => {
    await cachedFor(seconds);
    const { headers } = await running.get(linksOf(orders));
    expect([headers['cache-control'], headers['age']]).toEqual([cacheControl, age]);
  },
);

test.each([
  ['br;q=0.1, gzip', 'gzip'],
  ['gzip;q=0.5, identity', undefined],
  ['gzip, deflate, br', 'br'],
  ['identity;q=0, gzip;q=0.1', 'gzip'],
])('135: Accept-Encoding: %s → the coding with the highest weight, %s', async (acceptEncoding, coding) => {
  const { headers } = await running.get(linksOf(orders), { 'accept-encoding': acceptEncoding });
  expect(headers['content-encoding']).toBe(coding);
});

test('137: an If-None-Match of 10 KB whose last tag matches → 304', async () => {
  const etag = (await get()).headers['etag'] ?? '';
  const others = Array.from({ length: 400 }, (_none, index) => `"${String(index).padStart(22, '0')}"`);
  const ask = (tags: readonly string[]) => running.get(linksOf(orders), { 'if-none-match': tags.join(', ') });
  expect((await ask([...others, etag])).status).toBe(304);
  expect((await ask(others)).status).toBe(200);
});

test('138: a next link of a gateway that shares no cache → the page of the list here, detail=snapshot-gone', async () => {
  await running.get(linksOf(ledger));
  await heldWhole(running, ledger);
  const first = await running.get(linksOf(ledger, '?itemsPerPage=100'));
  const { href = '' } = json(first).links.find(({ rel }: { rel: string }) => rel === 'next') ?? {};
  const { pathname, search } = new URL(href);
  running.simulator.world.replace(linksOf(ledger), [{ _id: 'new' }]);
  const other = await startGateway({ clock, origin: running.atlas });
  expect(status(await other.get(`${pathname}${search}`))).toBe('fwd=miss; stored; detail=snapshot-gone');
  expect(status(await other.get(`${pathname}${search}`))).toBe('hit; ttl=30; detail=snapshot-gone');
  await other.stop();
  expect(status(await running.get(`${pathname}${search}`))).toBe('hit; ttl=30');
});

test('112: a refresh that fails while the list is read → tried again with back-off', async () => {
  await cachedFor(30);
  fail();
  const attempts: number[] = [];
  for (let second = 0; second < 120; second++) {
    const before = running.upstream().length;
    expect((await running.get(linksOf(orders))).status).toBe(200);
    await clock.advance(1_000);
    if (running.upstream().length > before) attempts.push(second);
  }
  expect(attempts.length).toBeGreaterThanOrEqual(4);
  expect(attempts.length).toBeLessThanOrEqual(12);
});

test('112: a cold list that fails twice → the failure is remembered for 5 s, whoever asks', async () => {
  fail();
  for (let count = 0; count < 2; count++) expect((await get()).status).toBe(502);
  running.simulator.clearRequests();
  const replies = await Promise.all([get(), get('no-cache'), get('max-age=0')]);
  expect(replies.map((reply) => json(reply).errorCode)).toEqual(Array(3).fill('UPSTREAM_FAILED'));
  expect(replies.map(({ headers }) => Number(headers['retry-after']) <= 5)).toEqual([true, true, true]);
  expect(running.upstream()).toEqual([]);
  running.simulator.faults.clear();
  await clock.advance(5_000);
  expect((await get()).status).toBe(200);
});
