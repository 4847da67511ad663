import { describe, expect, test } from 'vitest';
import { operations } from '../../src/atlas/operations.ts';
import { prettyPrint } from '../../src/atlas/pretty.ts';
import type { Json } from '../../src/simulator/pages.ts';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { existing, fill, LINK_ORIGIN, resultsOf, startAtlas } from '../support/simulated-reads.ts';

const { orders, empty } = SAMPLE_PROJECTS;
const PROJECT = `/api/atlas/v2/groups/${orders.id}`;
const NEWEST = '2024-08-05';
const PROCESS_ARGUMENTS = `${PROJECT}/clusters/a/processArgs`;

/** Elements with more links than the items of their lists. */
const RICHER = ['getGroup', 'getGroupByName', 'getGroupAlert', 'getGroupProcess', 'getOrg'];
const ELEMENTS = operations
  .filter(({ element }) => element !== undefined)
  .map((operation) => ({ id: operation.id, operation }));

const fieldOf = (value: Json | undefined, name: string): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;

const withoutLinks = (value: Json | undefined) => ({ ...Object(value), links: undefined });

describe('elements', () => {
  test.each(ELEMENTS)('$id is an item of its list', async ({ operation }) => {
    const atlas = startAtlas();
    const [{ name: version } = { name: '' }] = operation.versions;
    const { samples, item } = await existing(atlas, operation, version);
    const { body } = await atlas.get(fill(operation.path, samples), version);
    if (RICHER.includes(operation.id)) {
      expect(withoutLinks(body)).toEqual(withoutLinks(item));
      expect(fieldOf(body, 'links')).toEqual(expect.arrayContaining(Object(fieldOf(item, 'links'))));
    } else expect(body).toEqual(item);
  });

  test('an item names the address of its element', async () => {
    const atlas = startAtlas();
    const [user] = resultsOf((await atlas.get(`${PROJECT}/databaseUsers`, NEWEST)).body);
    const [link] = Object(fieldOf(user, 'links'));
    expect(link.href).toContain(`${LINK_ORIGIN}${PROJECT}/databaseUsers/`);
    expect((await atlas.get(link.href.slice(LINK_ORIGIN.length), NEWEST)).body).toEqual(user);
  });

  test('a cluster that is not there', async () => {
    const { status, headers, text } = await startAtlas().get(`${PROJECT}/clusters/cluster-607`, NEWEST);
    expect([status, headers['X-Error-Code'], headers['RateLimit-Limit']]).toEqual([
      404,
      'CLUSTER_NOT_FOUND',
      '10000',
    ]);
    expect(text).toBe(
      `{"detail":"No cluster named cluster-607 exists in group ${orders.id}.","error":404,"errorCode":"CLUSTER_NOT_FOUND","parameters":["cluster-607","${orders.id}"],"reason":"Not Found"}`,
    );
  });

  test('another element that is not there', async () => {
    const { status, headers } = await startAtlas().get(`${PROJECT}/alerts/${'1'.repeat(24)}`, NEWEST);
    expect([status, headers['X-Error-Code']]).toEqual([404, 'RESOURCE_NOT_FOUND']);
  });

  test('an element of a list that was replaced', async () => {
    const atlas = startAtlas();
    atlas.world.replace(`${PROJECT}/streams`, [{ name: 'instance-1', groupId: orders.id }]);
    expect((await atlas.get(`${PROJECT}/streams/instance-1`, NEWEST)).text).toBe(
      `{"groupId":"${orders.id}","name":"instance-1"}`,
    );
    expect((await atlas.get(`${PROJECT}/streams/instance-2`, NEWEST)).status).toBe(404);
  });
});

describe('generated data', () => {
  const read = (path: string, version = NEWEST, headers = {}) => startAtlas().get(path, version, headers);

  test.each([
    `${PROJECT}/clusters`,
    `${PROJECT}/customDBRoles/roles`,
    PROCESS_ARGUMENTS,
    `/api/atlas/v2/orgs/${orders.orgId}/invoices/pending`,
  ])('%s is the same in every simulator', async (path) => {
    expect((await read(path)).text).toBe((await read(path)).text);
  });

  test('versions of a list have the same items', async () => {
    const names = async (version: string) =>
      resultsOf((await read(`${PROJECT}/clusters`, version)).body).map((item) => fieldOf(item, 'name'));
    expect(await names('2023-01-01')).toEqual(await names('2024-08-05'));
    expect(new Set(await names('2024-08-05')).size).toBe(37);
  });

  test('a list is as long as the enumeration that identifies its items', async () => {
    const types = resultsOf((await read('/api/atlas/v2/defaultGroupLimits', 'preview')).body).map((item) =>
      fieldOf(item, 'name'),
    );
    expect(types).toHaveLength(13);
    expect(new Set(types).size).toBe(13);
  });

  test('items name the project and organization of their path', async () => {
    for (const item of resultsOf((await read(`${PROJECT}/events`)).body))
      expect(fieldOf(item, 'groupId')).toBe(orders.id);
  });

  test('other filters select other items, a default that is written out the same ones', async () => {
    const plain = resultsOf((await read(`${PROJECT}/events`)).body);
    expect(resultsOf((await read(`${PROJECT}/events?includeRaw=false`)).body)).toEqual(plain);
    expect(resultsOf((await read(`${PROJECT}/events?includeRaw=true`)).body)).not.toEqual(plain);
  });

  test('fields that are in effect are only for those who ask for them', async () => {
    const path = `${PROJECT}/clusters?itemsPerPage=500`;
    expect((await read(path)).text).not.toContain('"effective');
    expect((await read(path, NEWEST, { 'use-effective-instance-fields': 'true' })).text).toContain(
      '"effective',
    );
  });

  test('an empty project has no items', async () => {
    const path = `/api/atlas/v2/groups/${empty.id}/customDBRoles/roles`;
    expect((await read(path)).text).toBe('[]');
  });
});

describe('forms', () => {
  test.each([`${PROJECT}/customDBRoles/roles`, PROCESS_ARGUMENTS])('%s', async (path) => {
    const atlas = startAtlas();
    const { text } = await atlas.get(path, NEWEST);
    expect((await atlas.get(`${path}?pretty=true`, NEWEST)).text).toBe(
      prettyPrint(Buffer.from(text)).toString(),
    );
    expect((await atlas.get(`${path}?envelope=true`, NEWEST)).text).toBe(`{"content":${text},"status":200}`);
    expect((await atlas.get(`${path}?other=1`, NEWEST)).headers['X-Error-Code']).toBe(
      'INVALID_QUERY_PARAMETER',
    );
  });

  test('a version is deprecated from the day of its successor', async () => {
    const { headers } = await startAtlas().get(`${PROJECT}/clusters`, '2023-02-01');
    expect(headers).toMatchObject({
      Deprecation: 'Mon, 5 Aug 2024 00:00:00 GMT',
      Sunset: 'Thu, 1 Jul 2027 00:00:00 GMT',
    });
  });

  test.each([
    ['/clusters', '10000'],
    ['/clusters/a/backup/snapshots', '1200'],
    ['/customDBRoles/roles', '2000'],
    ['', '1200'],
    ['/processes', '300'],
  ])('%s has the recorded limit', async (path, limit) => {
    expect((await startAtlas().get(`${PROJECT}${path}`, NEWEST)).headers['RateLimit-Limit']).toBe(limit);
  });
});

describe('weather', () => {
  test('arrays have as many items, and documents as many bytes, as the weather says', async () => {
    const atlas = startAtlas({
      lists: [
        { operation: 'listGroupCustomDbRoleRoles', items: 300 },
        { operation: 'getGroupClusterProcessArgs', itemBytes: '20KiB' },
      ],
    });
    expect((await atlas.get(`${PROJECT}/customDBRoles/roles`, NEWEST)).body).toHaveLength(300);
    expect((await atlas.get(PROCESS_ARGUMENTS, NEWEST)).text.length).toBeGreaterThan(20_000);
  });

  test('a document changes as often as the weather says, and only then', async () => {
    const atlas = startAtlas({ churn: { pairs: 1 } });
    const read = async () => (await atlas.get(PROCESS_ARGUMENTS, NEWEST)).text;
    const first = await read();
    expect(await read()).toBe(first);
    await atlas.clock.advance(1_000);
    expect(await read()).not.toBe(first);
  });

  test('an element is gone when the weather deleted its item', async () => {
    const atlas = startAtlas({ churn: { deletes: 1 } });
    const [cluster] = resultsOf((await atlas.get(`${PROJECT}/clusters`, NEWEST)).body);
    const path = `${PROJECT}/clusters/${fieldOf(cluster, 'name')}`;
    expect((await atlas.get(path, NEWEST)).status).toBe(200);
    await atlas.clock.advance(60_000);
    expect((await atlas.get(path, NEWEST)).status).toBe(404);
  });

  test('documents take the time and have the failures of the weather', async () => {
    const atlas = startAtlas({
      latency: '300ms',
      lists: [{ operation: 'getGroupClusterProcessArgs', status: 500 }],
    });
    let answered = false;
    const failing = atlas.get(PROCESS_ARGUMENTS, NEWEST).then((reply) => {
      answered = true;
      return reply;
    });
    await atlas.clock.advance(299);
    expect(answered).toBe(false);
    await atlas.clock.advance(1);
    expect((await failing).status).toBe(500);
  });

  test('a page of a long list is made from the items on it', async () => {
    const atlas = startAtlas({ lists: [{ operation: 'listGroupClusters', items: 20_000 }] });
    const { body } = await atlas.get(`${PROJECT}/clusters?itemsPerPage=500&pageNum=40`, NEWEST);
    expect(resultsOf(body)).toHaveLength(500);
    expect(fieldOf(body, 'totalCount')).toBe(20_000);
  });
});
