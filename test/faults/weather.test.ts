import { beforeEach, describe, expect, test } from 'vitest';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createVirtualAtlas, projectPath, type VirtualAtlas } from '../support/virtual-atlas.ts';
import {
  createMemoryFile,
  createVirtualGateway,
  type VirtualGateway,
  type VirtualGatewayOptions,
  type VirtualRead,
  type VirtualReply,
} from '../support/virtual-gateway.ts';

/** As many connections to Atlas as the gateway opens by default, with those of its own calls. */
const MAX_CONNECTIONS = 64 + 4;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

let clock: FakeClock;
let atlas: VirtualAtlas;

beforeEach(() => {
  clock = createFakeClock();
});

const itemOf = (index: number) => ({ _id: index.toString(16).padStart(24, '0') });
const itemsOf = (count: number) => Array.from({ length: count }, (_none, index) => itemOf(index));
const idOf = (item: unknown) => JSON.stringify(item);
const times = (count: number) => Array.from({ length: count }, (_none, index) => index);

/** An Atlas with this weather and lists of this length in `projects` projects, and a gateway in front of it. */
function start(
  weather: object,
  { projects = 1, items = 1_234 }: { projects?: number; items?: number } = {},
  options: Partial<VirtualGatewayOptions> = {},
): VirtualGateway {
  atlas = createVirtualAtlas(
    { weather: { ...weather, projects: projects + 10 }, maxConnections: MAX_CONNECTIONS },
    { clock },
  );
  const all = itemsOf(items);
  for (const index of times(projects)) atlas.replace(projectPath(index), all, itemOf);
  return createVirtualGateway({ exchange: atlas.exchange, ...options }, { clock });
}

/** Changes the weather and keeps the projects. */
const change = (weather: object) => atlas.change({ ...weather, projects: 1_100 });

/** Advances the clock until a promise settles. */
async function settle<Value>(promise: Promise<Value>): Promise<Value> {
  let done = false;
  const finish = () => {
    done = true;
  };
  promise.then(finish, finish);
  while (!done) await clock.advance(50);
  return promise;
}

const readAll = (gateway: VirtualGateway, reads: readonly VirtualRead[]) =>
  Promise.all(reads.map((read) => gateway.read(read)));
const outcomesOf = (replies: readonly VirtualReply[]) =>
  Object.fromEntries(
    [...new Set(replies.map(({ outcome }) => outcome))].map((outcome) => [
      outcome,
      replies.filter((reply) => reply.outcome === outcome).length,
    ]),
  );
const quantile = (replies: readonly VirtualReply[], share: number) =>
  replies.map(({ tookMs }) => tookMs).sort((one, other) => one - other)[
    Math.ceil(replies.length * share) - 1
  ] ?? Number.NaN;
/** As many items as a list may have to be held whole, nearly. */
const LONG = 9_900;
const page = (pageNum: number, itemsPerPage = 100) => `itemsPerPage=${itemsPerPage}&pageNum=${pageNum}`;

/** Reads a list along its `next` links, and lets `pauseMs` pass between pages. Fails as soon as it has cost more than `maxCalls`. */
async function sweep(
  gateway: VirtualGateway,
  path: string,
  { pauseMs = 0, maxCalls = Number.POSITIVE_INFINITY } = {},
) {
  const items: unknown[] = [];
  let snapshot: string | undefined;
  for (let pageNum = 1; ; pageNum++) {
    const read = { path, query: page(pageNum) };
    const reply = await settle(gateway.read(snapshot === undefined ? read : { ...read, snapshot }));
    expect(reply.outcome).toBe('200');
    expect(atlas.calls.length).toBeLessThanOrEqual(maxCalls);
    items.push(...reply.items);
    if (!reply.hasMore) return items.map(idOf);
    snapshot = reply.snapshot;
    if (pauseMs > 0) await clock.advance(pauseMs);
  }
}

describe('many cold lists at once', () => {
  const PROJECTS = 200;
  const firstPages = times(PROJECTS).map((index) => ({ path: projectPath(index), query: page(1) }));
  const lastPages = times(PROJECTS).map((index) => ({ path: projectPath(index), query: page(13) }));

  test('97: 200 cold lists of three pages at 1 s a page → all answered, held within 25 s', async () => {
    const gateway = start({ latency: '1s' }, { projects: PROJECTS });
    const startedAt = clock.now();
    const replies = await settle(readAll(gateway, firstPages));
    expect(outcomesOf(replies)).toEqual({ '200': PROJECTS });
    await clock.advance(25_000 - (clock.now() - startedAt));
    const later = await settle(readAll(gateway, [...firstPages, ...lastPages]));
    expect(later.filter(({ cache }) => cache !== 'hit')).toHaveLength(0);
    expect(atlas.calls.length).toBeLessThanOrEqual(PROJECTS * 3 * 1.05);
  });

  test('98: 200 lists past staleWhileRevalidate → answered in 2 s, refreshed within 25 s', async () => {
    const gateway = start({}, { projects: PROJECTS });
    await settle(readAll(gateway, firstPages));
    await clock.advance(HOUR_MS);
    change({ latency: '1s' });
    const replies = await settle(readAll(gateway, firstPages));
    expect(outcomesOf(replies)).toEqual({ '200': PROJECTS });
    expect(quantile(replies, 1)).toBeLessThanOrEqual(2_000);
    await clock.advance(25_000 - quantile(replies, 1));
    const later = await settle(readAll(gateway, firstPages));
    expect(later.filter(({ cache }) => cache !== 'hit')).toHaveLength(0);
  });

  test('99: time spent queueing for a connection is never an Atlas failure', async () => {
    const gateway = start({ latency: '2s' }, { projects: 400 });
    const reads = times(400).map((index) => ({ path: projectPath(index) }));
    const replies = await settle(readAll(gateway, reads));
    const unexpected = replies.filter(({ outcome }) => !['200', 'OVERLOADED'].includes(outcome));
    expect(unexpected).toHaveLength(0);
    const refused = replies.filter(({ outcome }) => outcome === 'OVERLOADED');
    expect(refused.filter(({ retryAfterMs = 0 }) => retryAfterMs === 0)).toHaveLength(0);
    // A list that was refused, even twice, can be loaded as soon as there is time.
    const late = reads.filter((_read, index) => replies[index]?.outcome === 'OVERLOADED');
    await settle(readAll(gateway, late));
    await clock.advance(10_000);
    expect(outcomesOf(await settle(readAll(gateway, late.slice(-20))))).toEqual({ '200': 20 });
    expect(gateway.coolingDown()).toEqual({ list: 0, page: 0 });
    expect(gateway.events.filter(({ type }) => type === 'circuit')).toHaveLength(0);
  });

  test('109: 1 000 cold lists of one caller → another’s reads take at most 3 times as long', async () => {
    const LATENCY_MS = 500;
    const gateway = start({ latency: `${LATENCY_MS}ms` }, { projects: 1_020, items: 300 });
    void readAll(
      gateway,
      times(1_000).map((index) => ({ path: projectPath(index), caller: 'busy' })),
    );
    const replies: VirtualReply[] = [];
    for (const index of times(10)) {
      const read = { path: projectPath(1_000 + index), caller: 'quiet' };
      replies.push(await settle(gateway.read(read)));
    }
    expect(outcomesOf(replies)).toEqual({ '200': 10 });
    expect(quantile(replies, 1)).toBeLessThanOrEqual(3 * LATENCY_MS);
  });
});

describe('sick lists', () => {
  const SECONDS = 90;
  const POLLED = 10;

  /** Polls sick and healthy lists and reads one more cold list, each once a second; counts the failures of the others. */
  async function poll(gateway: VirtualGateway, sick: number) {
    const replies: Promise<VirtualReply>[] = [];
    for (const second of times(SECONDS)) {
      for (const index of times(sick)) void gateway.read({ path: projectPath(index) });
      for (const index of [...times(POLLED), POLLED + second])
        replies.push(gateway.read({ path: projectPath(sick + index) }));
      await clock.advance(1_000);
    }
    return outcomesOf(await settle(Promise.all(replies)));
  }

  for (const [title, sick, rule] of [
    ['one list that answers 500', 1, { status: 500 }],
    ['one list that hangs', 1, { hangs: true }],
    ['forty lists that answer 500', 40, { status: 500 }],
    ['forty lists that hang', 40, { hangs: true }],
  ] as const) {
    test(`100: ${title} → no failures elsewhere, a call in 5 s at most`, async () => {
      const gateway = start({ latency: '90ms' }, { projects: sick + POLLED + SECONDS, items: 100 });
      const sickPaths = times(sick).map((index) => projectPath(index));
      const weather = {
        latency: '90ms',
        lists: sickPaths.map((path) => ({ ...rule, project: path.split('/')[5] })),
      };
      change(weather);
      expect(await poll(gateway, sick)).toEqual({ '200': SECONDS * (POLLED + 1) });
      for (const path of sickPaths) {
        const calls = atlas.callsFor(path);
        // Two loads with retries before the cool-down begins.
        expect(calls.length).toBeLessThanOrEqual(6 + SECONDS / 5);
      }
    });
  }

  test('112: a failing refresh is repeated with back-off while the list is read', async () => {
    const gateway = start({}, { items: 100 });
    const path = projectPath(0);
    await settle(gateway.read({ path }));
    await clock.advance(MINUTE_MS);
    change({ lists: [{ status: 500 }] });
    const before = atlas.calls.length;
    for (let second = 0; second < 90; second++) {
      expect((await settle(gateway.read({ path }))).outcome).toBe('200');
      await clock.advance(1_000);
    }
    const at = atlas.calls.slice(before).map((call) => call.at);
    expect(at.length).toBeGreaterThanOrEqual(3);
    expect(at.length).toBeLessThanOrEqual(10);
    expect((at.at(-1) ?? 0) - (at.at(-2) ?? 0)).toBeGreaterThan(10_000);
    change({});
    for (let second = 0; second < 60; second++) {
      await settle(gateway.read({ path }));
      await clock.advance(1_000);
    }
    expect((await settle(gateway.read({ path }))).cache).toBe('hit');
  });

  test('112: a second cold failure is remembered for a few seconds', async () => {
    const gateway = start({ lists: [{ status: 500 }] });
    const path = projectPath(0);
    for (const attempt of times(2)) {
      const { outcome } = await settle(gateway.read({ path }));
      expect([attempt, outcome]).toEqual([attempt, 'UPSTREAM_FAILED']);
    }
    const before = atlas.calls.length;
    await clock.advance(1_000);
    expect((await settle(gateway.read({ path }))).outcome).toBe('UPSTREAM_FAILED');
    expect(atlas.calls.length).toBe(before);
  });
});

describe('long and slow lists', () => {
  const VARYING = { median: '600ms', p90: '1500ms', p99: '1900ms' };

  for (const [title, weather] of [
    ['at 200 to 2 000 ms a page', { latency: VARYING }],
    ['also with 3 % 429s', { latency: VARYING, rateLimits: { rate: 0.03 } }],
  ] as const) {
    test(`101: 9 900 items ${title} → p99 under 3 s cold, held within 10 s`, async () => {
      const PROJECTS = 20;
      const gateway = start(weather, { projects: PROJECTS, items: LONG });
      const replies: VirtualReply[] = [];
      for (const index of times(PROJECTS)) {
        const path = projectPath(index);
        const startedAt = clock.now();
        const read = { path, query: page([1, 50, 99][index % 3] ?? 1) };
        replies.push(await settle(gateway.read(read)));
        await clock.advance(Math.max(0, 10_000 - (clock.now() - startedAt)));
        const later = await settle(
          readAll(
            gateway,
            [1, 50, 99].map((at) => ({ path, query: page(at) })),
          ),
        );
        expect(later.map(({ cache }) => cache)).toEqual(['hit', 'hit', 'hit']);
      }
      expect(outcomesOf(replies)).toEqual({ '200': PROJECTS });
      expect(quantile(replies, 0.99)).toBeLessThan(3_000);
    });
  }

  test('102: 3.5 s a page and three pages → 200, and hits after', async () => {
    const gateway = start({ latency: '3500ms' });
    const path = projectPath(0);
    expect((await settle(gateway.read({ path }))).outcome).toBe('200');
    await clock.advance(15_000);
    const replies = await settle(
      readAll(
        gateway,
        [1, 13].map((at) => ({ path, query: page(at) })),
      ),
    );
    expect(replies.map(({ cache }) => cache)).toEqual(['hit', 'hit']);
  });

  test('103: 30 ms an item → a page of 10 in under 2.5 s, the whole list in the end', async () => {
    const gateway = start({ latency: { median: '0ms', perThousandItems: '30s' } });
    const path = projectPath(0);
    const first = await settle(gateway.read({ path, query: page(1, 10) }));
    expect(first.outcome).toBe('200');
    expect(first.tookMs).toBeLessThan(2_500);
    await clock.advance(2 * MINUTE_MS);
    const read = { path, query: page(124, 10), directives: { noCache: false, onlyIfCached: true } };
    expect((await settle(gateway.read(read))).outcome).toBe('200');
  });

  test('105: a list larger than the project’s share → cached by the page, served while Atlas is down', async () => {
    const gateway = start({ latency: '90ms' }, { items: LONG }, { maxBytes: 1_000_000 });
    const path = projectPath(0);
    expect(new Set(await sweep(gateway, path, { maxCalls: 110 })).size).toBe(LONG);
    change({ lists: [{ status: 503 }] });
    await clock.advance(HOUR_MS);
    const replies: VirtualReply[] = [];
    for (const at of [97, 98, 99]) replies.push(await settle(gateway.read({ path, query: page(at) })));
    expect(outcomesOf(replies)).toEqual({ '200': 3 });
  });

  describe('lists cached by the page', () => {
    const path = projectPath(0);
    const down = { lists: [{ status: 503 }] };

    test('106: are served for the whole of staleIfError', async () => {
      const gateway = start({}, { items: 12_000 });
      expect((await settle(gateway.read({ path }))).outcome).toBe('200');
      change(down);
      await clock.advance(23 * HOUR_MS);
      expect((await settle(gateway.read({ path }))).outcome).toBe('200');
    });

    test('106: survive a restart', async () => {
      const file = createMemoryFile();
      const gateway = start({}, { items: 12_000 }, { file });
      expect((await settle(gateway.read({ path }))).outcome).toBe('200');
      await gateway.save();
      change(down);
      const next = createVirtualGateway({ exchange: atlas.exchange, file }, { clock });
      next.restore();
      expect((await settle(next.read({ path }))).outcome).toBe('200');
    });

    test('106: fall back to the last whole listing when a refresh is too long', async () => {
      const gateway = start({}, { items: LONG });
      await settle(gateway.read({ path }));
      atlas.replace(path, itemsOf(12_000));
      await clock.advance(10 * MINUTE_MS);
      await settle(gateway.read({ path }));
      change(down);
      await clock.advance(HOUR_MS);
      const reply = await settle(gateway.read({ path, query: page(50) }));
      expect([reply.outcome, reply.items.length]).toEqual(['200', 100]);
    });
  });
});

describe('lists that change', () => {
  test('104: a delete and a create a second → no sweep misses or repeats an item', async () => {
    const gateway = start({});
    const path = projectPath(0);
    const before = atlas.items(path).map(idOf);
    await settle(gateway.read({ path }));
    change({ latency: '300ms', churn: { creates: 1, deletes: 1 } });
    for (let round = 0; round < 30; round++) {
      const swept = await sweep(gateway, path, { pauseMs: 500 });
      const now = new Set(atlas.items(path).map(idOf));
      const throughout = before.filter((id) => now.has(id));
      expect(new Set(swept).size).toBe(swept.length);
      expect(throughout.filter((id) => !swept.includes(id))).toEqual([]);
    }
  });

  for (const [title, churn] of [
    ['a create and a delete a second', { creates: 1, deletes: 1 }],
    ['a create and a delete at once, every second', { pairs: 1 }],
  ] as const) {
    test(`104: 9 900 items, 300 ms a page, ${title} → held whole`, async () => {
      const gateway = start({ latency: '300ms', churn }, { items: LONG });
      const path = projectPath(0);
      const before = atlas.items(path).map(idOf);
      for (const directives of times(3).map((round) => ({ noCache: round > 0, onlyIfCached: false }))) {
        await settle(gateway.read({ path, directives }));
        await clock.advance(10_000);
        const swept = await sweep(gateway, path);
        const now = new Set(atlas.items(path).map(idOf));
        expect((await settle(gateway.read({ path }))).snapshot).toBeDefined();
        const found = new Set(swept);
        expect(found.size).toBe(swept.length);
        expect(before.filter((id) => now.has(id) && !found.has(id))).toEqual([]);
        expect(before.every((id) => now.has(id))).toBe(false);
      }
      // 21 pages cover the list; some are requested again.
      expect(atlas.calls.length).toBeLessThanOrEqual(3 * 21 * 1.05);
    });
  }

  test('107: a sweep of events while the first page is polled → every event that existed throughout', async () => {
    const events = projectPath(0, 'events');
    const gateway = start({});
    atlas.replace(events, itemsOf(1_000), itemOf);
    change({ latency: '90ms', churn: { creates: 0.5, at: 'start' } });
    // Every page is cached at another time; then the first one is polled.
    await sweep(gateway, events, { pauseMs: 5_000 });
    for (let round = 0; round < 5; round++) {
      for (let second = 0; second < 20; second++) {
        await settle(gateway.read({ path: events }));
        await clock.advance(1_000);
      }
      const swept = await sweep(gateway, events, { pauseMs: 500 });
      const now = atlas.items(events).map(idOf);
      // The first page may be as old as freshness allows: what it begins with, and all that is older, existed throughout.
      const arrived = now.indexOf(swept[0] ?? '');
      const distinct = new Set(swept);
      expect(now.slice(arrived).filter((id) => !distinct.has(id))).toEqual([]);
      expect(swept.length - distinct.size).toBeLessThanOrEqual(arrived);
    }
  });

  test('123: counting times out on a list cached by the page → asked again without', async () => {
    const path = projectPath(0, 'events');
    const gateway = start({ lists: [{ countTimesOut: true }] });
    expect((await settle(gateway.read({ path }))).outcome).toBe('200');
    expect(atlas.callsFor(path).map(({ status }) => status)).toEqual([500, 200]);
  });

  test('123: paging times out altogether → the cached copy', async () => {
    const path = projectPath(0, 'events');
    const gateway = start({});
    const first = await settle(gateway.read({ path }));
    change({ lists: [{ errorCode: 'TIMEOUT_WHILE_PAGING', status: 500 }] });
    await clock.advance(HOUR_MS);
    const later = await settle(gateway.read({ path }));
    expect(later).toMatchObject({ outcome: '200', items: first.items });
  });
});

describe('the budget', () => {
  const BUCKET = 'streams';
  const scopeOf = (path: string) => path.split('/')[5] ?? '';
  const difference = (gateway: VirtualGateway) =>
    Math.abs((gateway.remaining(BUCKET) ?? 0) - atlas.remaining(BUCKET, scopeOf(projectPath(0))));

  test('108: a walk that fails refunds what it did not ask', async () => {
    const gateway = start({ latency: '10ms' }, { items: 49_500 }, { maxItems: 50_000 });
    const read = gateway.read({ path: projectPath(0) });
    await clock.advance(15);
    change({ lists: [{ status: 403 }] });
    await settle(read);
    expect(difference(gateway)).toBeLessThanOrEqual(10);
  });

  test('108: a stray 429 does not empty the bucket', async () => {
    const gateway = start({ rateLimits: { rate: 1 } }, { items: 100 });
    const read = gateway.read({ path: projectPath(0) });
    await clock.advance(100);
    change({});
    await settle(read);
    await clock.advance(5_000);
    const directives = { noCache: true, onlyIfCached: false };
    await settle(gateway.read({ path: projectPath(0), directives }));
    expect(difference(gateway)).toBeLessThanOrEqual(10);
  });
});
