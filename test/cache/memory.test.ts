import { beforeAll, expect, test } from 'vitest';
import { createCatalog } from '../../src/atlas/catalog.ts';
import { operations } from '../../src/atlas/operations.ts';
import { renderPage } from '../../src/atlas/page.ts';
import { linkParameters, resolveQuery } from '../../src/atlas/question.ts';
import { createListCache, NO_DEMAND } from '../../src/cache/list-cache.ts';
import { type Coding, createRenderings } from '../../src/cache/renderings.ts';
import { createSnapshots } from '../../src/cache/snapshots.ts';
import { createLists, type HeldList, type Listing } from '../../src/gateway/lists.ts';
import { createViews } from '../../src/gateway/views.ts';
import { createSystemClock } from '../../src/lib/clock.ts';
import { privateLinkConnection } from '../../src/simulator/world.ts';
import { heldByProcess } from '../support/process-memory.ts';

const LISTINGS = 10_000;
const NO_OPERATIONS: ReadonlySet<string> = new Set();
const ROOM = { maxBytes: Number.MAX_SAFE_INTEGER, projectShare: 1 };
const CALLER = {
  name: 'team',
  projects: 'all' as const,
  organizations: 'all' as const,
  operations: NO_OPERATIONS,
};
const clock = createSystemClock();
const catalog = createCatalog(operations);
const linksOf = (index: number) =>
  `/api/atlas/v2/groups/${index.toString(16).padStart(24, '0')}/streams/privateLinkConnections`;

/** Counted and held differ by 15 % at most. */
function expectNear(ratio: number): void {
  expect(ratio).toBeGreaterThan(0.85);
  expect(ratio).toBeLessThan(1.15);
}

/** A page as Atlas sends it. */
const bodyOf = (items: number) =>
  Buffer.from(
    JSON.stringify({
      links: [{ href: `https://cloud.mongodb.com${linksOf(0)}?pageNum=1&itemsPerPage=500`, rel: 'self' }],
      results: Array.from({ length: items }, (_none, index) => privateLinkConnection('memory', index)),
      totalCount: items,
    }),
  );

/** Lists and pages as a gateway keeps them, whatever is asked of them answered by `body`. */
function createGateway(body: Buffer) {
  const cache = createListCache<Listing>(
    {
      ...ROOM,
      refusalMs: 5_000,
      refreshPauseMs: 5_000,
      longestPauseMs: 60_000,
      maxLoads: 100,
      maxWaiting: 100,
    },
    { clock, observe: () => undefined },
  );
  const renderings = createRenderings(ROOM);
  const answer = { type: 'answered' as const, status: 200, headers: {}, body };
  const credential = [{ name: 'sample', send: async () => answer, stretch: () => 1 }];
  const lists = createLists(
    { publicUrl: () => 'https://gateway.example', maxItems: 10_000, timeoutMs: 1_000 },
    {
      cache,
      clock,
      holdingOf: () => ({ freshMs: 1e9, staleWhileRevalidateMs: 0, staleIfErrorMs: 0, whole: true }),
      credentials: { covering: () => credential, all: () => credential },
      snapshots: createSnapshots<HeldList>(ROOM, { clock }),
      onUpstreamCall: () => undefined,
      onGone: () => undefined,
      mayLoad: () => undefined,
      viewFor: createViews(() => 0),
    },
  );
  /** Reads a list, and from it the page with this number; tells how long the page is. */
  async function ask(path: string, coding: Coding, rawQuery = ''): Promise<number> {
    const match = catalog.match(path);
    if (match.type !== 'matched') throw new Error(`${path} is ${match.type}`);
    const { operation, pathParameters } = match;
    const query = resolveQuery(operation, rawQuery);
    if (query.type !== 'resolved') throw new Error('the query is invalid');
    const { filters, shape } = query;
    const version = { mediaType: 'application/vnd.atlas.2023-02-01+json', version: '2023-02-01' };
    const reading = lists.createReading({
      operation,
      pathParameters,
      ...version,
      filters,
      shape,
      caller: CALLER,
    });
    const read = await reading.read(NO_DEMAND);
    if (read?.type !== 'value') throw new Error(`${path} is ${read?.type}`);
    const list = read.value;
    const source = { ...list, address: path, parameters: '', suffix: '' };
    const key = `${list.serial} ${linkParameters(operation, shape, filters)}100/${shape.pageNum}`;
    const page = renderings.get(pathParameters['groupId'] ?? '', key, () => renderPage(source, shape));
    return page.body(coding).bytes.length;
  }
  return {
    cache,
    renderings,
    ask,
    /** Asks for `count` lists, each of a project of its own. */
    async fill(count: number, coding: Coding = 'identity') {
      let sent = 0;
      for (let index = 0; index < count; index++) sent += await ask(linksOf(index), coding);
      return sent;
    },
  };
}

const REFUSAL = { type: 'answered', status: 403, headers: { 'x-error-code': 'NO' } } as const;

// Names and shapes that V8 makes once are made before anything is measured.
beforeAll(async () => {
  const warm = createGateway(bodyOf(4));
  for (const coding of ['identity', 'br', 'gzip'] as const) await warm.fill(100, coding);
});

test('10 000 lists take at most 1.3 times what Atlas sent of the process, and are counted as they are', async () => {
  const body = bodyOf(55);
  const sent = LISTINGS * body.length;
  const { cache, renderings, fill } = createGateway(body);
  const before = await heldByProcess();
  await fill(LISTINGS);
  const grown = (await heldByProcess()) - before;
  expect(cache.size).toBe(LISTINGS);
  expect(body.length).toBeGreaterThan(12_000);
  expect(grown / sent).toBeLessThan(1.3);
  expect(cache.bytes / sent).toBeLessThan(1.3);
  expectNear((cache.bytes + renderings.bytes) / grown);
});

test('short lists are counted as they are too, each at most 2 300 bytes more than Atlas sent', async () => {
  const body = bodyOf(4);
  const { cache, renderings, fill } = createGateway(body);
  const before = await heldByProcess();
  await fill(LISTINGS);
  const grown = (await heldByProcess()) - before;
  expect(cache.size).toBe(LISTINGS);
  expect(grown / LISTINGS - body.length).toBeLessThan(2_300);
  expectNear((cache.bytes + renderings.bytes) / grown);
});

test('a page is kept ready when it is asked for again, and counted with each of its forms', async () => {
  const pages = 1_000;
  const { renderings, fill } = createGateway(bodyOf(55));
  await fill(pages);
  const placesOnly = renderings.bytes;
  let [held, counted] = [await heldByProcess(), placesOnly];
  for (const coding of ['identity', 'br', 'gzip'] as const) {
    const sent = await fill(pages, coding);
    const [heldNow, countedNow] = [await heldByProcess(), renderings.bytes];
    expect(countedNow - counted).toBeGreaterThan(sent);
    // Room is counted for the heads that are prepared with each form, which nothing prepares here.
    expect((heldNow - held) / (countedNow - counted)).toBeLessThan(1);
    expect((countedNow - counted - 1_900 * pages) / (heldNow - held)).toBeLessThan(1.15);
    [held, counted] = [heldNow, countedNow];
  }
});

test('a refusal that is a small part of something larger is kept without it', async () => {
  const refusals = 200;
  const { cache } = createGateway(bodyOf(4));
  const question = {
    operation: 'operation',
    lifetimes: { freshMs: 0, staleWhileRevalidateMs: 0, staleIfErrorMs: 0 },
    demand: NO_DEMAND,
    mayLoad: () => undefined,
    stretch: () => 1,
    load: async () => {
      const response = { ...REFUSAL, body: Buffer.alloc(65_536, ' ').subarray(0, 100) };
      return { type: 'refused' as const, response, meaning: 'no' as const };
    },
  };
  const before = await heldByProcess();
  for (let index = 0; index < refusals; index++)
    await cache.read({ ...question, project: String(index), key: 'key' });
  const grown = (await heldByProcess()) - before;
  expect(cache.size).toBe(refusals);
  expect(grown).toBeLessThan(refusals * 10_000);
});

/** A filter that is as long as one may be, and different for each number. */
const longFilter = (number: number) => `requesterAccountId=${number}-${'@'.repeat(1_000)}`;
const FILTERED = `/api/atlas/v2/groups/${'a'.repeat(24)}/streams/vpcPeeringConnections`;

test('lists with long filters are counted with their keys', async () => {
  const { cache, renderings, ask } = createGateway(bodyOf(1));
  for (let number = 0; number < 100; number++) await ask(FILTERED, 'identity', longFilter(-number - 1));
  const [before, counted] = [await heldByProcess(), cache.bytes + renderings.bytes];
  for (let number = 0; number < 2_000; number++) await ask(FILTERED, 'identity', longFilter(number));
  const grown = (await heldByProcess()) - before;
  expectNear((cache.bytes + renderings.bytes - counted) / grown);
});

test('pages with long keys are counted with them', async () => {
  const { cache, renderings, ask } = createGateway(bodyOf(1));
  const page = (number: number) => ask(FILTERED, 'identity', `${longFilter(0)}&pageNum=${number}`);
  for (let number = 10_000; number < 10_100; number++) await page(number);
  const [before, counted] = [await heldByProcess(), cache.bytes + renderings.bytes];
  for (let number = 1; number <= 5_000; number++) await page(number);
  const grown = (await heldByProcess()) - before;
  expectNear((cache.bytes + renderings.bytes - counted) / grown);
});

test.each([100, 3_000])(
  'listings that links lead back to are counted with keys of %i characters',
  async (length) => {
    const snapshots = createSnapshots<string>(ROOM, { clock });
    const times = { loadedAt: 0, freshUntil: 0, staleUntil: 0, fallbackUntil: 0 };
    // Made of bytes, so that no two keys have characters in common.
    const keyOf = (number: number) => Buffer.alloc(length, `${number}-`).toString('latin1');
    const keep = (number: number) =>
      snapshots.keep(String(number), keyOf(number), 'AAAAAAAAAAAA', 'list', times, 0);
    for (let number = 0; number < 100; number++) keep(-number - 1);
    const [before, counted] = [await heldByProcess(), snapshots.bytes];
    for (let number = 0; number < 5_000; number++) keep(number);
    const grown = (await heldByProcess()) - before;
    expectNear((snapshots.bytes - counted) / grown);
  },
);
