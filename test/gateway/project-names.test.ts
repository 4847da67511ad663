import { expect, test } from 'vitest';
import { parseListBody } from '../../src/atlas/list-parser.ts';
import type { CacheEntry } from '../../src/cache/entry-store.ts';
import { freshnessWindow } from '../../src/cache/freshness.ts';
import { createProjectNames } from '../../src/gateway/project-names.ts';
import type { CachedList } from '../../src/gateway/reads/listing.ts';

const LIFETIMES = { freshMs: 30_000, staleWhileRevalidateMs: 300_000, staleIfErrorMs: 3_600_000 };

function entry(operation: string, results: readonly unknown[]): CacheEntry<CachedList> {
  const body = parseListBody(Buffer.from(JSON.stringify({ results })));
  if (body.type !== 'list') throw new Error(body.detail);
  return {
    project: '-',
    operation,
    key: operation,
    value: {
      type: 'list',
      revision: 1,
      items: body.items,
      whole: true,
      offset: 0,
      hasMore: false,
      snapshot: '1',
      versionHeaders: {},
    },
    window: freshnessWindow(0, LIFETIMES),
    bytes: 1,
  };
}

test('names come from the cached lists of projects and organizations only', () => {
  const listings = [
    entry('listGroups', [
      { id: 'p1', name: 'orders' },
      { id: 'p2' },
      { id: 3, name: 'number' },
      'text',
      null,
    ]),
    entry('listOrgs', [{ id: 'o1', name: 'Example' }]),
    entry('listGroupClusters', [{ id: 'c1', name: 'Cluster0' }]),
    { ...entry('listGroups', []), value: { type: 'long' } as const },
  ];
  const names = createProjectNames({ cache: { listings: () => listings } });
  const expected = new Map([
    ['p1', 'orders'],
    ['o1', 'Example'],
  ]);
  expect(names()).toEqual(expected);
  listings.pop();
  expect(names()).toEqual(expected);
});
