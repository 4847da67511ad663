import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createCatalog, type Operation, type Parameter, targetPath } from '../../src/atlas/catalog.ts';
import { answerScopeOf } from '../../src/gateway/auth/answer-scope.ts';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { testKey } from '../support/caller-keys.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { lists as operations } from '../support/lists.ts';
import {
  asAtlas,
  heldWhole,
  json,
  linksOf,
  type Reply,
  type Running,
  startGateway,
} from '../support/running.ts';

const { orders, payments, search, single } = SAMPLE_PROJECTS;
const ORG = '5f0a1b2c3d4e5f6071829301';
const SHAPED = new Set(['pageNum', 'itemsPerPage', 'pretty', 'envelope', 'includeCount']);
const TODAY = '2026-08-10';
const catalog = createCatalog(operations);

/** A valid value for a parameter, which depends on the seed if there are several. */
function sampleOf({ name, type, pattern, enum: choices, minimum }: Parameter, seed: number): string {
  if (name === 'groupId') return orders.id;
  if (name === 'orgId') return ORG;
  if (choices !== undefined) return choices[seed % choices.length] ?? '';
  if (type === 'boolean') return String(seed % 2 === 0);
  if (type === 'integer') return String((minimum ?? 0) + seed);
  if (pattern === undefined) return `value ${seed}/é`.replace('/', '-');
  const rule = new RegExp(pattern);
  // fast-check does not support lookaheads, so values that they would exclude are filtered.
  const loose = new RegExp(pattern.replaceAll(/\(\?[=!][^()]*(\([^()]*\)[^()]*)*\)/g, ''));
  const texts = fc
    .stringMatching(loose)
    .filter(
      (text) => rule.test(text) && text !== '' && text.length < 200 && !/[/\\;\p{Cc}]|^\.{1,2}$/u.test(text),
    );
  return fc.sample(texts, { seed, numRuns: 1 })[0] ?? '';
}

const filtersOf = (operation: Operation) => operation.queryParameters.filter(({ name }) => !SHAPED.has(name));
const pathOf = (operation: Operation, seed = 1) =>
  targetPath(
    operation,
    Object.fromEntries(
      operation.pathParameters.map((parameter) => [parameter.name, sampleOf(parameter, seed)]),
    ),
  );
const required = (operation: Operation) =>
  filtersOf(operation).flatMap((parameter) =>
    parameter.required === true && parameter.default === undefined
      ? [`${parameter.name}=${encodeURIComponent(sampleOf(parameter, 1))}`]
      : [],
  );
/** The newest version available on the date of the tests. */
const versionOf = ({ versions }: Operation) =>
  versions.findLast(({ sunset }) => sunset === undefined || sunset > TODAY)?.name;
const acceptOf = (operation: Operation) => ({
  accept: `application/vnd.atlas.${versionOf(operation) ?? operation.versions.at(-1)?.name}+json`,
});
const living = operations.filter((operation) => versionOf(operation) !== undefined);
const gone = operations.filter((operation) => versionOf(operation) === undefined);
const has = (operation: Operation, name: string) =>
  operation.queryParameters.some((parameter) => parameter.name === name);

/** Whether the operation has the parameter of a query such as `itemsPerPage=501`, with Atlas's usual bounds. */
const isBounded = (operation: Operation, query: string) =>
  operation.queryParameters.some(
    ({ name, maximum = 500 }) => name === query.split('=')[0] && maximum === 500,
  );

describe('every list of the catalog', () => {
  let running: Running;
  beforeAll(async () => {
    const anonymous = { projects: 'all', organizations: 'all', operations: operations.map(({ id }) => id) };
    running = await startGateway({ clock: createFakeClock(Date.parse(TODAY)), config: { anonymous } });
  });
  afterAll(() => running.stop());
  beforeEach(() => running.simulator.clearRequests());

  const get = (
    operation: Operation,
    query: readonly string[],
    headers: Record<string, string> = {},
    method = 'GET',
  ): Promise<Reply> => {
    const all = [...required(operation), ...query].join('&');
    return running.get(
      `${pathOf(operation)}${all === '' ? '' : `?${all}`}`,
      { ...acceptOf(operation), ...headers },
      method,
    );
  };

  test.each(living)(
    '59: $id is rendered as Atlas renders it, with right HEAD, ETag, Age and Vary',
    async (operation) => {
      const shapes = [
        [],
        ['itemsPerPage=10', 'pageNum=2'],
        ['pretty=true', 'itemsPerPage=3'],
        ['envelope=true', 'pageNum=9'],
        ['includeCount=false', 'itemsPerPage=7', 'pageNum=6'],
      ];
      for (const shape of shapes) {
        const query = [
          ...required(operation),
          ...shape.filter((one) => has(operation, one.split('=')[0] ?? '')),
        ];
        const path = `${pathOf(operation)}${query.length === 0 ? '' : `?${query.join('&')}`}`;
        const [ours, theirs] = [
          await running.get(path, acceptOf(operation)),
          await running.atlasGet(path, acceptOf(operation)),
        ];
        expect(ours.status, ours.text).toBe(200);
        expect(asAtlas(ours.text, running.origin)).toBe(theirs.text);
        expect(ours.headers['content-type']).toBe(theirs.headers['content-type']);
        expect(ours.headers).toMatchObject({
          age: '0',
          vary: 'Accept, Accept-Encoding, Authorization',
        });
        expect(ours.headers['sunset']).toBe(theirs.headers['sunset']);
        const head = await running.get(path, acceptOf(operation), 'HEAD');
        expect([head.status, head.text, head.headers['content-length'], head.headers['etag']]).toEqual([
          200,
          '',
          ours.headers['content-length'],
          ours.headers['etag'],
        ]);
        expect(
          (await running.get(path, { ...acceptOf(operation), 'if-none-match': ours.headers['etag'] ?? '' }))
            .status,
        ).toBe(304);
      }
    },
  );

  test.each(gone)('$id is 410: all its versions are past their sunset', async (operation) => {
    expect(json(await get(operation, []))).toMatchObject({ error: 410, errorCode: 'VERSION_GONE' });
    expect(running.simulator.requests).toEqual([]);
  });

  test('15: an unknown parameter is 400, without an upstream request', async () => {
    for (const operation of living) {
      for (const query of ['foo=1', '__proto__=1', 'constructor=x', 'PageNum=1', 'toString'])
        expect(json(await get(operation, [query])).errorCode).toBe('INVALID_QUERY_PARAMETER');
    }
    expect(running.simulator.requests).toEqual([]);
  });

  test('16: a repeated parameter and a semicolon are 400', async () => {
    for (const operation of living.filter((one) => has(one, 'pageNum'))) {
      for (const query of ['pageNum=1&pageNum=1', 'pageNum=1;itemsPerPage=2'])
        expect(json(await get(operation, [query])).errorCode).toBe('INVALID_QUERY_PARAMETER');
    }
    expect(running.simulator.requests).toEqual([]);
  });

  test('17: reordered and re-encoded equivalents share one cache entry', async () => {
    const percent = (text: string) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16)}`).join('');
    let compared = 0;
    for (const operation of living) {
      const filters = filtersOf(operation)
        .filter(({ name }) => name !== 'groupId' && name !== 'orgId')
        .slice(0, 4)
        .map((parameter) => [parameter.name, sampleOf(parameter, 3)] as const);
      if (filters.length === 0) continue;
      compared++;
      const plain = filters.map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
      const encoded = [...filters].reverse().map(([name, value]) => `${percent(name)}=${percent(value)}`);
      running.simulator.clearRequests();
      const path = pathOf(operation);
      const replies = [
        await running.get(`${path}?${plain.join('&')}`, acceptOf(operation)),
        await running.get(`${path}?${encoded.join('&')}`, acceptOf(operation)),
      ];
      expect(
        replies.map(({ status }) => status),
        `${operation.id} ${replies[0]?.text}`,
      ).toEqual([200, 200]);
      expect(replies[1]?.text).toBe(replies[0]?.text);
      expect(running.upstream().length).toBeLessThanOrEqual(1);
    }
    expect(compared).toBeGreaterThan(20);
  });

  test.each([
    'pageNum=-1',
    'pageNum=1e9',
    'pageNum=1000000000',
    'pageNum=NaN',
    'pageNum=1.5',
    'itemsPerPage=-1',
    'itemsPerPage=501',
  ])('18: %s is 400', async (query) => {
    for (const operation of living.filter((one) => isBounded(one, query)))
      expect(json(await get(operation, [query])).errorCode).toBe('INVALID_QUERY_PARAMETER');
    expect(running.simulator.requests).toEqual([]);
  });

  test.each(['pageNum=0', 'itemsPerPage=0'])(
    '18: %s is answered by every list as Atlas answers it',
    async (query) => {
      for (const operation of living.filter((one) => has(one, query.split('=')[0] ?? ''))) {
        const reply = await get(operation, [query]);
        expect([operation.id, reply.status]).toEqual([operation.id, 200]);
        expect(reply.text).toBe((await get(operation, [query.replace('=0', '=1')])).text);
      }
    },
  );

  test('19: a suffix that is part of a valid parameter is sent to Atlas encoded', async () => {
    for (const [suffix, encoded] of [
      ['x.css', 'x.css'],
      ['x;x.css', 'x%3Bx.css'],
    ]) {
      const reply = await running.get(`/api/atlas/v2/groups/${orders.id}/streams/${suffix}/connections`, {
        accept: 'application/vnd.atlas.2023-02-01+json',
      });
      expect(reply.status).toBe(200);
      expect(running.upstream().at(-1)).toContain(`/streams/${encoded}/connections?`);
    }
    expect((await running.get(linksOf({ id: `${orders.id};x=1` }))).status).toBe(400);
  });

  test('19: a path with a parameter, an extension, a trailing or a double slash is 501, and never stored', async () => {
    for (const operation of operations) {
      const path = pathOf(operation);
      for (const wrong of [
        `${path};x.css`,
        `${path}/x.css`,
        `${path}/`,
        path.replace('/v2/', '/v2//'),
        `/${path}`,
      ]) {
        const match = catalog.match(wrong);
        if (match.type === 'matched') expect(match.operation.id).not.toBe(operation.id);
        else expect([400, 501]).toContain((await running.get(wrong, acceptOf(operation))).status);
      }
    }
    expect(running.simulator.requests).toEqual([]);
  });

  test('20: headers that name another host, path or method change nothing', async () => {
    const plain = await running.get(linksOf(orders));
    for (const headers of [
      { 'x-forwarded-host': 'evil.example' },
      { 'x-original-url': '/evil' },
      { 'x-http-method-override': 'DELETE' },
      { host: 'evil.example' },
      { forwarded: 'host=evil.example' },
    ]) {
      expect((await running.get(linksOf(orders), headers)).text).toBe(plain.text);
    }
  });

  test('21: two projects, versions or filters are never one entry', async () => {
    const clusters = catalog.find('listGroupClusters');
    if (clusters === undefined) throw new Error('no clusters');
    const ask = (project: { id: string }, version: string, query = '') =>
      running.get(`/api/atlas/v2/groups/${project.id}/clusters${query}`, {
        accept: `application/vnd.atlas.${version}+json`,
      });
    const replies = [
      await ask(orders, '2024-08-05'),
      await ask(single, '2024-08-05'),
      await ask(orders, '2023-02-01'),
      await ask(orders, '2024-08-05', '?includeDeletedWithRetainedBackups=true'),
    ];
    expect(running.upstream().length).toBeGreaterThanOrEqual(3);
    expect(
      new Set(replies.map(({ text }) => JSON.stringify(JSON.parse(text).results))).size,
    ).toBeGreaterThanOrEqual(3);
    expect(new Set(replies.map(({ headers }) => headers['content-type'])).size).toBe(2);
  });

  test('deprecated versions are counted for each caller', async () => {
    await running.get(`/api/atlas/v2/groups/${orders.id}/clusters`, {
      accept: 'application/vnd.atlas.2023-02-01+json',
    });
    const { text } = await import('../support/running.ts').then(({ ask }) => ask(running.admin, '/metrics'));
    expect(text).toMatch(
      /atlas_gateway_deprecated_requests_total\{operation="listGroupClusters",caller="anonymous",version="2023-02-01"\} \d+/,
    );
  });
});

test('25: every list is open or closed as the policy says, the same for a cached project and one that is not cached', async () => {
  const key = testKey(9);
  const callers = [
    { name: 'team', keys: [{ id: key.id, sha256: key.sha256 }], projects: [orders.id], organizations: [ORG] },
  ];
  const running = await startGateway({
    clock: createFakeClock(Date.parse(TODAY)),
    config: { callers, anonymous: undefined },
  });
  for (const operation of living) {
    const ask = (path: string) =>
      running.get(
        `${path}${required(operation)
          .map((one) => `?${one}`)
          .join('')}`,
        { ...acceptOf(operation), authorization: key.bearer },
      );
    const reply = await ask(pathOf(operation));
    const mentionsOthers = answerScopeOf(operation.id).type === 'several';
    if (operation.sensitivity !== 'open' || mentionsOthers)
      expect(json(reply).errorCode, operation.id).toBe('OPERATION_FORBIDDEN');
    else {
      const own = operation.path.includes('{groupId}') || operation.path.includes('{orgId}');
      // Lists across projects are filtered for the caller, or closed to callers that may not read all projects.
      expect(own ? [200] : [200, 403], `${operation.id} ${reply.text}`).toContain(reply.status);
    }
    if (operation.sensitivity !== 'open' || !operation.path.includes('{groupId}')) continue;
    const asked = running.upstream().length;
    const refusals = await Promise.all(
      [payments.id, 'f'.repeat(24)].map((id) => ask(pathOf(operation).replace(orders.id, id))),
    );
    expect(new Set(refusals.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(json(refusals[0] ?? reply).errorCode).toBe('PROJECT_FORBIDDEN');
    expect(running.upstream()).toHaveLength(asked);
  }
  await running.stop();
});

describe('upstream responses', () => {
  let running: Running;
  let clock: ReturnType<typeof createFakeClock>;
  beforeEach(async () => {
    clock = createFakeClock();
    running = await startGateway({ clock });
    return () => running.stop();
  });

  test.each([
    ['cut JSON', '{"results":[{"a":1}'],
    ['HTML', '<!doctype html><html></html>'],
    ['another shape', '{"results":{"a":1}}'],
    ['no list', '[]'],
    ['deep nesting', `{"results":[${'['.repeat(100_000)}${']'.repeat(100_000)}]}`],
    ['prototype names', '{"__proto__":[],"constructor":1}'],
  ])('37: %s is 502 UPSTREAM_BAD_BODY and not stored', async (_name, body) => {
    running.simulator.faults.add({ target: 'privateLink', status: 200, body, times: 1 });
    expect(json(await running.get(linksOf(orders)))).toMatchObject({
      error: 502,
      errorCode: 'UPSTREAM_BAD_BODY',
    });
    expect(json(await running.get(linksOf(orders))).totalCount).toBe(42);
  });

  test.each([
    [400, 'INVALID_ATTRIBUTE'],
    [403, 'ACCESS_FORBIDDEN'],
    [404, 'GROUP_NOT_FOUND'],
  ])('44: its %i is passed on with its errorCode', async (status, errorCode) => {
    running.simulator.faults.add({ target: 'privateLink', status, errorCode });
    const reply = await running.get(linksOf(orders));
    expect(reply.headers['x-error-code']).toBe(errorCode);
    expect(json(reply)).toMatchObject({ error: status, errorCode });
  });

  test('46: links in its bodies that name another host are rewritten, and never fetched', async () => {
    const href = 'https://evil.example/api/atlas/v2/groups/x';
    running.simulator.world.replace(linksOf(orders), [
      {
        _id: '1',
        links: [{ rel: 'self', href }],
        note: `"href":"${href}"`,
        other: 'https://elsewhere.example/x',
      },
    ]);
    running.simulator.faults.add({ target: 'nothing-matches' });
    const [item] = json(await running.get(linksOf(orders))).results;
    expect(item).toEqual({
      _id: '1',
      links: [{ rel: 'self', href: `${running.origin}/api/atlas/v2/groups/x` }],
      note: `"href":"${href}"`,
      other: 'https://elsewhere.example/x',
    });
    expect(running.upstream()).toEqual([linksOf(orders, '?itemsPerPage=500&pageNum=1')]);
  });

  test('48: a list that changes during a walk is held whole, never torn', async () => {
    const items = Array.from({ length: 1_200 }, (_none, index) => ({ _id: `item-${index}` }));
    running.simulator.world.replace(linksOf(orders), items);
    running.simulator.faults.add({
      target: 'pageNum=1',
      times: 1,
      prepend: { address: linksOf(orders), item: { _id: 'new' } },
    });
    await running.get(linksOf(orders));
    await heldWhole(running, orders);
    const ids: unknown[] = [];
    for (const pageNum of [1, 2, 3])
      ids.push(
        ...json(await running.get(linksOf(orders, `?itemsPerPage=500&pageNum=${pageNum}`))).results.map(
          ({ _id }) => _id,
        ),
      );
    expect(ids.filter((id) => id !== 'new')).toEqual(items.map(({ _id }) => _id));
  });

  test('TIMEOUT_WHILE_PAGING is answered by a walk that does not count', async () => {
    running.simulator.faults.add({
      target: '/clusters/c/backup/exports?itemsPerPage',
      status: 500,
      errorCode: 'TIMEOUT_WHILE_PAGING',
    });
    const path = `/api/atlas/v2/groups/${search.id}/clusters/c/onlineArchives`;
    running.simulator.faults.add({
      target: `${path}?itemsPerPage`,
      status: 500,
      errorCode: 'TIMEOUT_WHILE_PAGING',
    });
    expect(json(await running.get(path)).totalCount).toBe(37);
    expect(running.upstream().at(-1)).toBe(`${path}?includeCount=false&itemsPerPage=500&pageNum=1`);
  });

  test('a client that follows next links sees one list without gaps or repeats, even across a refresh', async () => {
    await running.get(linksOf(payments));
    await heldWhole(running, payments);
    const first = json(await running.get(linksOf(payments, '?itemsPerPage=400')));
    const before = first.results.map(({ _id }) => _id);
    running.simulator.world.replace(linksOf(payments), [{ _id: 'only' }]);
    await clock.advance(60_000);
    await running.get(linksOf(payments));
    await expect.poll(async () => json(await running.get(linksOf(payments))).totalCount).toBe(1);
    let next = first.links.find(({ rel }) => rel === 'next')?.href;
    while (next !== undefined) {
      const reply = await running.get(next.slice(running.origin.length));
      expect(reply.headers['cache-status']).toContain('detail=snapshot');
      const page = json(reply);
      before.push(...page.results.map(({ _id }) => _id));
      next = page.links.find(({ rel }) => rel === 'next')?.href;
    }
    expect(new Set(before).size).toBe(1_234);
    await clock.advance(600_000);
    const late = await running.get(
      linksOf(payments, `?pageNum=1&snapshot=${/snapshot=([\w-]+)/.exec(first.links[1]?.href ?? '')?.[1]}`),
    );
    expect(json(late).totalCount).toBe(1);
  });

  test('a link to an evicted listing is not served', async () => {
    const next =
      json(await running.get(linksOf(payments, '?itemsPerPage=400'))).links.find(({ rel }) => rel === 'next')
        ?.href ?? '';
    running.simulator.faults.add({ target: 'privateLink', status: 404, errorCode: 'GROUP_NOT_FOUND' });
    await clock.advance(3_600_000);
    expect((await running.get(linksOf(payments))).status).toBe(404);
    expect((await running.get(next.slice(running.origin.length))).status).toBe(404);
  });

  test('two credentials that cover a project provide failover', async () => {
    await running.stop();
    const both = [
      {
        name: 'dead',
        serviceAccount: { clientId: { env: 'ID' }, clientSecret: { env: 'PRIVATE' } },
        projects: [orders.id],
      },
      {
        name: 'good',
        apiKey: { publicKey: { env: 'PUBLIC' }, privateKey: { env: 'PRIVATE' } },
        projects: [orders.id],
      },
    ];
    running = await startGateway({ clock, config: { credentials: both } });
    expect((await running.get(linksOf(orders))).status).toBe(200);
    expect(json(await running.get(linksOf(single)))).toMatchObject({
      errorCode: 'NO_CREDENTIAL_FOR_PROJECT',
    });
  });

  test('a list across projects is merged from all credentials, each item once', async () => {
    await running.stop();
    const both = [
      { name: 'one', serviceAccount: { clientId: { env: 'ID' }, clientSecret: { env: 'SECRET' } } },
      { name: 'two', apiKey: { publicKey: { env: 'PUBLIC' }, privateKey: { env: 'PRIVATE' } } },
    ];
    running = await startGateway({ clock, config: { credentials: both } });
    expect(
      json(await running.get('/api/atlas/v2/groups', { accept: 'application/vnd.atlas.2023-01-01+json' }))
        .totalCount,
    ).toBe(6);
    expect((await running.get(linksOf(orders))).status).toBe(200);
  });
});
