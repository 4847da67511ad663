import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SAMPLE_CREDENTIALS, SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { createFakeClock, type FakeClock, settled } from '../support/fake-clock.ts';
import {
  asAtlas,
  ask,
  CALLER_KEY,
  CALLER_SECRET,
  heldWhole,
  json,
  linksOf,
  type Running,
  startGateway,
} from '../support/running.ts';

const { payments, empty, hidden, orders, search, ledger, single } = SAMPLE_PROJECTS;

describe('a page from the gateway', () => {
  let running: Running;
  beforeAll(async () => {
    running = await startGateway({ config: { cache: { fresh: '1h' } } });
  });
  afterAll(() => running.stop());

  test('is the page Atlas sends, links’ host aside, for every shape', async () => {
    const shape = fc.record({
      project: fc.constantFrom(payments, empty, orders, search, ledger, single),
      pageNum: fc.option(fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 2_000 }))),
      itemsPerPage: fc.option(
        fc.oneof(fc.integer({ min: 1, max: 500 }), fc.constantFrom(1, 99, 100, 499, 500)),
      ),
      pretty: fc.option(fc.boolean()),
      envelope: fc.option(fc.boolean()),
    });
    await fc.assert(
      fc.asyncProperty(shape, async ({ project, ...parameters }) => {
        const query = Object.entries(parameters).flatMap(([name, value]) =>
          value === null ? [] : [`${name}=${value}`],
        );
        const path = linksOf(project, query.length === 0 ? '' : `?${query.join('&')}`);
        const [ours, theirs] = await Promise.all([running.get(path), running.atlasGet(path)]);
        expect(ours.status).toBe(200);
        expect(asAtlas(ours.text, running.origin)).toBe(theirs.text);
        expect(ours.headers['content-type']).toBe(theirs.headers['content-type']);
      }),
      { numRuns: 150 },
    );
  });

  test('has links that lead through the whole list', async () => {
    const ids: unknown[] = [];
    let next: string | undefined = `${running.origin}${linksOf(payments, '?itemsPerPage=100')}`;
    while (next !== undefined) {
      const page = json(await running.get(next.slice(running.origin.length)));
      ids.push(...page.results.map(({ _id }) => _id));
      next = page.links.find(({ rel }) => rel === 'next')?.href;
    }
    expect(new Set(ids).size).toBe(1_234);
  });

  test('names its own host whatever the request says', async () => {
    const plain = await running.get(linksOf(orders));
    for (const headers of [
      { host: 'evil.example' },
      { 'x-forwarded-host': 'evil.example' },
      { 'x-original-url': '/evil' },
      { 'x-http-method-override': 'POST' },
    ]) {
      expect((await running.get(linksOf(orders), headers)).text).toBe(plain.text);
    }
  });

  test('is the same with HEAD, without its body', async () => {
    const got = await running.get(linksOf(orders));
    const headed = await running.get(linksOf(orders), {}, 'HEAD');
    expect(headed.status).toBe(200);
    expect(headed.text).toBe('');
    for (const name of ['content-length', 'content-type', 'etag'])
      expect(headed.headers[name]).toBe(got.headers[name]);
  });

  test('is answered 304 to those who have it, and 200 to those who have another', async () => {
    const { headers } = await running.get(linksOf(orders));
    const etag = headers['etag'] ?? '';
    for (const known of [etag, `"other", W/${etag}`, '*']) {
      const reply = await running.get(linksOf(orders), { 'if-none-match': known });
      expect(reply.status).toBe(304);
      expect(reply.text).toBe('');
      expect(reply.headers['etag']).toBe(etag);
      expect(reply.headers['cache-control']).toMatch(/^private, max-age=\d+$/);
    }
    expect((await running.get(linksOf(orders), { 'if-none-match': '"other"' })).status).toBe(200);
    expect((await running.get(linksOf(orders, '?pageNum=2'))).headers['etag']).not.toBe(etag);
  });

  test.each([
    ['br', brotliDecompressSync, 'gzip, br'],
    ['gzip', gunzipSync, 'gzip, br;q=0'],
  ] as const)('is compressed with %s for those who accept it', async (coding, decompress, accepted) => {
    const plain = await running.get(linksOf(orders));
    const compressed = await running.get(linksOf(orders), { 'accept-encoding': accepted });
    expect(compressed.headers['content-encoding']).toBe(coding);
    expect(compressed.headers['etag']).not.toBe(plain.headers['etag']);
    expect(decompress(compressed.body).toString()).toBe(plain.text);
  });

  test('is not compressed where it is small, nor where it is not wanted', async () => {
    expect(
      (await running.get(linksOf(empty), { 'accept-encoding': 'br' })).headers['content-encoding'],
    ).toBeUndefined();
    expect(
      (await running.get(linksOf(orders), { 'accept-encoding': 'identity, br;q=0, gzip;q=0' })).headers[
        'content-encoding'
      ],
    ).toBeUndefined();
  });

  test('of another list is held and rendered in the same way', async () => {
    for (const path of [
      `/api/atlas/v2/groups/${orders.id}/streams`,
      `/api/atlas/v2/groups/${orders.id}/clusters/c1/backup/exports?includeCount=false&itemsPerPage=3`,
      '/api/atlas/v2/groups?pageNum=2&itemsPerPage=2',
      '/api/atlas/v2/groups?includeCount=false',
    ]) {
      const accept = { accept: 'application/vnd.atlas.2025-03-12+json' };
      const [ours, theirs] = await Promise.all([running.get(path, accept), running.atlasGet(path, accept)]);
      expect(asAtlas(ours.text, running.origin)).toBe(theirs.text);
      expect(ours.headers['content-type']).toBe(theirs.headers['content-type']);
    }
  });
});

describe('what Atlas is asked', () => {
  let running: Running;
  beforeEach(async () => {
    running = await startGateway();
  });
  afterEach(() => running.stop());

  test('one walk for all pages and forms of a list, up to 500 items a page', async () => {
    const first = await running.get(linksOf(payments, '?itemsPerPage=2'));
    // The first page answers; the walk goes on behind it.
    expect(first.headers['cache-status']).toBe('atlas-gateway; fwd=miss; detail=partial');
    expect(first.headers['age']).toBe('0');
    await heldWhole(running, payments);
    for (const query of [
      '?itemsPerPage=2',
      '',
      '?pretty=true',
      '?envelope=true&pageNum=3',
      '?pageNum=99',
      '?itemsPerPage=500',
    ]) {
      expect((await running.get(linksOf(payments, query))).headers['cache-status']).toMatch(
        /^atlas-gateway; hit; ttl=\d+$/,
      );
    }
    expect(
      (await running.get(linksOf(payments), { accept: 'application/vnd.atlas.2025-03-12+json' })).headers[
        'cache-status'
      ],
    ).toMatch(/hit/);
    expect(running.upstream()).toEqual(
      [1, 2, 3].map((page) => linksOf(payments, `?itemsPerPage=${501 - page}&pageNum=${page}`)),
    );
    expect(running.tokenRequests()).toBe(1);
  });

  test('one walk and one token for 100 cold requests at once', async () => {
    const replies = await Promise.all(Array.from({ length: 100 }, () => running.get(linksOf(orders))));
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
    expect(
      replies.filter(({ headers }) => headers['cache-status'] === 'atlas-gateway; fwd=miss; stored'),
    ).toHaveLength(1);
    expect(running.upstream()).toHaveLength(1);
    expect(running.tokenRequests()).toBe(1);
  });

  test.each([
    ['an unknown parameter', linksOf(orders, '?foo=1'), 400, 'INVALID_QUERY_PARAMETER'],
    ['a repeated parameter', linksOf(orders, '?pageNum=1&pageNum=2'), 400, 'INVALID_QUERY_PARAMETER'],
    ['a page out of range', linksOf(orders, '?pageNum=-1'), 400, 'INVALID_QUERY_PARAMETER'],
    ['a page size out of range', linksOf(orders, '?itemsPerPage=501'), 400, 'INVALID_QUERY_PARAMETER'],
    ['a malformed id', linksOf({ id: 'XYZ' }), 400, 'INVALID_PATH_PARAMETER'],
    ['an encoded slash in an id', linksOf({ id: '..%2f' }), 400, 'INVALID_PATH_PARAMETER'],
    ['dot segments', `/api/atlas/v2/groups/x/../${orders.id}/streams`, 400, 'INVALID_REQUEST'],
    ['encoded dot segments', `/api/atlas/v2/groups/%2e%2E/${orders.id}/streams`, 400, 'INVALID_REQUEST'],
    ['two slashes', '//evil.example/x', 400, 'INVALID_REQUEST'],
    ['a path Atlas does not have', '/api/atlas/v2/nothing', 501, 'UNKNOWN_OPERATION'],
    ['a path outside the API', '/robots.txt', 404, 'NOT_FOUND'],
    ['a trailing slash', `${linksOf(orders)}/`, 501, 'UNKNOWN_OPERATION'],
    ['a list with secrets', `/api/atlas/v2/groups/${orders.id}/alertConfigs`, 403, 'OPERATION_FORBIDDEN'],
  ])('nothing for %s', async (_name, path, status, errorCode) => {
    const reply = await running.get(path);
    expect(reply.status).toBe(status);
    expect(json(reply)).toMatchObject({ error: status, errorCode });
    expect(reply.headers['x-error-code']).toBe(errorCode);
    expect(reply.headers['x-request-id']).toBeTruthy();
    expect(running.simulator.requests).toEqual([]);
  });

  test.each(['', '*/*', 'application/json', 'application/vnd.atlas.2023-99-01+json'])(
    'nothing for the Accept header "%s"',
    async (accept) => {
      const reply = await running.get(linksOf(orders), { accept });
      expect(reply.status).toBe(406);
      expect(json(reply).errorCode).toBe('INVALID_VERSION_DATE');
      expect(running.simulator.requests).toEqual([]);
    },
  );

  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'])('nothing for %s', async (method) => {
    const reply = await running.get(linksOf(orders), {}, method);
    expect(reply.status).toBe(405);
    expect(reply.headers['allow']).toBe('GET, HEAD');
    expect(running.simulator.requests).toEqual([]);
  });

  test('nothing of the caller reaches it', async () => {
    await running.get(linksOf(orders), {
      authorization: `Bearer ${CALLER_KEY}`,
      cookie: 'session=canary',
      'x-canary': 'canary',
      te: 'trailers',
    });
    const sent = running.simulator.requests.find(({ target }) => target.startsWith('/api/atlas/'));
    expect(Object.keys(sent?.headers ?? {}).sort()).toEqual([
      'accept',
      'accept-encoding',
      'authorization',
      'connection',
      'host',
      'user-agent',
    ]);
    expect(sent?.headers['user-agent']).toBe('atlas-gateway/0.0.0');
    expect(JSON.stringify(running.simulator.requests)).not.toContain('canary');
  });

  test('an error of its own passes through and is remembered briefly', async () => {
    const unknown = { id: '1'.repeat(24) };
    const first = await running.get(linksOf(unknown));
    expect(first.status).toBe(404);
    expect(first.text).toBe(
      `{"detail":"No group with ID ${unknown.id} exists.","error":404,"errorCode":"GROUP_NOT_FOUND","parameters":["${unknown.id}"],"reason":"Not Found"}`,
    );
    expect(first.headers['x-error-code']).toBe('GROUP_NOT_FOUND');
    expect((await running.get(linksOf(unknown))).headers['cache-status']).toMatch(/hit/);
    expect(running.upstream()).toHaveLength(1);
  });

  test('that its credential may not see a project passes through', async () => {
    expect(json(await running.get(linksOf(hidden)))).toMatchObject({
      error: 401,
      errorCode: 'USER_CANNOT_ACCESS_GROUP',
    });
  });

  test('events page by page, since they have no end', async () => {
    await running.stop();
    running = await startGateway({
      config: { anonymous: { projects: 'all', operations: ['lists', 'listGroupEvents'] } },
    });
    const events = (query: string) => `/api/atlas/v2/groups/${orders.id}/events${query}`;
    const accept = { accept: 'application/vnd.atlas.2023-01-01+json' };
    const queries = [
      '?itemsPerPage=10',
      '?itemsPerPage=10&pageNum=4',
      '?itemsPerPage=10&pretty=true',
      '?includeCount=false&itemsPerPage=10',
    ];
    const ours: string[] = [];
    for (const query of queries) ours.push((await running.get(events(query), accept)).text);
    expect(running.upstream()).toEqual([
      events('?includeRaw=false&itemsPerPage=10&pageNum=1'),
      events('?includeRaw=false&itemsPerPage=10&pageNum=4'),
      events('?includeRaw=false&includeCount=false&itemsPerPage=10&pageNum=1'),
    ]);
    for (const [index, query] of queries.entries()) {
      expect(asAtlas(ours[index] ?? '', running.origin)).toBe(
        (await running.atlasGet(events(query), accept)).text,
      );
    }
  });

  test('a list that is too long to hold is held page by page, and answers the same', async () => {
    await running.stop();
    running = await startGateway({ config: { cache: { maxItems: 600 } } });
    for (const query of ['?itemsPerPage=10', '?itemsPerPage=10&pageNum=2']) {
      const [ours, theirs] = [
        await running.get(linksOf(payments, query)),
        await running.atlasGet(linksOf(payments, query)),
      ];
      expect(asAtlas(ours.text, running.origin)).toBe(theirs.text);
    }
    // The page that told how long the list is has answered the first request, but was not stored.
    await running.get(linksOf(payments, '?itemsPerPage=10'));
    expect((await running.get(linksOf(payments, '?itemsPerPage=10'))).headers['cache-status']).toMatch(/hit/);
  });
});

describe('when Atlas fails', () => {
  let running: Running;
  let clock: FakeClock;
  beforeEach(async () => {
    clock = createFakeClock();
    running = await startGateway({ clock });
  });
  afterEach(() => running.stop());

  test.each([
    [{ status: 503 }, 502, 'UPSTREAM_FAILED'],
    [{ status: 200, body: '<html>' }, 502, 'UPSTREAM_BAD_BODY'],
    [{ status: 200, body: '{"results":[{"a":1}' }, 502, 'UPSTREAM_BAD_BODY'],
    [{ status: 302, headers: { Location: 'http://127.0.0.1:1/evil' } }, 502, 'UPSTREAM_REDIRECT'],
    [{ status: 401 }, 502, 'UPSTREAM_AUTH'],
    [{ status: 429, headers: { 'Retry-After': '3600' } }, 429, 'UPSTREAM_RATE_LIMITED'],
    [{ wire: 'reset' as const }, 502, 'UPSTREAM_PROTOCOL'],
    [{ wire: 'cut' as const }, 502, 'UPSTREAM_PROTOCOL'],
  ])('with %j a list that is held is served, one that is not is %i %s', async (fault, status, errorCode) => {
    const before = await running.get(linksOf(orders));
    running.simulator.faults.add({ target: 'privateLink', ...fault });
    const cold = await settled(clock, running.get(linksOf(single)));
    expect(cold.status).toBe(status);
    expect(json(cold)).toMatchObject({ error: status, errorCode });
    await clock.advance(3_600_000);
    const stale = await settled(clock, running.get(linksOf(orders)));
    expect(stale.status).toBe(200);
    expect(stale.text).toBe(before.text);
    expect(stale.headers['cache-status']).toMatch(
      new RegExp(`^atlas-gateway; fwd=stale; ttl=-357\\d; detail=${errorCode}$`),
    );
    expect(Number(stale.headers['age'])).toBeGreaterThanOrEqual(3_600);
    await clock.advance(24 * 3_600_000);
    expect((await settled(clock, running.get(linksOf(orders)))).status).toBe(status);
    running.simulator.faults.clear();
    await clock.advance(600_000);
    expect((await running.get(linksOf(orders))).text).toBe(before.text);
  });

  test.each(['hang', 'drip'] as const)(
    'with an answer that %ss a list that is not held is 504 at the deadline',
    async (wire) => {
      await running.get(linksOf(orders));
      running.simulator.faults.add({ target: 'privateLink', wire });
      const cold = running.get(linksOf(single));
      await expect.poll(() => running.upstream().length).toBe(2);
      await clock.advance(10_000);
      expect(json(await cold)).toMatchObject({ error: 504, errorCode: 'UPSTREAM_TIMEOUT' });
    },
  );

  test('a stale list is served at once and refreshed beside', async () => {
    await running.get(linksOf(orders));
    running.simulator.world.replace(linksOf(orders), [{ _id: 'new' }]);
    await clock.advance(60_000);
    const stale = await running.get(linksOf(orders));
    expect(json(stale).totalCount).toBe(42);
    expect(stale.headers['cache-status']).toBe('atlas-gateway; hit; ttl=-30');
    await expect.poll(async () => json(await running.get(linksOf(orders))).totalCount).toBe(1);
    expect(running.upstream()).toHaveLength(2);
  });

  test('a project that is gone is not served from memory', async () => {
    await running.get(linksOf(orders));
    running.simulator.faults.add({ target: 'privateLink', status: 404, errorCode: 'GROUP_NOT_FOUND' });
    await clock.advance(3_600_000);
    expect(json(await running.get(linksOf(orders)))).toMatchObject({
      error: 404,
      errorCode: 'GROUP_NOT_FOUND',
    });
  });

  test('an address that Atlas does not know keeps the list', async () => {
    await running.get(linksOf(orders));
    running.simulator.faults.add({
      target: 'privateLink',
      status: 403,
      errorCode: 'IP_ADDRESS_NOT_ON_ACCESS_LIST',
    });
    await clock.advance(60_000);
    expect((await running.get(linksOf(orders))).status).toBe(200);
    await expect.poll(() => running.upstream().length).toBe(2);
    expect((await running.get(linksOf(orders))).status).toBe(200);
  });

  test('no-cache cannot drain Atlas: it is answered from memory when a caller asks too often', async () => {
    for (let index = 0; index < 40; index++)
      expect((await running.get(linksOf(orders), { 'cache-control': 'no-cache' })).status).toBe(200);
    expect(running.upstream().length).toBeLessThanOrEqual(21);
  });

  test('only-if-cached answers 504 on a miss', async () => {
    expect(json(await running.get(linksOf(orders), { 'cache-control': 'only-if-cached' }))).toMatchObject({
      error: 504,
      errorCode: 'NOT_CACHED',
    });
    expect(running.simulator.requests).toEqual([]);
  });
});

describe('who may read what', () => {
  let running: Running;
  beforeAll(async () => {
    running = await startGateway({ config: { anonymous: undefined } });
  });
  afterAll(() => running.stop());

  const as = (key: string) => ({ authorization: `Bearer ${key}` });

  test('a caller with a key reads its projects', async () => {
    expect((await running.get(linksOf(orders), as(CALLER_KEY))).status).toBe(200);
  });

  test.each([
    ['no credentials', {}],
    ['another scheme', { authorization: 'Negotiate abc' }],
    ['a malformed key', as('agw_short')],
    ['an unknown key', as(`agw_UnknownKey01_${CALLER_SECRET}`)],
    ['a wrong secret', as(CALLER_KEY.replace(/1$/, '2'))],
  ])('%s is 401 and says what is accepted', async (_name, headers) => {
    const reply = await running.get(linksOf(orders), headers);
    expect(reply.status).toBe(401);
    expect(json(reply).errorCode).toBe('UNAUTHENTICATED');
    expect(reply.headers['www-authenticate']).toMatch(/Digest realm="MMS Public API".*Bearer scope=/);
  });

  test('another team’s project is the same 403 whether it is held, not held or does not exist', async () => {
    const replies = await Promise.all(
      [payments, hidden, { id: 'f'.repeat(24) }].map(async (project) => {
        const reply = await running.get(linksOf(project), as(CALLER_KEY));
        return { ...reply, text: reply.text.replaceAll(project.id, 'the project') };
      }),
    );
    for (const reply of replies) {
      expect(reply.status).toBe(403);
      expect(reply.text).toBe(replies[0]?.text);
      expect(json(reply).errorCode).toBe('PROJECT_FORBIDDEN');
    }
  });

  test('a list across projects holds only what the caller may see, with counts and pages of its own', async () => {
    const accept = { accept: 'application/vnd.atlas.2023-01-01+json' };
    const own = json(await running.get('/api/atlas/v2/groups', { ...as(CALLER_KEY), ...accept }));
    expect(own.results.map(({ id }) => id)).toEqual([orders.id]);
    expect(own.totalCount).toBe(1);
    expect(own.links.map(({ rel }) => rel)).toEqual(['self']);
    expect(json(await running.get('/api/atlas/v2/orgs', { ...as(CALLER_KEY), ...accept })).results).toEqual(
      [],
    );
    const types = await running.get('/api/atlas/v2/eventTypes', { ...as(CALLER_KEY), ...accept });
    expect([types.status, types.headers['cache-status']]).toEqual([200, 'atlas-gateway; fwd=miss; stored']);
    expect(json(types).results.length).toBeGreaterThan(0);
    const federation = await running.get(
      `/api/atlas/v2/federationSettings/${'a'.repeat(24)}/connectedOrgConfigs`,
      { ...as(CALLER_KEY), ...accept },
    );
    expect(json(federation).errorCode).toBe('OPERATION_FORBIDDEN');
  });

  test('the rate limits of a project are for those who may read it', async () => {
    const limits = (query: string) =>
      running.get(`/api/atlas/v2/rateLimits${query}`, {
        ...as(CALLER_KEY),
        accept: 'application/vnd.atlas.2025-03-12+json',
      });
    expect((await limits(`?groupId=${orders.id}`)).status).toBe(200);
    expect(json(await limits(`?groupId=${payments.id}`)).errorCode).toBe('PROJECT_FORBIDDEN');
    expect(json(await limits('')).errorCode).toBe('OPERATION_FORBIDDEN');
  });

  test('a key ends on its day', async () => {
    const clock = createFakeClock(Date.parse('2026-11-23T23:59:59Z'));
    const { sha256 } = await import('node:crypto').then(({ createHash }) => ({
      sha256: createHash('sha256').update(CALLER_SECRET).digest('hex'),
    }));
    const callers = [
      { name: 'team', keys: [{ id: 'agw_CanaryKey001', sha256, expires: '2026-11-24' }], projects: 'all' },
    ];
    const ending = await startGateway({ clock, config: { callers, anonymous: undefined } });
    expect((await ending.get(linksOf(orders), as(CALLER_KEY))).status).toBe(200);
    await clock.advance(1_000);
    expect((await ending.get(linksOf(orders), as(CALLER_KEY))).status).toBe(401);
    await ending.stop();
  });
});

describe('operating it', () => {
  let running: Running;
  beforeEach(async () => {
    running = await startGateway();
  });
  afterEach(() => running.stop());

  test('probes, metrics and status answer', async () => {
    await running.get(linksOf(payments));
    await running.get(linksOf(payments));
    expect((await ask(running.admin, '/healthz')).status).toBe(200);
    expect((await ask(running.admin, '/readyz')).status).toBe(200);
    const metrics = (await ask(running.admin, '/metrics')).text;
    for (const outcome of ['miss', 'hit']) {
      expect(metrics).toContain(
        `atlas_gateway_requests_total{operation="listGroupStreamPrivateLinkConnections",caller="anonymous",code="200",cache="${outcome}"} 1`,
      );
    }
    expect(metrics).toContain(
      'atlas_gateway_upstream_requests_total{operation="listGroupStreamPrivateLinkConnections",credential="sample",code="200"} 3',
    );
    expect(metrics).toContain('atlas_gateway_cache_listings 1');
    expect(JSON.parse((await ask(running.admin, '/status.json')).text)).toMatchObject({
      cache: { listings: 1 },
      projects: [{ id: payments.id, items: 1_234 }],
    });
  });

  test('a purge has the list loaded again', async () => {
    await running.get(linksOf(orders));
    const purge = (body: string) => ask(running.admin, '/cache/purge', { method: 'POST', body });
    expect((await purge(JSON.stringify({ project: orders.id }))).status).toBe(200);
    expect((await running.get(linksOf(orders))).headers['cache-status']).toMatch(/fwd=miss/);
    expect(
      (await purge(JSON.stringify({ operation: 'listPrivateLinkConnections', soft: true }))).status,
    ).toBe(200);
    expect((await running.get(linksOf(orders))).headers['cache-status']).toMatch(/hit; ttl=/);
    for (const [body, status] of [
      ['{', 400],
      ['[]', 400],
      ['{"project":"x"}', 400],
      ['{"operation":"nothing"}', 404],
    ] as const)
      expect((await purge(body)).status).toBe(status);
  });

  test('every request is one log line', async () => {
    running.logLines.length = 0;
    const { headers } = await running.get(linksOf(orders), { authorization: `Bearer ${CALLER_KEY}` });
    expect(JSON.parse(running.logLines.at(-1) ?? '')).toMatchObject({
      level: 'info',
      requestId: headers['x-request-id'],
      caller: 'team-orders',
      operation: 'listGroupStreamPrivateLinkConnections',
      project: orders.id,
      status: 200,
      cache: 'miss',
      upstreamCalls: 1,
      bytes: Number(headers['content-length']),
      durationMs: expect.any(Number),
    });
    await running.get(linksOf(payments), { authorization: `Bearer ${CALLER_KEY}x` });
    expect(JSON.parse(running.logLines.at(-1) ?? '')).toMatchObject({
      level: 'warn',
      status: 401,
      errorCode: 'UNAUTHENTICATED',
      reason: 'malformed',
      cache: 'none',
    });
  });

  test('no secret is in a log line, an answer, a metric or the status, whatever goes wrong', async () => {
    const { clientSecret } = SAMPLE_CREDENTIALS.serviceAccount;
    const seen: string[] = [];
    const keep = async (path: string, headers: Record<string, string> = {}) => {
      const reply = await running.get(path, headers);
      seen.push(JSON.stringify(reply.headers), reply.text);
    };
    await keep(linksOf(orders), { authorization: `Bearer ${CALLER_KEY}` });
    await keep(linksOf(orders, `?${CALLER_SECRET}=${CALLER_SECRET}`), {
      authorization: `Bearer ${CALLER_KEY.slice(0, -1)}`,
    });
    for (const wire of ['reset', 'cut'] as const) {
      running.simulator.faults.add({ target: '', times: 2, wire });
      await keep(linksOf(single));
    }
    running.simulator.faults.add({ target: '', times: 2, killTokens: true, status: 401, body: clientSecret });
    await keep(linksOf(ledger), { authorization: `Basic ${CALLER_KEY}` });
    await keep(linksOf(ledger));
    for (const path of ['/metrics', '/status.json', '/readyz'])
      seen.push((await ask(running.admin, path)).text);
    const tokens = running.simulator.requests.flatMap(
      ({ headers }) => /^Bearer (.+)$/.exec(headers['authorization']?.toString() ?? '')?.[1] ?? [],
    );
    expect(tokens.length).toBeGreaterThan(0);
    for (const secret of [
      CALLER_SECRET,
      clientSecret,
      Buffer.from(clientSecret).toString('base64').slice(4, 24),
      ...tokens,
    ]) {
      expect(running.logLines.join('')).not.toContain(secret);
      // What a caller wrote into its own query comes back to it in the error, and to nobody else.
      expect(seen.filter((text) => !text.includes('INVALID_QUERY_PARAMETER')).join('')).not.toContain(secret);
    }
  });
});

test('an API key serves as well as a service account', async () => {
  const running = await startGateway({ credential: 'apiKey' });
  expect(json(await running.get(linksOf(payments))).totalCount).toBe(1_234);
  await heldWhole(running, payments);
  expect(running.upstream()).toHaveLength(4);
  await running.stop();
});

test('a gateway whose Atlas is not there says so', async () => {
  const clock = createFakeClock();
  const running = await startGateway({ clock, origin: 'http://127.0.0.1:1' });
  expect(json(await settled(clock, running.get(linksOf(orders))))).toMatchObject({
    error: 502,
    errorCode: 'UPSTREAM_UNREACHABLE',
  });
  await running.stop();
});

test('a project that no credential covers is told so, with the way out', async () => {
  const credentials = [
    {
      name: 'narrow',
      serviceAccount: { clientId: { env: 'ID' }, clientSecret: { env: 'SECRET' } },
      projects: [orders.id],
    },
  ];
  const running = await startGateway({ config: { credentials } });
  expect((await running.get(linksOf(orders))).status).toBe(200);
  expect(json(await running.get(linksOf(payments)))).toMatchObject({
    error: 503,
    errorCode: 'NO_CREDENTIAL_FOR_PROJECT',
  });
  await running.stop();
});
