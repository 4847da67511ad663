import { beforeEach, describe, expect, test } from 'vitest';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { createRequestGateway, GATEWAY_ORIGIN, type RequestGateway } from '../../support/request-gateway.ts';
import { atlasError, createScriptedAtlas, type ScriptedAtlas } from '../../support/scripted-atlas.ts';
import { createMemoryFile } from '../../support/virtual-gateway.ts';

const GROUP = '64b7c0ffee000000000a0001';
const PROJECT = `/api/atlas/v2/groups/${GROUP}`;
/** One path of each kind that is not a paginated list. */
const SETTINGS = `${PROJECT}/settings`;
const CONTAINER = `${PROJECT}/containers/64b7c0ffee000000000c0001`;
const ROLES = `${PROJECT}/customDBRoles/roles`;
const SNAPSHOTS = `${PROJECT}/clusters/orders/backup/snapshots/shardedClusters`;
const MEASUREMENTS = `${PROJECT}/processes/host.example.com:27017/measurements?granularity=PT1M`;
const POLICY = { isDataExplorerEnabled: true, name: 'orders' };

let clock: FakeClock;
let atlas: ScriptedAtlas;
let gateway: RequestGateway;

beforeEach(() => {
  clock = createFakeClock();
  atlas = createScriptedAtlas({ clock });
  atlas.answerWith(() => ({ json: POLICY }));
  gateway = createRequestGateway({ exchange: atlas.exchange }, { clock });
});

/** A response that needs time to pass. */
async function ask(...[target, options]: Parameters<RequestGateway['ask']>) {
  const reply = gateway.ask(target, options);
  await clock.advance(0);
  return reply;
}

describe('a document', () => {
  test('is loaded once and served as Atlas sent it', async () => {
    const first = await ask(SETTINGS);
    const second = await ask(SETTINGS);
    expect([first.text, second.text]).toEqual([JSON.stringify(POLICY), JSON.stringify(POLICY)]);
    expect(first.headers).toMatchObject({
      'content-type': 'application/vnd.atlas.2023-01-01+json;charset=utf-8',
      'cache-status': 'atlas-gateway; fwd=miss; stored',
    });
    expect(second.headers).toMatchObject({
      'cache-status': 'atlas-gateway; hit; ttl=30',
      'cache-control': 'private, max-age=30',
    });
    expect(atlas.calls).toEqual([SETTINGS]);
  });

  test.each([
    ['', '{"isDataExplorerEnabled":true,"name":"orders"}'],
    ['?envelope=true', '{"content":{"isDataExplorerEnabled":true,"name":"orders"},"status":200}'],
    ['?pretty=true', '{\n  "isDataExplorerEnabled" : true,\n  "name" : "orders"\n}'],
    [
      '?pretty=true&envelope=true',
      '{\n  "content" : {\n    "isDataExplorerEnabled" : true,\n    "name" : "orders"\n  },\n  "status" : 200\n}',
    ],
  ])('in the format of %j is rendered from the one copy', async (query, body) => {
    await ask(SETTINGS);
    expect((await ask(`${SETTINGS}${query}`)).text).toBe(body);
    expect(atlas.calls).toHaveLength(1);
  });

  test('that is an array is wrapped in an envelope, too', async () => {
    atlas.answerWith(() => ({ json: [{ roleName: 'reader' }] }));
    expect((await ask(ROLES)).text).toBe('[{"roleName":"reader"}]');
    expect((await ask(`${ROLES}?envelope=true`)).text).toBe(
      '{"content":[{"roleName":"reader"}],"status":200}',
    );
  });

  test.each(['true', '"text"', '12'])('may be a mere %s', async (body) => {
    atlas.answerWith(() => ({ body }));
    const managed = `${PROJECT}/managedSlowMs`;
    expect((await ask(managed)).text).toBe(body);
    expect((await ask(`${managed}?envelope=true&pretty=true`)).text).toBe(
      `{\n  "content" : ${body},\n  "status" : 200\n}`,
    );
  });

  test('with results is its own envelope', async () => {
    atlas.answerWith(() => ({ json: { links: [], results: [1], totalCount: 1 } }));
    expect((await ask(`${SNAPSHOTS}?envelope=true`)).text).toBe(
      '{"links":[],"results":[1],"status":200,"totalCount":1}',
    );
  });

  test('has an entity tag for each format and coding, and is answered 304 to those who have it', async () => {
    atlas.answerWith(() => ({ json: { text: 'x'.repeat(2_000) } }));
    const plain = await ask(SETTINGS);
    const packed = await ask(SETTINGS, { acceptEncoding: 'gzip' });
    expect(packed.headers['content-encoding']).toBe('gzip');
    const tags = [plain, packed].map(({ headers }) => headers['etag'] ?? '');
    expect(new Set(tags).size).toBe(2);
    const known = await ask(SETTINGS, { ifNoneMatch: tags[0] ?? '' });
    expect([known.status, known.text]).toEqual([304, '']);
  });

  test('answers HEAD with the headers of GET', async () => {
    const { headers } = await ask(SETTINGS);
    const head = await ask(SETTINGS, { method: 'HEAD' });
    expect(head.text).toBe('');
    for (const name of ['content-length', 'content-type', 'etag'])
      expect(head.headers[name]).toBe(headers[name]);
  });

  test('is loaded once for all callers that arrive meanwhile', async () => {
    atlas = createScriptedAtlas({ clock, delayMs: 200 });
    gateway = createRequestGateway({ exchange: atlas.exchange }, { clock });
    const replies = Promise.all([gateway.ask(SETTINGS), gateway.ask(`${SETTINGS}?pretty=true`)]);
    await clock.advance(100);
    expect(gateway.loads()).toEqual({ waiting: 0, loading: 1 });
    await clock.advance(100);
    expect((await replies).map(({ headers }) => headers['cache-status'])).toEqual([
      'atlas-gateway; fwd=miss; stored',
      'atlas-gateway; fwd=miss; stored; collapsed',
    ]);
    expect(atlas.calls).toHaveLength(1);
    expect(gateway.loads()).toEqual({ waiting: 0, loading: 0 });
  });

  test('is refreshed behind a stale answer, and served when Atlas fails', async () => {
    await ask(SETTINGS);
    await clock.advance(60_000);
    expect((await ask(SETTINGS)).headers['cache-status']).toBe('atlas-gateway; hit; ttl=-30');
    await clock.advance(0);
    expect(atlas.calls).toHaveLength(2);
    atlas.answerWith(() => ({ status: 500, body: '' }));
    await clock.advance(3_600_000);
    const waiting = gateway.ask(SETTINGS);
    await clock.advance(10_000);
    expect(await waiting).toMatchObject({ status: 200, text: JSON.stringify(POLICY) });
    expect((await waiting).headers['cache-status']).toMatch(/detail=UPSTREAM_FAILED$/);
  });

  test('that takes long is answered with the older copy after 1.5 s', async () => {
    await ask(SETTINGS);
    await clock.advance(3_600_000);
    atlas.answerWith(() => 'nothing');
    const waiting = gateway.ask(SETTINGS);
    await clock.advance(1_500);
    expect((await waiting).headers['cache-status']).toMatch(/detail=SLOW$/);
    await clock.advance(30_000);
  });

  test('that does not come in time is 504 for its caller', async () => {
    atlas.answerWith(() => 'nothing');
    const waiting = gateway.ask(SETTINGS);
    await clock.advance(30_000);
    expect(await waiting).toMatchObject({ status: 504, headers: { 'x-error-code': 'UPSTREAM_TIMEOUT' } });
  });

  test('that Atlas does not have is 404 for a moment, without a second call', async () => {
    atlas.answerWith(() => atlasError(404, 'CONTAINER_NOT_FOUND'));
    const replies = [await ask(CONTAINER), await ask(CONTAINER)];
    for (const reply of replies)
      expect(reply).toMatchObject({ status: 404, headers: { 'x-error-code': 'CONTAINER_NOT_FOUND' } });
    expect(atlas.calls).toHaveLength(1);
    await clock.advance(5_000);
    await ask(CONTAINER);
    expect(atlas.calls).toHaveLength(2);
  });

  test('that is gone is evicted', async () => {
    await ask(CONTAINER);
    await clock.advance(600_000);
    atlas.answerWith(() => atlasError(404, 'CONTAINER_NOT_FOUND'));
    expect((await ask(CONTAINER)).status).toBe(404);
    expect((await ask(CONTAINER, { cacheControl: 'only-if-cached, max-stale' })).status).not.toBe(200);
  });

  test('is purged by project and by operation', async () => {
    await ask(SETTINGS);
    gateway.caches.purge({ operation: 'getGroupContainer', soft: false });
    await ask(SETTINGS);
    expect(atlas.calls).toHaveLength(1);
    gateway.caches.purge({ operation: 'getGroupSettings', soft: false });
    await ask(SETTINGS);
    gateway.caches.purge({ project: GROUP, soft: false });
    await ask(SETTINGS);
    expect(atlas.calls).toHaveLength(3);
  });

  test('survives a restart in the snapshot file', async () => {
    const file = createMemoryFile();
    gateway = createRequestGateway({ exchange: atlas.exchange, file }, { clock });
    await ask(SETTINGS);
    await gateway.persistence.stop();
    gateway = createRequestGateway({ exchange: atlas.exchange, file }, { clock });
    gateway.persistence.restore();
    expect((await ask(SETTINGS)).text).toBe(JSON.stringify(POLICY));
    expect(atlas.calls).toHaveLength(1);
  });

  test('counts in the share of its project', async () => {
    atlas.answerWith(() => ({ json: { text: 'x'.repeat(100_000) } }));
    await ask(SETTINGS);
    const [size] = [...gateway.caches.all.sizes()];
    expect(size).toMatchObject({ project: GROUP, entries: 1 });
    expect(size?.bytes).toBeGreaterThan(100_000);
  });

  test('pauses while its loads fail, as a list does', async () => {
    atlas.answerWith(() => ({ status: 500, body: '' }));
    for (let load = 0; load < 2; load++) {
      const waiting = gateway.ask(SETTINGS);
      await clock.advance(3_000);
      expect((await waiting).status).toBe(502);
    }
    const before = atlas.calls.length;
    expect(gateway.caches.all.coolingDown()).toEqual({ list: 1, page: 0 });
    expect((await ask(SETTINGS)).status).toBe(502);
    expect(atlas.calls).toHaveLength(before);
  });

  test('has links that lead to what is served, and leaves the others with Atlas', async () => {
    const hrefs = (host: string) => [
      `${host}${PROJECT}/clusters`,
      `https://cloud.mongodb.com${PROJECT}/whitelist`,
      `${host}${PROJECT}/databaseUsers?pageNum=2`,
    ];
    const withLinks = (host: string) =>
      JSON.stringify({ links: hrefs(host).map((href) => ({ href, rel: 'x' })) });
    atlas.answerWith(() => ({ body: withLinks('https://cloud.mongodb.com') }));
    expect((await ask(SETTINGS)).text).toBe(withLinks(GATEWAY_ORIGIN));
  });

  test('keeps the deprecation headers that Atlas sent', async () => {
    atlas.answerWith(() => ({ json: POLICY, headers: { sunset: 'Thu, 1 Jan 2027 00:00:00 GMT' } }));
    expect((await ask(SETTINGS)).headers['sunset']).toBe('Thu, 1 Jan 2027 00:00:00 GMT');
  });

  test('is requested for each page it is asked for, where it has pages', async () => {
    const suggested = `${PROJECT}/processes/host.example.com:27017/performanceAdvisor/suggestedIndexes`;
    await ask(`${suggested}?pageNum=2`);
    await ask(suggested);
    await ask(`${suggested}?pageNum=1&itemsPerPage=100`);
    expect(atlas.calls.map((target) => new URLSearchParams(target.split('?')[1]).get('pageNum'))).toEqual([
      '2',
      '1',
    ]);
  });
});

describe('a body that is not the document', () => {
  test.each([
    ['an array where an object belongs', SETTINGS, '[{"a":1}]'],
    ['an object where an array belongs', ROLES, '{"a":1}'],
    ['HTML', SETTINGS, '<html>Bad gateway</html>'],
    ['cut JSON', SETTINGS, '{"a":[1,2'],
    ['JSON with something behind it', SETTINGS, '{"a":1}{"b":2}'],
    ['a string', SETTINGS, '"text"'],
    ['an object where a boolean belongs', `${SETTINGS.replace('/settings', '')}/managedSlowMs`, '{"a":1}'],
    ['nothing', SETTINGS, ''],
  ])('is 502: %s', async (_what, path, body) => {
    atlas.answerWith(() => ({ body }));
    const waiting = gateway.ask(path);
    await clock.advance(20_000);
    expect(await waiting).toMatchObject({
      status: 502,
      headers: { 'x-error-code': 'UPSTREAM_BAD_BODY', 'cache-control': 'no-store' },
    });
  });

  test('is not taken for a 404 of Atlas', async () => {
    atlas.answerWith(() => ({ status: 404, body: '<html>Not found</html>' }));
    const waiting = gateway.ask(SETTINGS);
    await clock.advance(20_000);
    expect((await waiting).status).toBe(502);
  });
});

describe('a document of a time range', () => {
  test('is served while it is fresh, and never after that', async () => {
    const first = await ask(MEASUREMENTS);
    expect(first.status).toBe(200);
    await ask(MEASUREMENTS);
    expect(atlas.calls).toHaveLength(1);
    atlas.answerWith(() => ({ status: 500, body: '' }));
    await clock.advance(30_000);
    const waiting = gateway.ask(MEASUREMENTS);
    await clock.advance(20_000);
    expect((await waiting).status).toBe(502);
  });

  test('is not written to the snapshot file', async () => {
    const file = createMemoryFile();
    gateway = createRequestGateway({ exchange: atlas.exchange, file }, { clock });
    await ask(MEASUREMENTS);
    await gateway.persistence.stop();
    expect(file.read()).toEqual([]);
  });

  test('takes at most a tenth of the share of its project, and no room of lists', async () => {
    atlas.answerWith(() => ({ json: { text: 'x'.repeat(20_000) } }));
    const maxBytes = 16_777_216;
    gateway = createRequestGateway({ exchange: atlas.exchange, cache: { maxBytes } }, { clock });
    await ask(SETTINGS);
    for (let minute = 10; minute < 60; minute++)
      await ask(`${MEASUREMENTS}&start=2026-08-10T00:${minute}:00Z&end=2026-08-10T01:00:00Z`);
    const share = 0.6 * maxBytes * 0.25;
    expect(gateway.caches.timeRanges.bytes).toBeLessThanOrEqual(share / 10);
    expect(gateway.caches.timeRanges.size).toBeGreaterThan(2);
    expect(gateway.caches.lists.size).toBe(1);
    expect([...gateway.caches.all.sizes()]).toHaveLength(1);
  });

  test('is removed by a soft purge, because it must not be served stale', async () => {
    await ask(MEASUREMENTS);
    gateway.caches.purge({ soft: true });
    await ask(MEASUREMENTS);
    expect(atlas.calls).toHaveLength(2);
  });
});
