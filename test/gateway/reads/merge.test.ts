import { expect, test } from 'vitest';
import { countItems, itemValue, parseListBody } from '../../../src/atlas/list-parser.ts';
import type { Credential } from '../../../src/gateway/credentials/selection.ts';
import { createListingFactory, loadedListing } from '../../../src/gateway/reads/create-listing.ts';
import { mergeAcrossCredentials } from '../../../src/gateway/reads/merge.ts';
import { upstreamFailure } from '../../../src/upstream/failure.ts';

const listings = createListingFactory({ publicUrl: () => 'http://gateway.test', nextRevision: () => 1 });

async function listingOf(results: readonly unknown[]) {
  const page = parseListBody(Buffer.from(JSON.stringify({ links: [], results, totalCount: results.length })));
  if (page.type !== 'list') throw new Error(page.detail);
  return loadedListing(await listings.whole([page.items], {}));
}

const credential = (name: string): Credential => ({
  name,
  send: async () => upstreamFailure('UPSTREAM_FAILED', 'Nothing is sent in this test.'),
  freshnessFactor: () => 1,
});

/** What several credentials see, merged. */
async function merge(
  seen: Readonly<Record<string, readonly unknown[]>>,
  identityFields: readonly string[],
): Promise<readonly unknown[] | string> {
  const merged = await mergeAcrossCredentials(
    { credentials: Object.keys(seen).map(credential), identityFields },
    async ({ name }) => listingOf(seen[name] ?? []),
    async (items) => loadedListing(await listings.whole([items], {})),
  );
  if (merged.type !== 'loaded' || merged.value.type !== 'list') return merged.type;
  const { items } = merged.value;
  return Array.from({ length: countItems(items) }, (_none, index) => itemValue(items, index));
}

test.each([
  [
    'identity fields, as the first credential sees them',
    ['id'],
    [
      { id: 'a', size: 1 },
      { id: 'b', size: 1 },
      { id: 'c', size: 2 },
    ],
  ],
  [
    'bytes, if no field identifies them',
    [],
    [
      { id: 'a', size: 1 },
      { id: 'b', size: 1 },
      { id: 'b', size: 2 },
      { id: 'c', size: 2 },
    ],
  ],
])(
  'items that several credentials see are told apart by their %s',
  async (_title, identityFields, expected) => {
    const seen = {
      first: [
        { id: 'a', size: 1 },
        { id: 'b', size: 1 },
      ],
      second: [
        { id: 'a', size: 1 },
        { id: 'b', size: 2 },
        { id: 'c', size: 2 },
      ],
    };
    expect(await merge(seen, identityFields)).toEqual(expected);
  },
);

test('a list across projects is as old as the oldest of the lists it is merged from', async () => {
  const loads = [
    { ...(await listingOf([{ id: 'a' }])), loadedAt: 2_000 },
    { ...(await listingOf([{ id: 'b' }])), loadedAt: 1_000 },
  ];
  const merged = await mergeAcrossCredentials(
    { credentials: [credential('one'), credential('other')], identityFields: ['id'] },
    async () => loads.shift() ?? listingOf([]),
    async (items) => loadedListing(await listings.whole([items], {})),
  );
  expect(merged).toMatchObject({ type: 'loaded', loadedAt: 1_000 });
});
