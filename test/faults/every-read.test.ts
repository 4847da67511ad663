import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Operation } from '../../src/atlas/catalog.ts';
import { HEADER_PARAMETERS, resolveHeaders } from '../../src/atlas/header-parameters.ts';
import { operations } from '../../src/atlas/operations.ts';
import { resolveQuery } from '../../src/atlas/query.ts';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { startHostile } from '../support/hostile.ts';
import { asAtlas, ask, json, type Running, startGateway } from '../support/running.ts';

const { orders } = SAMPLE_PROJECTS;
const inProject = (rest: string) => `/api/atlas/v2/groups/${orders.id}/${rest}`;

let running: Running;
const anonymous = { projects: 'all', organizations: 'all', operations: operations.map(({ id }) => id) };
beforeEach(async () => {
  running = await startGateway({ config: { anonymous } });
});
afterEach(() => running.stop());

describe('a path parameter', () => {
  test.each([
    ['a/b', 'a%2Fb'],
    ['role/team/deploy', 'role%2Fteam%2Fdeploy'],
    ['grüße 🍃', 'gr%C3%BC%C3%9Fe%20%F0%9F%8D%83'],
    ['x'.repeat(1_024), 'x'.repeat(1_024)],
    ['é'.repeat(1_024), '%C3%A9'.repeat(1_024)],
  ])('5: %s is data: forwarded encoded, with a cache entry of its own', async (_value, encoded) => {
    const path = inProject(`streams/${encoded}/connections`);
    expect((await running.get(path.replaceAll('%2F', '%2f'))).status).toBe(200);
    expect(running.upstream().at(-1)?.split('?')[0]).toBe(path);
    expect((await running.get(path)).headers['cache-status']).toContain('hit');
    expect((await running.get(path.replaceAll('%2F', '%252F'))).status).toBe(200);
  });

  test.each([
    '..%2fx',
    'x%2f..',
    'x%2F%2e%2E%2Fy',
    '%2e',
    'x%5Cy',
    '%00',
    '%0d%0a',
    '%ff',
    'x'.repeat(1_025),
  ])('5: %s is 400, without an upstream request', async (segment) => {
    const reply = await running.get(inProject(`streams/${segment}/connections`));
    expect(reply.status).toBe(400);
    expect(['INVALID_PATH_PARAMETER', 'INVALID_REQUEST']).toContain(json(reply).errorCode);
    expect(running.upstream()).toEqual([]);
  });
});

describe('a rate limit', () => {
  const VERSION = { accept: 'application/vnd.atlas.2025-03-12+json' };

  test.each([
    ['clusters/one/backup/snapshots', 'clusters'],
    ['flexClusters', 'clusters'],
    ['databaseUsers/bob/certs', 'databaseUsers'],
    ['clusters', 'clusters/one/backup/snapshots'],
    ['events', 'streams/privateLinkConnections'],
  ])('117: a 429 of %s does not limit %s', async (limited, other) => {
    running.simulator.faults.add({
      target: `/${limited}?`,
      status: 429,
      headers: { 'Retry-After': '60' },
      body: JSON.stringify({
        errorCode: 'RATE_LIMITED_TOKEN_BUCKET',
        parameters: ['path', 60, 1_200, 500, 60],
      }),
    });
    const refused = await running.get(inProject(limited), VERSION);
    expect([refused.status, json(refused).errorCode]).toEqual([429, 'UPSTREAM_RATE_LIMITED']);
    const answered = await running.get(inProject(other), VERSION);
    expect([answered.status, running.upstream().length]).toEqual([200, 2]);
    expect((await running.get(inProject(limited), VERSION)).status).toBe(429);
    expect(running.upstream()).toHaveLength(2);
  });

  test('120: the answer of /rateLimits sets the size of the bucket that its endpoints charge', async () => {
    const limits = { streams: { capacity: 4, refill: 1, perMs: 60_000 } };
    await running.stop();
    running = await startGateway({ simulator: { limits } });
    const connections = (tenant: number) => running.get(inProject(`streams/tenant-${tenant}/connections`));
    for (let tenant = 0; tenant < 3; tenant++) expect((await connections(tenant)).status).toBe(200);
    await expect
      .poll(async () => (await ask(running.admin, '/metrics')).text)
      .toMatch(/budget_capacity\{[^}]*endpoint_set="streams"\} 4\n/);
    expect(running.upstream().filter((target) => target.includes('/rateLimits'))).toHaveLength(1);
  });
});

describe('a document that has pages, but no results', () => {
  const VERSION = { accept: 'application/vnd.atlas.2025-03-12+json' };

  test('119: suggested indexes are served as Atlas sends them, with a cache entry for each page', async () => {
    const suggested = inProject(
      'processes/orders-shard-00-00.example.mongodb.net:27017/performanceAdvisor/suggestedIndexes',
    );
    const pageOf = (number: number) => `{"shapes":[],"suggestedIndexes":[{"id":"${number}","weight":1.0}]}`;
    for (const number of [1, 2])
      running.simulator.faults.add({ target: `pageNum=${number}`, status: 200, body: pageOf(number) });
    const expected = [
      ['', pageOf(1)],
      ['?pageNum=1', pageOf(1)],
      ['?pageNum=2', pageOf(2)],
      ['?pageNum=2&itemsPerPage=100', pageOf(2)],
      ['?pageNum=2&envelope=true', `{"content":${pageOf(2)},"status":200}`],
    ];
    for (const [query = '', text] of expected) {
      const reply = await running.get(`${suggested}${query}`, VERSION);
      expect([query, reply.status, reply.text]).toEqual([query, 200, text]);
    }
    expect(running.upstream()).toHaveLength(2);
  });
});

describe('a version', () => {
  const ofDate = (date: string) => ({ accept: `application/vnd.atlas.${date}+json` });
  const received = () =>
    running.simulator.requests.flatMap(({ method, headers }) =>
      method === 'GET' ? [headers['accept']] : [],
    );

  test('116: that the catalog takes for gone is served as long as Atlas serves it', async () => {
    const clock = createFakeClock(Date.parse('2030-01-01'));
    const atlas = await startHostile();
    const late = await startGateway({ clock, origin: atlas.origin, config: { anonymous } });
    const reply = await late.get(inProject('clusters'), ofDate('2023-01-01'));
    expect([reply.status, reply.headers['content-type']]).toEqual([
      200,
      `${ofDate('2023-01-01').accept};charset=utf-8`,
    ]);
    await late.stop();
    await atlas.close();
  });

  test.each([
    ['a date after the newest of the catalog', '2999-01-01', 200, '2023-02-01'],
    ['a date before the first', '2020-01-01', 406, undefined],
    ['a preview that the catalog does not know', 'preview', 406, undefined],
  ])('116: %s is for Atlas to decide', async (_what, name, status, answered) => {
    const links = inProject('streams/privateLinkConnections');
    const [ours, theirs] = [
      await running.get(links, ofDate(name)),
      await running.atlasGet(links, ofDate(name)),
    ];
    expect([ours.status, theirs.status]).toEqual([status, status]);
    expect(asAtlas(ours.text, running.origin)).toBe(theirs.text);
    expect(ours.headers['content-type']).toBe(theirs.headers['content-type']);
    if (answered !== undefined) expect(ours.headers['content-type']).toContain(`vnd.atlas.${answered}+json`);
    expect(received().every((accept) => accept === ofDate(name).accept)).toBe(true);
  });

  test('116: such a date has a cache entry of its own, and one name in metrics', async () => {
    const clusters = inProject('clusters');
    await running.get(clusters, ofDate('2024-08-05'));
    expect((await running.get(clusters, ofDate('2998-01-01'))).headers['cache-status']).toContain('fwd=miss');
    expect((await running.get(clusters, ofDate('2998-01-01'))).headers['cache-status']).toContain('hit');
    expect((await ask(running.admin, '/metrics')).text).not.toContain('2998');
  });

  test('116: a date that the catalog knows resolves down, and shares an entry', async () => {
    const links = inProject('streams/privateLinkConnections');
    await running.get(links, ofDate('2023-02-01'));
    for (const date of ['2023-10-01', '2025-03-12'])
      expect((await running.get(links, ofDate(date))).headers['cache-status']).toContain('hit');
  });
});

describe('a default that is written out', () => {
  /** Three documents are described with an envelope by default, which is taken for an error of the description. */
  const defaultsOf = ({ queryParameters }: Operation) =>
    queryParameters.flatMap(({ name, default: value }) =>
      value === undefined || (name === 'envelope' && value === true) ? [] : [`${name}=${value}`],
    );
  const requiredOf = ({ queryParameters }: Operation) =>
    queryParameters
      .filter(({ required, default: value }) => required === true && value === undefined)
      .map(({ name }) => `${name}=1`);

  test('118: of any operation is the same query as without it', () => {
    let written = 0;
    for (const operation of operations) {
      const required = requiredOf(operation);
      const plain = resolveQuery(operation, required.join('&'));
      expect([operation.id, plain.type]).toEqual([operation.id, 'resolved']);
      const all = defaultsOf(operation);
      for (const query of [all, ...all.map((one) => [one])]) {
        expect(resolveQuery(operation, [...query, ...required].join('&'))).toEqual(plain);
        written++;
      }
    }
    expect(written).toBeGreaterThan(operations.length);
  });

  test.each([
    ['clusters', 'includeDeletedWithRetainedBackups=false'],
    ['clusters', 'includeCount=true&pageNum=1&itemsPerPage=100&pretty=false&envelope=false'],
    ['users', 'flattenTeams=false&includeOrgUsers=false'],
    ['peers', 'providerName=AWS'],
    ['events', 'includeRaw=false'],
  ])('118: %s with and without %s are one cache entry', async (list, query) => {
    const version = { accept: 'application/vnd.atlas.2025-03-12+json' };
    const plain = await running.get(inProject(list), version);
    const written = await running.get(`${inProject(list)}?${query}`, version);
    expect([plain.status, written.headers['cache-status']]).toEqual([200, expect.stringContaining('hit')]);
    expect(written.text).toBe(plain.text);
  });
});

describe('a header parameter', () => {
  const INSTANCE = 'Use-Effective-Instance-Fields';
  const SPECS = 'Use-Effective-Fields-Replication-Specs';
  const VERSION = { accept: 'application/vnd.atlas.2024-10-23+json' };
  const clusters = inProject('clusters');
  const received = () =>
    running.simulator.requests.flatMap(({ method, headers }) =>
      method === 'GET' ? [headers[INSTANCE.toLowerCase()]] : [],
    );
  const get = (path: string, headers: Record<string, string> = {}) =>
    running.get(path, { ...VERSION, ...headers });

  test('114: is forwarded, validated, and has a cache entry of its own', async () => {
    const first = await get(clusters, { [INSTANCE]: 'true' });
    expect([first.status, received()]).toEqual([200, ['true']]);
    const plain = await get(clusters);
    expect([plain.headers['cache-status'], received()]).toEqual([
      expect.stringContaining('fwd=miss'),
      ['true', undefined],
    ]);
    for (const headers of [{ [INSTANCE]: 'true' }, { [INSTANCE.toUpperCase()]: 'true' }, {}])
      expect((await get(clusters, headers)).headers['cache-status']).toContain('hit');
    expect(received()).toHaveLength(2);
    for (const value of ['yes', 'TRUE', '1', 'true, true']) {
      const reply = await get(clusters, { [INSTANCE]: value });
      expect([reply.status, json(reply).errorCode]).toEqual([400, 'INVALID_REQUEST']);
      expect(json(reply)).toMatchObject({ parameters: [INSTANCE] });
    }
    expect(received()).toHaveLength(2);
  });

  test('114: with its default value is the same entry as without it', async () => {
    await get(clusters);
    expect((await get(clusters, { [INSTANCE]: 'false' })).headers['cache-status']).toContain('hit');
    expect(received()).toEqual([undefined]);
  });

  test('114: is in Vary, also of 304 and of errors, where the operation has it', async () => {
    const first = await get(clusters);
    const unchanged = await get(clusters, { 'if-none-match': first.headers['etag'] ?? '' });
    running.simulator.faults.add({ target: '/clusters', status: 404, errorCode: 'GROUP_NOT_FOUND' });
    const missing = await get(clusters, { [INSTANCE]: 'true' });
    expect([first, unchanged, missing].map(({ status, headers }) => [status, headers['vary']])).toEqual(
      [200, 304, 404].map((status) => [status, `Accept, Accept-Encoding, Authorization, ${INSTANCE}`]),
    );
    expect((await get(inProject('flexClusters'))).headers['vary']).toBe(
      'Accept, Accept-Encoding, Authorization',
    );
  });

  test('114: of another operation is ignored like any other header', async () => {
    await get(clusters, { [SPECS]: 'true' });
    expect((await get(clusters, { [SPECS]: 'nonsense' })).headers['cache-status']).toContain('hit');
    await get(inProject('flexClusters'), { [INSTANCE]: 'nonsense' });
    expect((await get(inProject('flexClusters'))).headers['cache-status']).toContain('hit');
    expect(received()).toEqual([undefined, undefined]);
    expect(running.simulator.requests.some(({ headers }) => SPECS.toLowerCase() in headers)).toBe(false);
  });

  test('114: is signed for with digest, too', async () => {
    await running.stop();
    running = await startGateway({ credential: 'apiKey', config: { anonymous } });
    expect((await get(clusters, { [INSTANCE]: 'true' })).status).toBe(200);
    expect(received().at(-1)).toBe('true');
  });

  test('114: of the catalog is one that the gateway reads', () => {
    const names = operations.flatMap(({ headerParameters }) =>
      headerParameters.map(({ name }) => name.toLowerCase()),
    );
    expect([...new Set(names)].sort()).toEqual([...HEADER_PARAMETERS].sort());
  });

  test('114: two of them are sorted, and only those that differ from their default count', () => {
    const cluster = operations.find(({ id }) => id === 'getGroupCluster');
    if (cluster === undefined) throw new Error('no getGroupCluster');
    const [instance, specs] = [INSTANCE.toLowerCase(), SPECS.toLowerCase()];
    expect(resolveHeaders(cluster, { [instance]: 'true', [specs]: 'true' })).toEqual({
      type: 'resolved',
      headers: [
        [SPECS, 'true'],
        [INSTANCE, 'true'],
      ],
    });
    expect(resolveHeaders(cluster, { [instance]: 'false', [specs]: 'true' })).toEqual({
      type: 'resolved',
      headers: [[SPECS, 'true']],
    });
    expect(resolveHeaders(cluster, { [instance]: 'true', [specs]: 'no' })).toMatchObject({
      type: 'invalid',
      name: SPECS,
    });
  });
});
