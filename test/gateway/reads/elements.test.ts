import { beforeEach, describe, expect, test } from 'vitest';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { ANYBODY, createRequestGateway, type RequestGateway } from '../../support/request-gateway.ts';
import { atlasError, createScriptedAtlas, type ScriptedAtlas } from '../../support/scripted-atlas.ts';
import { createMemoryFile } from '../../support/virtual-gateway.ts';

type Item = Readonly<Record<string, unknown>>;

const GROUP = '64b7c0ffee000000000a0001';
const PROJECT = `/api/atlas/v2/groups/${GROUP}`;
const LIST = `${PROJECT}/streams/privateLinkConnections`;
const USERS = `${PROJECT}/databaseUsers`;
const idOf = (number: number) => `6a7941d3c0eb9e7a17${String(number).padStart(6, '0')}`;
const itemOf = (number: number): Item => ({ _id: idOf(number), provider: 'AZURE', state: 'IDLE' });
const pathOf = (number: number) => `${LIST}/${idOf(number)}`;

let clock: FakeClock;
let atlas: ScriptedAtlas;
let gateway: RequestGateway;
/** What Atlas has at this moment. */
let items: Item[];

/** Answers list and elements from the same items, as Atlas does. */
function answerFromItems(identify: (item: Item) => string = ({ _id }) => String(_id)): void {
  atlas.answerWith((path, query) => {
    const element = items.find((item) => path.endsWith(`/${identify(item)}`));
    if (element !== undefined) return { json: element };
    if (path !== LIST && path !== USERS && !path.endsWith('/clusters')) return atlasError(404, 'NOT_THERE');
    const size = Number(query.get('itemsPerPage'));
    const from = (Number(query.get('pageNum')) - 1) * size;
    return { json: { links: [], results: items.slice(from, from + size), totalCount: items.length } };
  });
}

beforeEach(() => {
  clock = createFakeClock();
  atlas = createScriptedAtlas({ clock });
  items = [itemOf(1), itemOf(2), itemOf(3)];
  answerFromItems();
  gateway = createRequestGateway({ exchange: atlas.exchange }, { clock });
});

/** A response that needs time to pass. */
async function ask(...[target, options]: Parameters<RequestGateway['ask']>) {
  const reply = gateway.ask(target, options);
  await clock.advance(0);
  return reply;
}

const cacheStatusOf = async (target: string) => (await ask(target)).headers['cache-status'];
const elementCalls = () => atlas.calls.filter((target) => target.startsWith(`${LIST}/`));
const listCalls = () => atlas.calls.filter((target) => target.startsWith(`${LIST}?`));

describe('an element of a cached list', () => {
  test('is answered from it, without a call to Atlas', async () => {
    await ask(LIST);
    for (let number = 1; number <= 3; number++)
      expect(await ask(pathOf(number))).toMatchObject({
        status: 200,
        text: JSON.stringify(itemOf(number)),
        headers: {
          'cache-status': 'atlas-gateway; hit; ttl=30; detail=list',
          'content-type': 'application/vnd.atlas.2023-02-01+json;charset=utf-8',
        },
      });
    expect(atlas.calls).toHaveLength(1);
  });

  test('has the same bytes and entity tag in every format as if Atlas had been asked', async () => {
    const formats = ['', '?envelope=true'];
    const alone = [];
    for (const format of formats) alone.push(await ask(`${pathOf(1)}${format}`));
    gateway.caches.purge({ soft: false });
    await ask(LIST);
    for (const [index, format] of formats.entries()) {
      // The second request is answered from the rendered page.
      for (const again of [false, true]) {
        const listed = await ask(`${pathOf(1)}${format}`);
        expect([again, listed.text, listed.headers['etag']]).toEqual([
          again,
          alone[index]?.text,
          alone[index]?.headers['etag'],
        ]);
      }
    }
    expect((await ask(pathOf(2))).text).toBe(JSON.stringify(itemOf(2)));
    expect((await ask(LIST)).text).toContain(idOf(3));
  });

  test('that the list does not contain is 404 by Atlas only, and disturbs nobody', async () => {
    await ask(LIST);
    for (let poll = 0; poll < 5; poll++) {
      expect((await ask(pathOf(9))).headers['x-error-code']).toBe('NOT_THERE');
      await clock.advance(5_000);
    }
    expect(elementCalls()).toHaveLength(5);
    expect(await cacheStatusOf(pathOf(1))).toBe('atlas-gateway; hit; ttl=5; detail=list');
    expect(listCalls()).toHaveLength(1);
  });

  test('that the list does not contain costs one call in five seconds, however often it is polled', async () => {
    await ask(LIST);
    for (let poll = 0; poll < 20; poll++) {
      expect((await ask(pathOf(9))).status).toBe(404);
      await clock.advance(1_000);
    }
    expect(elementCalls().length).toBeLessThanOrEqual(4);
    expect((await ask(LIST)).headers['cache-status']).toBe('atlas-gateway; hit; ttl=10');
    expect(listCalls()).toHaveLength(1);
  });

  test('never begins a walk: a list that is not cached stays so', async () => {
    await ask(pathOf(1));
    await ask(pathOf(1));
    expect(atlas.calls).toEqual([pathOf(1)]);
  });

  test('is answered by what was loaded later, list or element', async () => {
    await ask(LIST);
    await clock.advance(1_000);
    items = [{ ...itemOf(1), state: 'FAILED' }];
    await ask(pathOf(1), { cacheControl: 'no-cache' });
    expect((await ask(pathOf(1))).text).toContain('FAILED');
    await clock.advance(1_000);
    items = [{ ...itemOf(1), state: 'DELETING' }];
    await ask(LIST, { cacheControl: 'no-cache' });
    expect((await ask(pathOf(1))).text).toContain('DELETING');
    expect(elementCalls()).toHaveLength(1);
  });

  test('in a stale listing of one page refreshes the listing', async () => {
    await ask(LIST);
    await clock.advance(60_000);
    expect(await cacheStatusOf(pathOf(1))).toBe('atlas-gateway; hit; ttl=-30; detail=list');
    await clock.advance(0);
    expect(await cacheStatusOf(pathOf(1))).toBe('atlas-gateway; hit; ttl=30; detail=list');
    await clock.advance(3_600_000);
    expect(await cacheStatusOf(pathOf(2))).toBe('atlas-gateway; fwd=stale; stored; detail=list');
    expect([listCalls().length, elementCalls().length]).toEqual([3, 0]);
  });

  test('that is gone from a refreshed listing is asked of Atlas', async () => {
    await ask(LIST);
    await clock.advance(3_600_000);
    items = [itemOf(2)];
    expect((await ask(pathOf(1))).status).toBe(404);
    expect([listCalls().length, elementCalls().length]).toEqual([2, 1]);
  });

  test('in a stale listing of several pages is refreshed alone', async () => {
    items = Array.from({ length: 501 }, (_none, number) => itemOf(number));
    await ask(LIST);
    const calls = listCalls().length;
    expect(await cacheStatusOf(pathOf(500))).toMatch(/detail=list$/);
    await clock.advance(60_000);
    expect(await cacheStatusOf(pathOf(500))).toBe('atlas-gateway; fwd=miss; stored');
    expect([listCalls().length, elementCalls().length]).toEqual([calls, 1]);
  });

  test('that Atlas does not have any more ends the freshness of the listing that contains it', async () => {
    await ask(LIST);
    items = [itemOf(2), itemOf(3)];
    expect((await ask(pathOf(1), { cacheControl: 'no-cache' })).status).toBe(404);
    expect((await ask(pathOf(2))).text).toBe(JSON.stringify(itemOf(2)));
    await clock.advance(0);
    expect(listCalls()).toHaveLength(2);
    expect((await ask(pathOf(1))).status).toBe(404);
  });

  test.each([
    ['is refreshed', false],
    ['cannot be refreshed', true],
  ])('that Atlas does not have any more stays 404 while its listing %s', async (_title, isDown) => {
    await ask(LIST);
    items = [itemOf(2), itemOf(3)];
    expect((await ask(pathOf(1), { cacheControl: 'no-cache' })).status).toBe(404);
    if (isDown)
      atlas.answerWith((path) => atlasError(path === LIST ? 500 : 404, path === LIST ? 'DOWN' : 'NOT_THERE'));
    for (let poll = 0; poll < 3; poll++) {
      expect((await ask(pathOf(1))).status).toBe(404);
      expect((await ask(pathOf(2))).text).toBe(JSON.stringify(itemOf(2)));
      await clock.advance(20_000);
    }
  });

  test('that Atlas does not have any more is not answered from a copy of the listing that is older', async () => {
    const file = createMemoryFile();
    gateway = createRequestGateway({ exchange: atlas.exchange, file }, { clock });
    await ask(LIST);
    await gateway.persistence.stop();
    items = [itemOf(2), itemOf(3)];
    await clock.advance(1_000);
    await ask(pathOf(1), { cacheControl: 'no-cache' });
    gateway.caches.purge({ soft: false });
    gateway.persistence.restore();
    expect((await ask(pathOf(1))).status).toBe(404);
    expect(await cacheStatusOf(pathOf(2))).toMatch(/detail=list$/);
  });

  test('is served to those who may read it, though not the list', async () => {
    const caller = { ...ANYBODY, operations: new Set(['getGroupStreamPrivateLinkConnection']) };
    await ask(LIST);
    expect((await ask(pathOf(1), { caller })).headers['cache-status']).toMatch(/detail=list$/);
    expect((await ask(LIST, { caller })).status).toBe(403);
    const nobody = { ...ANYBODY, operations: new Set<string>() };
    const replies = [await ask(pathOf(1), { caller: nobody }), await ask(pathOf(9), { caller: nobody })];
    expect(replies[0]).toEqual(replies[1]);
    expect(replies[0]?.status).toBe(403);
  });

  test('is refused in the same words to those who may read neither it nor the list, cached or not', async () => {
    const caller = { ...ANYBODY, operations: new Set<string>() };
    const cold = [await ask(pathOf(1), { caller }), await ask(LIST, { caller })];
    expect(atlas.calls).toEqual([]);
    await ask(LIST);
    expect((await ask(pathOf(1))).status).toBe(200);
    const warm = [await ask(pathOf(1), { caller }), await ask(LIST, { caller })];
    expect(warm).toEqual(cold);
    expect(warm.map(({ status }) => status)).toEqual([403, 403]);
  });

  test('that was deleted after its list was read is 404, and its own copy is removed with the listing', async () => {
    await ask(pathOf(1));
    await clock.advance(1_000);
    await ask(LIST);
    items = [itemOf(2), itemOf(3)];
    const gone = await ask(pathOf(1), { cacheControl: 'no-cache' });
    expect([gone.status, gone.headers['x-error-code']]).toEqual([404, 'NOT_THERE']);
    atlas.answerWith(() => ({ status: 500, body: '' }));
    await clock.advance(10_000);
    // Nothing that is left of it is served, not even while Atlas is down; the others of its list are.
    const waiting = gateway.ask(pathOf(1));
    await clock.advance(20_000);
    expect((await waiting).status).toBe(502);
    expect((await ask(pathOf(2))).text).toBe(JSON.stringify(itemOf(2)));
  });

  test('is no longer answered from a purged listing', async () => {
    await ask(LIST);
    gateway.caches.purge({ operation: 'listGroupStreamPrivateLinkConnections', soft: false });
    await ask(pathOf(1));
    expect(elementCalls()).toHaveLength(1);
  });

  test('is answered from a listing of the snapshot file', async () => {
    const file = createMemoryFile();
    gateway = createRequestGateway({ exchange: atlas.exchange, file }, { clock });
    await ask(LIST);
    await gateway.persistence.stop();
    gateway = createRequestGateway({ exchange: atlas.exchange, file }, { clock });
    gateway.persistence.restore();
    expect(await cacheStatusOf(pathOf(3))).toMatch(/detail=list$/);
  });

  test('is asked of Atlas if two items have its id', async () => {
    items = [itemOf(1), itemOf(1), itemOf(2)];
    await ask(LIST);
    await ask(pathOf(1));
    await ask(pathOf(2));
    expect(elementCalls()).toEqual([pathOf(1)]);
  });

  test.each([
    ['the operator says so', { operations: { listGroupStreamPrivateLinkConnections: { whole: false } } }],
    ['it has too many items', { maxItems: 2 }],
  ])('is asked of Atlas if its list is cached by the page because %s', async (_why, cache) => {
    gateway = createRequestGateway({ exchange: atlas.exchange, cache }, { clock });
    await ask(LIST);
    await ask(pathOf(1));
    expect(elementCalls()).toHaveLength(1);
  });
});

describe('which elements are answered from a list', () => {
  test('those of a version that recordings show to be equal', async () => {
    const clusters = `${PROJECT}/clusters`;
    items = [{ name: 'orders', stateName: 'IDLE' }];
    answerFromItems(({ name }) => String(name));
    const accepts = ['2023-01-01', '2023-02-01', '2024-08-05'].map(
      (version) => `application/vnd.atlas.${version}+json`,
    );
    const statuses: unknown[] = [];
    for (const accept of accepts) {
      await ask(clusters, { accept });
      statuses.push((await ask(`${clusters}/orders`, { accept })).headers['cache-status']);
    }
    expect(statuses.map((status) => String(status).endsWith('detail=list'))).toEqual([false, true, true]);
  });

  test('never one of another version', async () => {
    const clusters = `${PROJECT}/clusters`;
    items = [{ name: 'orders', stateName: 'IDLE' }];
    answerFromItems(({ name }) => String(name));
    await ask(clusters, { accept: 'application/vnd.atlas.2024-08-05+json' });
    const other = await ask(`${clusters}/orders`, { accept: 'application/vnd.atlas.2023-02-01+json' });
    expect(other.headers['cache-status']).toBe('atlas-gateway; fwd=miss; stored');
  });

  test.each([true, false])('those that the operator names: fromList %s', async (fromList) => {
    const cache = { operations: { getGroupStreamPrivateLinkConnection: { fromList } } };
    gateway = createRequestGateway({ exchange: atlas.exchange, cache }, { clock });
    await ask(LIST);
    await ask(pathOf(1));
    expect(elementCalls()).toHaveLength(fromList ? 0 : 1);
  });

  test('those without parameters of their own', async () => {
    const workspaces = `${PROJECT}/streams`;
    atlas.answerWith((path) =>
      path === workspaces
        ? { json: { results: [{ name: 'one' }], totalCount: 1 } }
        : { json: { name: 'one' } },
    );
    await ask(workspaces);
    expect(await cacheStatusOf(`${workspaces}/one`)).toMatch(/detail=list$/);
    expect(await cacheStatusOf(`${workspaces}/one?includeConnections=true`)).toMatch(/fwd=miss/);
  });

  test.each([
    ['7', '7', true],
    ['"7"', '7', true],
    ['9007199254740993', '9007199254740993', true],
    // The same floating point number, but not the same id.
    ['9007199254740993', '9007199254740992', false],
    ['7.0', '7', false],
    ['true', 'true', false],
    ['null', 'null', false],
    ['{"a":7}', '7', false],
    ['"gr\\u00fc\\u00dfe 1"', 'gr%C3%BC%C3%9Fe%201', true],
    ['"a/b"', 'a%2Fb', true],
  ])('an id that the list writes %s is %s in a path: %s', async (written, inPath, isListed) => {
    const item = `{"name": ${written} ,"url":"x"}`;
    const connections = `${PROJECT}/streams/one/connections`;
    atlas.answerWith((path) => ({
      body: path === connections ? `{"links":[],"results":[${item}],"totalCount":1}` : '{"from":"Atlas"}',
    }));
    await ask(connections);
    expect((await ask(`${connections}/${inPath}`)).text).toBe(isListed ? item : '{"from":"Atlas"}');
  });

  test('never one of two items whose ids differ only in type: a number and a string', async () => {
    const connections = `${PROJECT}/streams/one/connections`;
    atlas.answerWith((path) =>
      path === connections
        ? { json: { links: [], results: [{ name: 7 }, { name: '7' }], totalCount: 2 } }
        : { json: { from: 'Atlas' } },
    );
    await ask(connections);
    expect((await ask(`${connections}/7`)).text).toBe('{"from":"Atlas"}');
  });

  test('those with an id of two parts, or one of several fields', async () => {
    const entries = `${PROJECT}/accessList`;
    const results = [
      { cidrBlock: '10.0.0.1/32', ipAddress: '10.0.0.1' },
      { cidrBlock: '10.1.0.0/16' },
      { databaseName: 'admin', username: 'bob' },
      { databaseName: 'admin', username: 7 },
    ];
    atlas.answerWith(() => ({ json: { results, totalCount: results.length } }));
    await ask(entries);
    await ask(USERS);
    const answers: unknown[] = [];
    for (const path of [`${entries}/10.0.0.1`, `${USERS}/admin/bob`, `${USERS}/admin/7`])
      answers.push(JSON.parse((await ask(path)).text));
    expect(answers).toEqual([results[0], results[2], results[3]]);
    expect(atlas.calls).toHaveLength(2);
  });
});
