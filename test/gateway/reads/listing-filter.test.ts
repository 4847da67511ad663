import { describe, expect, test } from 'vitest';
import { parseListBody, sliceItems } from '../../../src/atlas/list-parser.ts';
import type { Caller } from '../../../src/gateway/auth/key-auth.ts';
import type { Listing } from '../../../src/gateway/reads/listing.ts';
import { createListingFilter } from '../../../src/gateway/reads/listing-filter.ts';
import { snapshotOf } from '../../../src/gateway/reads/snapshot-id.ts';

type Granted = readonly string[] | 'all';

const idsOf = (granted: Granted) => (granted === 'all' ? granted : new Set(granted));
const callerWith = (projects: Granted, organizations: Granted = []): Caller => ({
  name: 'team',
  projects: idsOf(projects),
  organizations: idsOf(organizations),
  operations: new Set(['lists']),
});

function listOf(items: readonly unknown[], whole = true): Listing {
  const body = parseListBody(Buffer.from(JSON.stringify({ results: items })));
  if (body.type !== 'list') throw new Error(body.detail);
  return {
    type: 'list',
    revision: 1,
    items: body.items,
    whole,
    offset: 0,
    totalCount: items.length,
    hasMore: false,
    snapshot: snapshotOf(body.items),
    versionHeaders: { Sunset: 'later' },
  };
}

function createTestFilter() {
  let revisions = 1;
  return createListingFilter(() => ++revisions);
}
const itemsIn = ({ items }: Listing): unknown =>
  JSON.parse(`[${sliceItems(items, 0, Number.MAX_SAFE_INTEGER).toString()}]`);

const a = { id: 'a', groupId: 'x' };
const b = { id: 'b', groupId: 'y' };
const c = { id: 'c', groupId: 'x' };

describe('the items that a caller sees', () => {
  test.each<[title: string, operation: string, Caller, items: readonly unknown[], seen: readonly unknown[]]>([
    ['its projects, by id', 'listGroups', callerWith(['a', 'c']), [a, b, c], [a, c]],
    ['in the order of the list', 'getOrgGroups', callerWith(['c', 'b']), [a, b, c], [b, c]],
    ['its projects, by groupId', 'listClusterDetails', callerWith(['x']), [a, b, c], [a, c]],
    ['its projects of an account', 'getOrgServiceAccountGroups', callerWith(['y']), [a, b, c], [b]],
    ['its keys', 'listOrgAiModelApiKeys', callerWith(['y']), [a, b, c], [b]],
    ['its organizations', 'listOrgs', callerWith('all', ['b']), [a, b, c], [b]],
    ['all projects, if they are granted', 'listGroups', callerWith('all'), [a, b, c], [a, b, c]],
    ['no organization for all projects', 'listOrgs', callerWith('all'), [a, b, c], []],
    ['nothing without grants', 'listGroups', callerWith([]), [a, b, c], []],
    ['nothing of an empty list', 'listGroups', callerWith(['a']), [], []],
    ['a duplicate item, twice', 'listGroups', callerWith(['a']), [a, a], [a, a]],
    ['no item without an id', 'listGroups', callerWith(['a', 'undefined']), [{}, { id: null }], []],
    ['no item whose id is not a string', 'listGroups', callerWith(['1']), [{ id: 1 }, { id: ['1'] }], []],
    ['no item that is not an object', 'listGroups', callerWith(['a']), ['a', null, ['a'], 7], []],
    ['lists of one project unfiltered', 'listGroupClusters', callerWith(['a']), [a, b, c], [a, b, c]],
  ])('%s', (_title, operation, caller, items, seen) => {
    const filtered = createTestFilter()(caller, operation, listOf(items));
    expect(itemsIn(filtered)).toEqual(seen);
    expect(filtered.totalCount).toBe(seen.length);
  });
});

describe('a filtered list', () => {
  const filterFor = createTestFilter();
  const list = listOf([a, b, c]);

  test('is the list itself for callers that see all of it', () => {
    expect(filterFor(callerWith('all'), 'listGroups', list)).toBe(list);
  });

  test('is created once for all callers that see the same items', () => {
    const filtered = filterFor(callerWith(['a', 'c']), 'listGroups', list);
    expect(filterFor(callerWith(['c', 'a']), 'listGroups', list)).toBe(filtered);
    expect(filterFor(callerWith(['a']), 'listGroups', list)).not.toBe(filtered);
  });

  test('has its own revision and keeps the other fields of the list', () => {
    const filtered = filterFor(callerWith(['a']), 'listGroups', list);
    expect(filtered.revision).not.toBe(list.revision);
    expect(filtered).toMatchObject({
      type: 'list',
      whole: true,
      offset: 0,
      hasMore: false,
      versionHeaders: list.versionHeaders,
    });
  });

  test('has a snapshot id that depends only on its own items', () => {
    const caller = callerWith(['a', 'c']);
    const filtered = filterFor(caller, 'listGroups', list);
    expect(filterFor(caller, 'listGroups', listOf([b, a, b, c])).snapshot).toBe(filtered.snapshot);
    expect(filterFor(caller, 'listGroups', listOf([c, a])).snapshot).not.toBe(filtered.snapshot);
    expect(filtered.snapshot).not.toBe(list.snapshot);
  });

  test('is not created from a page', () => {
    expect(() => filterFor(callerWith(['a']), 'listGroups', listOf([a, b], false))).toThrow('whole list');
    expect(filterFor(callerWith('all'), 'listGroups', listOf([a, b], false)).whole).toBe(false);
  });
});
