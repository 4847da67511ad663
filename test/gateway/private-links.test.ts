import { describe, expect, test } from 'vitest';
import { parseListBody } from '../../src/atlas/list-parser.ts';
import type { CacheEntry } from '../../src/cache/entry-store.ts';
import { freshnessWindow } from '../../src/cache/freshness.ts';
import { createPrivateLinks, PRIVATE_LINK_CONNECTIONS } from '../../src/gateway/private-links.ts';
import type { CachedList } from '../../src/gateway/reads/listing.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const LIFETIMES = { freshMs: 30_000, staleWhileRevalidateMs: 300_000, staleIfErrorMs: 3_600_000 };
let revision = 0;

function listing(
  project: string,
  items: readonly unknown[],
  more: { at?: number; whole?: boolean; offset?: number; operation?: string } = {},
): CacheEntry<CachedList> {
  const body = parseListBody(Buffer.from(JSON.stringify({ results: items })));
  if (body.type !== 'list') throw new Error(body.detail);
  const { at = 0, whole = true, offset = 0, operation = PRIVATE_LINK_CONNECTIONS } = more;
  const value: CachedList = {
    type: 'list',
    revision: ++revision,
    items: body.items,
    whole,
    offset,
    hasMore: !whole,
    snapshot: String(revision),
    versionHeaders: {},
  };
  return {
    project,
    operation,
    key: String(revision),
    value,
    window: freshnessWindow(at, LIFETIMES),
    bytes: 1,
  };
}

function create(held: CacheEntry<CachedList>[]) {
  const clock = createFakeClock();
  return { clock, held, links: createPrivateLinks({ cache: { listings: () => held }, clock }) };
}
const connection = (state: unknown, provider: unknown = 'AWS', vendor: unknown = 'MSK') => ({
  _id: 'x',
  provider,
  vendor,
  state,
});

describe('cached private link connections', () => {
  test('are counted by project, provider, vendor and state', () => {
    const { links } = create([
      listing('p1', [connection('DONE'), connection('DONE'), connection('FAILED', 'AZURE', null)]),
      listing('p2', [connection('IDLE')]),
      listing('p2', [connection('IDLE')], { operation: 'listGroupClusters' }),
    ]);
    expect(links.counts()).toEqual([
      { project: 'p1', provider: 'AWS', vendor: 'MSK', state: 'DONE', connections: 2 },
      { project: 'p1', provider: 'AZURE', vendor: 'none', state: 'FAILED', connections: 1 },
      { project: 'p2', provider: 'AWS', vendor: 'MSK', state: 'IDLE', connections: 1 },
    ]);
  });

  test('the newer of two lists of a project counts; an expired list does not', async () => {
    const { links, clock } = create([
      listing('p1', [connection('WORKING')], { at: 100 }),
      listing('p1', [connection('DONE')], { at: 200 }),
    ]);
    expect(links.counts().map(({ state }) => state)).toEqual(['DONE']);
    expect(links.connectionsOf('p1')).toMatchObject({ items: [{ state: 'DONE' }], whole: true });
    await clock.advance(3_700_000);
    expect(links.counts()).toEqual([]);
    expect(links.connectionsOf('p1')).toBeUndefined();
  });

  test('overlapping pages of a list that is cached page by page are counted once', () => {
    const page = (offset: number, count: number) =>
      listing('p1', Array(count).fill(connection('DONE')), { whole: false, offset });
    const { links } = create([page(2, 2), page(0, 2), page(0, 1), page(3, 5), page(10, 1)]);
    expect(links.counts()).toMatchObject([{ connections: 5 }]);
    expect(links.connectionsOf('p1')).toMatchObject({ whole: false });
    expect(links.connectionsOf('p1')?.items).toHaveLength(5);
  });

  test('hostile values become other: label values stay plain and few', () => {
    const hostile = ['"}\n# HELP', '\u202eenoD', 'x'.repeat(1_000), 7, {}, [], '<script>', 'lower', true];
    const many = Array.from({ length: 5_000 }, (_none, index) =>
      connection(`STATE_${index}`, `PROVIDER_${index}`, `VENDOR_${index}`),
    );
    const { links } = create([
      listing('p1', [...hostile.map((value) => connection(value, value, value)), null, 'text', ...many]),
      listing('p2', [connection('FAILED'), connection(''), connection(null)]),
    ]);
    const counts = links.counts();
    for (const kind of ['provider', 'vendor', 'state'] as const) {
      const values = new Set(counts.map((count) => count[kind]));
      expect(values.size).toBeLessThanOrEqual(18);
      for (const value of values) expect(value).toMatch(/^([A-Z][A-Z0-9_]{0,31}|other|none)$/);
    }
    expect(counts).toContainEqual({
      project: 'p2',
      provider: 'AWS',
      vendor: 'MSK',
      state: 'FAILED',
      connections: 1,
    });
    expect(counts.filter(({ project }) => project === 'p2').map(({ state }) => state)).toContain('none');
  });

  test('the number of series is bounded; past the bound only the state stays distinct', () => {
    const { links } = create(
      Array.from({ length: 3_000 }, (_none, index) => listing(`p${index}`, [connection('FAILED')])),
    );
    const counts = links.counts();
    expect(counts.length).toBeLessThanOrEqual(2_020);
    expect(counts.reduce((sum, { connections }) => sum + connections, 0)).toBe(3_000);
    expect(new Set(counts.map(({ state }) => state))).toEqual(new Set(['FAILED']));
  });
});
