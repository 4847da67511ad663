import { beforeEach, describe, expect, test } from 'vitest';
import { createFakeClock, type FakeClock, settled } from '../../support/fake-clock.ts';
import { createVirtualAtlas, projectPath, type VirtualAtlas } from '../../support/virtual-atlas.ts';
import {
  createVirtualGateway,
  type VirtualGateway,
  type VirtualRead,
} from '../../support/virtual-gateway.ts';

const MINUTE_MS = 60_000;
const path = projectPath(0);
const itemOf = (index: number) => ({ _id: index.toString(16).padStart(24, '0') });
const itemsOf = (count: number) => Array.from({ length: count }, (_none, index) => itemOf(index));
const pageNum = (number: number) => `itemsPerPage=100&pageNum=${number}`;

describe('a list that has become too long to be cached whole', () => {
  let clock: FakeClock;
  let atlas: VirtualAtlas;
  let gateway: VirtualGateway;

  const change = (weather: object) => atlas.change({ ...weather, projects: 1 });
  const read = (options: Partial<VirtualRead> = {}) => settled(clock, gateway.read({ path, ...options }), 50);

  beforeEach(async () => {
    clock = createFakeClock();
    atlas = createVirtualAtlas({ weather: { latency: '10ms', projects: 1 }, maxConnections: 64 }, { clock });
    gateway = createVirtualGateway({ exchange: atlas.exchange, maxItems: 1_000 }, { clock });
    atlas.replace(path, itemsOf(900), itemOf);
    await read();
    atlas.replace(path, itemsOf(1_100), itemOf);
    await clock.advance(10 * MINUTE_MS);
    await read();
  });

  test('the page that was read of it is a hit', async () => {
    expect(await read()).toMatchObject({ outcome: '200', cache: 'hit' });
  });

  test('is served from its last whole listing where a page cannot be loaded', async () => {
    change({ lists: [{ status: 503 }] });
    const reply = await read({ query: pageNum(9) });
    expect(reply).toMatchObject({ outcome: '200', cache: 'stale', items: itemsOf(900).slice(800) });
  });

  test('is cached whole again once it is short enough', async () => {
    atlas.replace(path, itemsOf(800), itemOf);
    await clock.advance(15 * MINUTE_MS);
    await read();
    await clock.advance(1_000);
    expect(await read({ query: pageNum(8) })).toMatchObject({ outcome: '200', cache: 'hit' });
    atlas.replace(path, itemsOf(1_100), itemOf);
    await clock.advance(15 * MINUTE_MS);
    await read();
    change({ lists: [{ status: 503 }] });
    expect((await read({ query: pageNum(8) })).items).toHaveLength(100);
    expect((await read({ query: pageNum(9) })).items).toHaveLength(0);
  });

  test('is not served at all once Atlas says that it is gone', async () => {
    await clock.advance(MINUTE_MS);
    change({ lists: [{ status: 404, errorCode: 'GROUP_NOT_FOUND' }] });
    await read({ query: pageNum(2) });
    change({ lists: [{ status: 503 }] });
    await clock.advance(MINUTE_MS);
    for (const number of [1, 2, 9])
      expect((await read({ query: pageNum(number) })).outcome).toBe('UPSTREAM_FAILED');
  });

  test('is not stored if it was purged while it loaded', async () => {
    await clock.advance(15 * MINUTE_MS);
    const reading = gateway.read({ path });
    gateway.purge();
    await settled(clock, reading, 50);
    change({ lists: [{ status: 503 }] });
    await clock.advance(MINUTE_MS);
    for (const number of [1, 9])
      expect((await read({ query: pageNum(number) })).outcome).toBe('UPSTREAM_FAILED');
  });
});
