import { describe, expect, test } from 'vitest';
import { createCatalog } from '../../src/atlas/catalog.ts';
import { parseListBody } from '../../src/atlas/list-parser.ts';
import { operations } from '../../src/atlas/operations.ts';
import type { Caller } from '../../src/gateway/auth/key-auth.ts';
import { createOwnProject } from '../../src/gateway/own-project.ts';
import type { Listing, ReadQuery, ReadResult } from '../../src/gateway/reads/listing.ts';
import { createListingFilter } from '../../src/gateway/reads/listing-filter.ts';
import { upstreamFailure } from '../../src/upstream/failure.ts';

const [MINE, THEIRS] = ['a'.repeat(24), 'b'.repeat(24)];
const team: Caller = {
  name: 'team',
  projects: new Set([MINE]),
  organizations: new Set(),
  operations: new Set(['reads']),
};

function projectsOf(items: readonly unknown[]): Listing {
  const body = parseListBody(Buffer.from(JSON.stringify({ results: items })));
  if (body.type !== 'list') throw new Error(body.detail);
  const paging = { whole: true, offset: 0, totalCount: items.length, hasMore: false };
  return { type: 'list', revision: 1, items: body.items, ...paging, snapshot: 's', versionHeaders: {} };
}

const ALL_PROJECTS = projectsOf([
  { id: MINE, name: 'orders' },
  { id: THEIRS, name: 'payroll' },
  { id: MINE, name: 7 },
]);
const window = { loadedAt: 0, freshUntil: 0, revalidateUntil: 0, staleIfErrorUntil: 0 };

/** Looks up names with a list of projects that is filtered like the one of the gateway. */
function lookUp(read: (query: ReadQuery) => ReadResult | undefined) {
  const queries: ReadQuery[] = [];
  const lists = {
    createReader: (query: ReadQuery) => ({
      read() {
        queries.push(query);
        return read(query);
      },
      pin() {},
    }),
  };
  return { queries, ownProject: createOwnProject({ catalog: createCatalog(operations), lists }) };
}

describe('the project of a name', () => {
  let revisions = 1;
  const filterFor = createListingFilter(() => ++revisions);
  const { queries, ownProject } = lookUp(({ caller, operation }) => ({
    type: 'value',
    value: filterFor(caller, operation.id, ALL_PROJECTS),
    window,
    cacheStatus: { outcome: 'hit' },
    upstreamCalls: 0,
  }));

  test.each([
    ['orders', 'own'],
    ['payroll', 'foreign'],
    ['nothing', 'foreign'],
    ['Orders', 'foreign'],
    ['', 'foreign'],
    ['7', 'foreign'],
    ['__proto__', 'foreign'],
  ])('%j is %s', async (name, type) => {
    expect(await ownProject({ caller: team, name })).toEqual({ type });
  });

  test('is looked up in the list of projects of the caller, and nowhere else', async () => {
    queries.length = 0;
    await ownProject({ caller: team, name: 'payroll' });
    expect(queries).toMatchObject([
      { operation: { id: 'listGroups' }, caller: team, mediaType: 'application/vnd.atlas.2023-01-01+json' },
    ]);
  });
});

test.each<[title: string, read: ReadResult | undefined]>([
  ['no credential can list projects', undefined],
  [
    'the list cannot be loaded',
    {
      type: 'failed',
      failure: upstreamFailure('UPSTREAM_TIMEOUT', 'Atlas did not answer.'),
      cacheStatus: { outcome: 'miss' },
      upstreamCalls: 1,
    },
  ],
])('a name is unknown if %s, and the request fails for the same reason', async (_title, read) => {
  expect(await lookUp(() => read).ownProject({ caller: team, name: 'orders' })).toEqual({
    type: 'unknown',
    read,
  });
});
