import { beforeAll, expect, test } from 'vitest';
import { createCatalog } from '../../src/atlas/catalog.ts';
import { renderPage } from '../../src/atlas/page-renderer.ts';
import { linkParameters, resolveQuery } from '../../src/atlas/query.ts';
import { NO_DIRECTIVES } from '../../src/cache/decide.ts';
import { createPinnedListings } from '../../src/cache/pinned-listings.ts';
import { createListCache } from '../../src/cache/read-cache.ts';
import { type ContentCoding, createRenderedPages } from '../../src/cache/rendered-pages.ts';
import { createListLoader } from '../../src/gateway/reads/list-loader.ts';
import type { CachedList, Listing } from '../../src/gateway/reads/listing.ts';
import { createListingFilter } from '../../src/gateway/reads/listing-filter.ts';
import { createReadService } from '../../src/gateway/reads/read-service.ts';
import { createSystemClock } from '../../src/lib/clock.ts';
import { privateLinkConnection } from '../../src/simulator/items.ts';
import type { UpstreamFailure } from '../../src/upstream/message.ts';
import { lists as operations } from '../support/lists.ts';
import { heldByProcess } from '../support/process-memory.ts';

const LISTINGS = 10_000;
/** Filling takes longer on a machine that has other work to do. */
const SLOW_MS = 90_000;
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

/** The two `LRUCache`s of a project, one of lists and one of pages, take this much more than a linked list would. */
const PROJECT_BYTES = 3_072;

/** The counted bytes differ from the measured memory by at most 15 %. */
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

/** The list and page caches of a gateway whose upstream requests are all answered with `body`. */
function createGateway(body: Buffer) {
  const cache = createListCache<CachedList, UpstreamFailure>(
    {
      ...ROOM,
      negativeTtlMs: 5_000,
      refreshPauseMs: 5_000,
      longestPauseMs: 60_000,
      isRepeatable: () => true,
      kindOf: () => 'list',
      maxLoads: 100,
      maxWaiting: 100,
    },
    { clock, observe: () => undefined },
  );
  const renderedPages = createRenderedPages(ROOM);
  const answer = { type: 'answered' as const, status: 200, headers: {}, body };
  const credential = [{ name: 'sample', send: async () => answer, freshnessFactor: () => 1 }];
  let revisions = 0;
  const lists = createReadService(
    { timeoutMs: 1_000 },
    {
      cache,
      loader: createListLoader(
        {
          publicUrl: () => 'https://gateway.example',
          maxItems: 10_000,
          maxBytes: Number.MAX_SAFE_INTEGER,
          nextRevision: () => ++revisions,
          isShared: false,
        },
        { clock, observe: () => undefined },
      ),
      clock,
      cachePolicyOf: () => ({ freshMs: 1e9, staleWhileRevalidateMs: 0, staleIfErrorMs: 0, whole: true }),
      credentials: { candidatesFor: () => credential, all: () => credential },
      pinnedListings: createPinnedListings<Listing>(ROOM, { clock }),
      onUpstreamCall: () => undefined,
      onGone: () => undefined,
      admitLoad: () => undefined,
      filterFor: createListingFilter(() => 0),
    },
  );
  /** Reads a list and renders the page with this number; returns the length of the page. */
  async function ask(path: string, coding: ContentCoding, rawQuery = ''): Promise<number> {
    const match = catalog.match(path);
    if (match.type !== 'matched') throw new Error(`${path} is ${match.type}`);
    const { operation, pathParameters } = match;
    const query = resolveQuery(operation, rawQuery);
    if (query.type !== 'resolved') throw new Error('the query is invalid');
    const { filters, shape } = query;
    const version = { mediaType: 'application/vnd.atlas.2023-02-01+json', version: '2023-02-01' };
    const reader = lists.createReader({
      operation,
      pathParameters,
      ...version,
      filters,
      shape,
      caller: CALLER,
    });
    const read = await reader.read(NO_DIRECTIVES);
    if (read?.type !== 'value') throw new Error(`${path} is ${read?.type}`);
    const list = read.value;
    const source = { ...list, address: path, parameters: '', suffix: '' };
    const key = `${list.revision} ${linkParameters(operation, shape, filters)}100/${shape.pageNum}`;
    const page = renderedPages.get(pathParameters['groupId'] ?? '', key, () => renderPage(source, shape));
    return (await page.body(coding)).bytes.length;
  }
  return {
    cache,
    renderedPages,
    ask,
    /** Reads `count` lists, each in its own project. */
    async fill(count: number, coding: ContentCoding = 'identity') {
      let sent = 0;
      for (let index = 0; index < count; index++) sent += await ask(linksOf(index), coding);
      return sent;
    },
  };
}

const REFUSAL = { type: 'answered', status: 403, headers: { 'x-error-code': 'NO' } } as const;

// Warm up, so that strings and hidden classes that V8 creates once are not measured.
beforeAll(async () => {
  const warm = createGateway(bodyOf(4));
  for (const coding of ['identity', 'br', 'gzip'] as const) await warm.fill(100, coding);
});

test(
  '10 000 lists take at most 1.3 times the bytes that Atlas sent and 3 KiB per project, and are counted accurately',
  async () => {
    const body = bodyOf(55);
    const sent = LISTINGS * body.length;
    const { cache, renderedPages, fill } = createGateway(body);
    const before = await heldByProcess();
    await fill(LISTINGS);
    const grown = (await heldByProcess()) - before;
    expect(cache.size).toBe(LISTINGS);
    expect(body.length).toBeGreaterThan(12_000);
    expect((grown - LISTINGS * PROJECT_BYTES) / sent).toBeLessThan(1.3);
    expect((cache.bytes - LISTINGS * PROJECT_BYTES) / sent).toBeLessThan(1.3);
    expectNear((cache.bytes + renderedPages.bytes) / grown);
  },
  SLOW_MS,
);

test(
  'short lists are counted accurately too, and each takes at most 2 400 bytes more than Atlas sent and 3 KiB per project',
  async () => {
    const body = bodyOf(4);
    const { cache, renderedPages, fill } = createGateway(body);
    const before = await heldByProcess();
    await fill(LISTINGS);
    const grown = (await heldByProcess()) - before;
    expect(cache.size).toBe(LISTINGS);
    expect(grown / LISTINGS - body.length - PROJECT_BYTES).toBeLessThan(2_400);
    expectNear((cache.bytes + renderedPages.bytes) / grown);
  },
  SLOW_MS,
);

test('a page is cached from its second request on, and counted with each of its representations', async () => {
  const pages = 1_000;
  const { renderedPages, fill } = createGateway(bodyOf(55));
  await fill(pages);
  const placesOnly = renderedPages.bytes;
  let [window, counted] = [await heldByProcess(), placesOnly];
  for (const coding of ['identity', 'br', 'gzip'] as const) {
    const sent = await fill(pages, coding);
    const [heldNow, countedNow] = [await heldByProcess(), renderedPages.bytes];
    expect(countedNow - counted).toBeGreaterThan(sent);
    // The count includes the prepared heads of each representation, which this test does not create.
    expect((heldNow - window) / (countedNow - counted)).toBeLessThan(1);
    expect((countedNow - counted - 1_900 * pages) / (heldNow - window)).toBeLessThan(1.15);
    [window, counted] = [heldNow, countedNow];
  }
});

test('a cached 4xx body that is a view of a larger buffer does not retain that buffer', async () => {
  const refusals = 200;
  const { cache } = createGateway(bodyOf(4));
  const request = {
    operation: 'operation',
    lifetimes: { freshMs: 0, staleWhileRevalidateMs: 0, staleIfErrorMs: 0 },
    directives: NO_DIRECTIVES,
    admitLoad: () => undefined,
    freshnessFactor: () => 1,
    load: async () => {
      const response = { ...REFUSAL, body: Buffer.alloc(65_536, ' ').subarray(0, 100) };
      return { type: 'refused' as const, response, invalidatesCache: false };
    },
  };
  const before = await heldByProcess();
  for (let index = 0; index < refusals; index++)
    await cache.read({ ...request, project: String(index), key: 'key' });
  const grown = (await heldByProcess()) - before;
  expect(cache.size).toBe(refusals);
  expect(grown).toBeLessThan(refusals * 10_000);
});

/** A filter of maximum length, different for each number. */
const longFilter = (number: number) => `requesterAccountId=${number}-${'@'.repeat(1_000)}`;
const FILTERED = `/api/atlas/v2/groups/${'a'.repeat(24)}/streams/vpcPeeringConnections`;

test('lists with long filters are counted with their keys', async () => {
  const { cache, renderedPages, ask } = createGateway(bodyOf(1));
  for (let number = 0; number < 100; number++) await ask(FILTERED, 'identity', longFilter(-number - 1));
  const [before, counted] = [await heldByProcess(), cache.bytes + renderedPages.bytes];
  for (let number = 0; number < 2_000; number++) await ask(FILTERED, 'identity', longFilter(number));
  const grown = (await heldByProcess()) - before;
  expectNear((cache.bytes + renderedPages.bytes - counted) / grown);
});

test('pages with long keys are counted with their keys', async () => {
  const { cache, renderedPages, ask } = createGateway(bodyOf(1));
  const page = (number: number) => ask(FILTERED, 'identity', `${longFilter(0)}&pageNum=${number}`);
  for (let number = 10_000; number < 10_100; number++) await page(number);
  const [before, counted] = [await heldByProcess(), cache.bytes + renderedPages.bytes];
  for (let number = 1; number <= 5_000; number++) await page(number);
  const grown = (await heldByProcess()) - before;
  expectNear((cache.bytes + renderedPages.bytes - counted) / grown);
});

test.each([100, 3_000])(
  'listings that links lead back to are counted with keys of %i characters',
  async (length) => {
    const pinnedListings = createPinnedListings<string>(ROOM, { clock });
    const times = { loadedAt: 0, freshUntil: 0, revalidateUntil: 0, staleIfErrorUntil: 0 };
    // Built from bytes, so that no two keys share characters.
    const keyOf = (number: number) => Buffer.alloc(length, `${number}-`).toString('latin1');
    const pin = (number: number) =>
      pinnedListings.pin(String(number), keyOf(number), 'AAAAAAAAAAAA', 'list', times, 0);
    for (let number = 0; number < 100; number++) pin(-number - 1);
    const [before, counted] = [await heldByProcess(), pinnedListings.bytes];
    for (let number = 0; number < 5_000; number++) pin(number);
    const grown = (await heldByProcess()) - before;
    expectNear((pinnedListings.bytes - counted) / grown);
  },
);
