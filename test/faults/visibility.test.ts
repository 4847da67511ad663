import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createCatalog, type Operation } from '../../src/atlas/catalog.ts';
import { isCountable, type PageOptions } from '../../src/atlas/query.ts';
import { ANSWER_SCOPES } from '../../src/gateway/auth/answer-scope.ts';
import { parameterScopeOf } from '../../src/gateway/auth/parameter-scope.ts';
import type { Json } from '../../src/simulator/pages.ts';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { testKey } from '../support/caller-keys.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { lists as operations } from '../support/lists.ts';
import { json, type Reply, type Running, startGateway } from '../support/running.ts';

const API = '/api/atlas/v2';
const catalog = createCatalog(operations);
const NEWEST = 'application/vnd.atlas.2025-03-12+json';
const ORG = SAMPLE_PROJECTS.orders.orgId;
const FOREIGN_ORG = SAMPLE_PROJECTS.ledger.orgId;
const PUBLIC_URL = 'https://gateway.example';
const idOf = (kind: string, index: number) => `${kind}${String(index).padStart(24 - kind.length, '0')}`;
const MINE = Array.from({ length: 7 }, (_none, index) => idOf('aaa', index));
const MY_ORGS = [ORG, ...Array.from({ length: 6 }, (_none, index) => idOf('bbb', index))];

const restricted = testKey(1);
const colleague = testKey(2);
const sameTeam = testKey(3);
const overseer = testKey(4);
const named = testKey(5);
const keysOf = ({ id, sha256 }: { id: string; sha256: string }) => [{ id, sha256 }];
const SENSITIVE = operations.filter(({ sensitivity }) => sensitivity !== 'open').map(({ id }) => id);
const callers = [
  { name: 'restricted', keys: keysOf(restricted), projects: MINE, organizations: MY_ORGS },
  { name: 'colleague', keys: keysOf(colleague), projects: MINE.slice(2), organizations: MY_ORGS.slice(0, 3) },
  { name: 'same-team', keys: keysOf(sameTeam), projects: [...MINE].reverse(), organizations: MY_ORGS },
  { name: 'overseer', keys: keysOf(overseer), projects: 'all', organizations: 'all' },
  {
    name: 'named',
    keys: keysOf(named),
    projects: MINE,
    organizations: MY_ORGS,
    operations: ['lists', ...SENSITIVE],
  },
];
const as = (key: { bearer: string }) => ({ authorization: key.bearer, accept: NEWEST });

interface CutList {
  readonly operation: Operation;
  readonly path: string;
  readonly mine: readonly string[];
  readonly item: (id: string, revision: number) => Json;
}

function cutList(path: string, item: CutList['item'], mine: readonly string[] = MINE): CutList {
  const match = catalog.match(`${API}${path}`);
  if (match.type !== 'matched') throw new Error(`${path} is not in the catalog`);
  return { operation: match.operation, path: `${API}${path}`, mine, item };
}

const project = (id: string, revision: number) => ({ id, orgId: ORG, clusterCount: revision });
const ACCOUNT = `mdb_sa_id_${'c'.repeat(24)}`;
const GROUPS = cutList('/groups', project);
/** Every list that is filtered for callers and granted without its name. */
const CUT_LISTS: readonly CutList[] = [
  GROUPS,
  cutList(`/orgs/${ORG}/groups`, project),
  cutList('/clusters', (id, revision) => ({ groupId: id, clusters: [revision] })),
  cutList('/orgs', (id, revision) => ({ id, name: `organization ${revision}` }), MY_ORGS),
  cutList(`/orgs/${ORG}/serviceAccounts/${ACCOUNT}/groups`, (id, revision) => ({
    groupId: id,
    roles: [`GROUP_ROLE_${revision}`],
  })),
];

/** The list with `gaps` items of others before, between and after the caller's. */
function withOthers({ mine, item }: CutList, gaps: readonly number[], revision: number): Json[] {
  let others = 0;
  return gaps.flatMap((gap, index) => {
    const foreign = Array.from({ length: gap }, () => item(idOf('fff', others++), 0));
    const own = mine[index];
    return own === undefined ? foreign : [...foreign, item(own, revision)];
  });
}

const start = (clock: FakeClock, cache: Record<string, unknown> = {}) =>
  startGateway({
    clock,
    config: {
      listen: { port: 0, publicUrl: PUBLIC_URL },
      callers,
      anonymous: undefined,
      cache: { staleWhileRevalidate: '0s', ...cache },
    },
  });

const TIMING = new Set(['date', 'x-request-id', 'age', 'cache-status']);
/** A response without the fields that depend on time. */
const contentOf = ({ status, headers, body }: Reply) => ({
  status,
  headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !TIMING.has(name))),
  body: body.toString('latin1'),
});
const linkTo = (rel: string, reply: Reply) =>
  json(reply)
    .links.find((link) => link.rel === rel)
    ?.href.slice(PUBLIC_URL.length);
const snapshotIn = (href: string | undefined) => new URLSearchParams(href?.split('?')[1]).get('snapshot');

/** A step in both worlds: reading a page, by a link of the previous one if possible, or changing lists. */
type Step =
  | {
      readonly type: 'read';
      readonly shape: PageOptions;
      readonly method: string;
      readonly coding: string;
      readonly link: string;
      readonly unchanged: boolean;
    }
  | { readonly type: 'others-change'; readonly pair: readonly [number[], number[]] }
  | { readonly type: 'mine-change' };

describe('two worlds that differ in the projects of others', () => {
  const clock = createFakeClock();
  let worlds: readonly Running[];
  beforeAll(async () => {
    worlds = [await start(clock), await start(clock)];
  });
  afterAll(() => Promise.all(worlds.map((world) => world.stop())));

  const nobodyElse = fc.constant(Array.from({ length: 8 }, () => 0));
  const gaps = fc.oneof(nobodyElse, fc.array(fc.nat({ max: 4 }), { minLength: 8, maxLength: 8 }));
  const pair = fc.tuple(gaps, gaps);
  const shape = fc.record({
    pageNum: fc.integer({ min: 1, max: 5 }),
    itemsPerPage: fc.integer({ min: 1, max: 9 }),
    includeCount: fc.boolean(),
    pretty: fc.boolean(),
    envelope: fc.boolean(),
  });
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({
      type: fc.constant('read' as const),
      shape,
      method: fc.constantFrom('GET', 'HEAD'),
      coding: fc.constantFrom('identity', 'br', 'gzip'),
      link: fc.constantFrom('none', 'next', 'previous'),
      unchanged: fc.boolean(),
    }),
    fc.record({ type: fc.constant('others-change' as const), pair }),
    fc.record({ type: fc.constant('mine-change' as const) }),
  );

  async function run(
    list: CutList,
    first: readonly [number[], number[]],
    steps: readonly Step[],
  ): Promise<void> {
    let revision = 0;
    let current = first;
    const change = async () => {
      worlds.forEach((world, index) => {
        world.simulator.world.replace(list.path, withOthers(list, current[index] ?? [], revision));
      });
      await clock.advance(31_000);
    };
    const readBoth = async (path: string, headers: Record<string, string>, method = 'GET') => {
      const [one, other] = await Promise.all(worlds.map((world) => world.get(path, headers, method)));
      if (one === undefined || other === undefined) throw new Error('there are two worlds');
      expect(contentOf(one)).toEqual(contentOf(other));
      return one;
    };
    await change();
    let last: Reply | undefined;
    for (const taken of steps) {
      switch (taken.type) {
        case 'others-change':
          current = taken.pair;
          await change();
          break;
        case 'mine-change':
          revision++;
          await change();
          break;
        case 'read': {
          const { pageNum, itemsPerPage, includeCount, pretty, envelope } = taken.shape;
          const countable = isCountable(list.operation) ? `&includeCount=${includeCount}` : '';
          const plain = `${list.path}?pageNum=${pageNum}&itemsPerPage=${itemsPerPage}${countable}&pretty=${pretty}&envelope=${envelope}`;
          const followed = last === undefined ? undefined : linkTo(taken.link, last);
          const etag = last?.headers['etag'];
          const headers = {
            ...as(restricted),
            'accept-encoding': taken.coding,
            ...(taken.unchanged && etag !== undefined ? { 'if-none-match': etag } : {}),
          };
          await readBoth(followed ?? plain, headers, taken.method);
          last = await readBoth(followed ?? plain, as(restricted));
          expect(last.status).toBe(200);
        }
      }
    }
  }

  test.each(CUT_LISTS)('84: no byte of $operation.id differs between them', async (list) => {
    await fc.assert(
      fc.asyncProperty(pair, fc.array(step, { minLength: 2, maxLength: 8 }), (first, steps) =>
        run(list, first, steps),
      ),
      { numRuns: 25 },
    );
  });

  test('84: these are all filtered lists of the catalog', () => {
    const cut = operations.filter(({ id }) => ANSWER_SCOPES.get(id)?.type === 'cut');
    const tried = new Set(CUT_LISTS.map(({ operation }) => operation.id));
    expect(cut.map(({ id }) => id).filter((id) => !tried.has(id))).toEqual(['listOrgAiModelApiKeys']);
  });
});

describe('a list filtered for a caller', () => {
  let clock: FakeClock;
  let running: Running;
  const { path } = GROUPS;
  const replace = (others: number, revision = 0) =>
    running.simulator.world.replace(path, withOthers(GROUPS, [0, 1, 0, others, 2, 0, 0, 5], revision));
  const begin = async (cache: Record<string, unknown> = {}) => {
    clock = createFakeClock();
    running = await start(clock, cache);
    replace(3);
    return () => running.stop();
  };
  beforeEach(() => begin());

  test('84: a link stays valid for its listing while other projects change, and after the caller’s own did', async () => {
    const page = `${path}?itemsPerPage=3`;
    const first = await running.get(page, as(restricted));
    const next = linkTo('next', first) ?? '';
    const second = await running.get(next, as(restricted));
    replace(9);
    await clock.advance(31_000);
    expect(contentOf(await running.get(page, as(restricted)))).toEqual(contentOf(first));
    expect(contentOf(await running.get(next, as(restricted)))).toEqual(contentOf(second));
    replace(9, 1);
    await clock.advance(31_000);
    expect(snapshotIn(linkTo('next', await running.get(page, as(restricted))))).not.toBe(snapshotIn(next));
    expect((await running.get(next, as(restricted))).text).toBe(second.text);
  });

  test('84: a link to the newest listing triggers its refresh like any other request', async () => {
    const next = linkTo('next', await running.get(`${path}?itemsPerPage=3`, as(restricted))) ?? '';
    await clock.advance(31_000);
    running.simulator.clearRequests();
    await running.get(next, as(restricted));
    expect(running.upstream()).toHaveLength(1);
  });

  test('84: a link shows another caller only its own list; a caller with the same view may follow it', async () => {
    const page = `${path}?itemsPerPage=2&pageNum=2`;
    const before = new Map<string, string>();
    const readers = { restricted, colleague, overseer };
    for (const [name, key] of Object.entries(readers))
      before.set(name, linkTo('next', await running.get(page, as(key))) ?? '');
    expect(new Set([...before.values()].map(snapshotIn)).size).toBe(3);
    const old = await running.get(before.get('restricted') ?? '', as(restricted));
    replace(9, 1);
    await clock.advance(31_000);
    for (const [name, key] of Object.entries(readers)) {
      const own = await running.get(`${path}?itemsPerPage=2&pageNum=3`, as(key));
      for (const [other, link] of before) {
        if (other === name) continue;
        expect(contentOf(await running.get(link, as(key)))).toEqual(contentOf(own));
      }
    }
    expect((await running.get(before.get('restricted') ?? '', as(sameTeam))).text).toBe(old.text);
  });

  test('84: a list that is cached by page is still filtered from the whole list', async () => {
    await running.stop();
    await begin({ operations: { listGroups: { whole: false } } });
    const all = json(await running.get(`${path}?itemsPerPage=3`, as(overseer)));
    expect(all.totalCount).toBe(MINE.length + 11);
    const seen: unknown[] = [];
    for (let link: string | undefined = `${path}?itemsPerPage=3`; link !== undefined; ) {
      const reply = await running.get(link, as(restricted));
      expect(json(reply).totalCount).toBe(MINE.length);
      seen.push(json(reply).results.map(({ id }) => id));
      link = linkTo('next', reply);
    }
    expect(seen).toEqual([MINE.slice(0, 3), MINE.slice(3, 6), MINE.slice(6)]);
  });

  test('84: a list too long to be loaded whole is refused, identically for every page and number of other items', async () => {
    await running.stop();
    await begin({ maxItems: 15 });
    const refusals: unknown[] = [];
    for (const others of [3, 40, 700]) {
      replace(others);
      await clock.advance(601_000);
      for (const query of ['', '?pageNum=2&itemsPerPage=3', '?pageNum=400&itemsPerPage=1'])
        refusals.push(contentOf(await running.get(`${path}${query}`, as(restricted))));
      expect((await running.get(path, as(overseer))).status).toBe(200);
      // Nor is a page cached for another caller filtered instead.
      refusals.push(contentOf(await running.get(path, as(restricted))));
    }
    expect(new Set(refusals.map((refusal) => JSON.stringify(refusal))).size).toBe(1);
    expect(refusals[0]).toMatchObject({ status: 502, headers: { 'x-error-code': 'UPSTREAM_TOO_LARGE' } });
  });

  test('84: a failure does not reveal the length of the list', async () => {
    running.simulator.faults.add({ target: path, status: 200, body: `{"results":[${'{},'.repeat(77)}` });
    const reply = await running.get(path, as(restricted));
    expect(json(reply).errorCode).toBe('UPSTREAM_BAD_BODY');
    expect(json(reply).detail).not.toMatch(/\d{2}/);
    expect(json(await running.get(path, as(overseer))).detail).toMatch(/at byte \d+ of \d+/);
  });
});

describe('ids and responses that refer to other projects', () => {
  let running: Running;
  beforeAll(async () => {
    running = await start(createFakeClock());
  });
  afterAll(() => running.stop());
  beforeEach(() => running.simulator.clearRequests());

  const [mine = ''] = MINE;
  const foreign = SAMPLE_PROJECTS.ledger.id;

  test.each([
    [`?groupId=${mine}&orgId=${FOREIGN_ORG}`, 'PROJECT_FORBIDDEN'],
    [`?orgId=${FOREIGN_ORG}&groupId=${mine}`, 'PROJECT_FORBIDDEN'],
    [`?groupId=${foreign}&orgId=${ORG}`, 'PROJECT_FORBIDDEN'],
    [`?orgId=${ORG}&groupId=${foreign}`, 'PROJECT_FORBIDDEN'],
    [`?groupId=${foreign}`, 'PROJECT_FORBIDDEN'],
    [`?orgId=${FOREIGN_ORG}`, 'PROJECT_FORBIDDEN'],
    [`?groupId=${mine}&groupId=${foreign}`, 'OPERATION_FORBIDDEN'],
    [`?groupId=${mine}&userId=mdb_sa_id_${'d'.repeat(24)}`, 'OPERATION_FORBIDDEN'],
    [`?orgId=${ORG}&ipAddress=10.0.0.1`, 'OPERATION_FORBIDDEN'],
    [`?userId=mdb_sa_id_${'d'.repeat(24)}`, 'OPERATION_FORBIDDEN'],
    ['', 'OPERATION_FORBIDDEN'],
    [`?groupId=${mine}&orgId=${ORG}`, undefined],
  ])('85: every id counts: rateLimits%s → %s', async (query, errorCode) => {
    const reply = await running.get(`${API}/rateLimits${query}`, as(restricted));
    expect(json(reply).errorCode).toBe(errorCode);
    if (errorCode !== undefined) expect(running.upstream()).toEqual([]);
  });

  /** A path of the operation in the caller's own organization or project. */
  const ownPath = (operation: Operation) =>
    operation.path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => {
      if (name === 'orgId') return ORG;
      if (name === 'groupId') return mine;
      return name === 'clientId' ? ACCOUNT : 'a'.repeat(24);
    });
  const mentioning = operations.filter(({ id }) => ANSWER_SCOPES.get(id)?.type === 'several');

  test.each(mentioning)(
    '85: $id mentions several projects, and is closed to callers with some of them unless named',
    async (operation) => {
      const refused = await running.get(ownPath(operation), as(restricted));
      expect(json(refused).errorCode).toBe('OPERATION_FORBIDDEN');
      expect(running.upstream()).toEqual([]);
      const byName = await running.get(ownPath(operation), as(named));
      if (operation.sensitivity === 'open' || operation.sensitivity === 'billing')
        expect(json(byName).errorCode).toBe('OPERATION_FORBIDDEN');
      else expect(json(byName).errorCode).not.toBe('OPERATION_FORBIDDEN');
    },
  );

  test('85: the projects of a service account and the keys of an organization are filtered, even if granted by name', async () => {
    for (const [list, key] of [
      [`${API}/orgs/${ORG}/serviceAccounts/${ACCOUNT}/groups`, restricted],
      [`${API}/orgs/${ORG}/aiModelApiKeys`, named],
    ] as const) {
      running.simulator.world.replace(list, [
        { groupId: foreign, name: 'theirs' },
        { groupId: mine, name: 'mine' },
        { name: 'of nobody' },
      ]);
      expect(json(await running.get(list, as(key)))).toMatchObject({
        results: [{ groupId: mine, name: 'mine' }],
        totalCount: 1,
      });
    }
  });
});

describe('the tables of ids in responses and parameters', () => {
  test('85: every operation of the catalog has been reviewed', () => {
    expect(operations.filter(({ id }) => !ANSWER_SCOPES.has(id)).map(({ id }) => id)).toEqual([]);
  });

  test('85: every id among the parameters of the catalog has been reviewed', () => {
    const ids = operations
      .flatMap(({ pathParameters, queryParameters }) => [...pathParameters, ...queryParameters])
      .map(({ name }) => name)
      .filter((name) =>
        /ids?$|address$|^(?:group|project|org|organization|tenant)(?:s|names?)?$/i.test(name),
      );
    expect([...new Set(ids)].filter((name) => parameterScopeOf(name) === undefined)).toEqual([]);
  });

  test('85: a response scoped by the request has a project or organization in its path or query', () => {
    const nameless = operations.filter(
      ({ id, pathParameters, queryParameters }) =>
        ANSWER_SCOPES.get(id)?.type === 'named' &&
        ![...pathParameters, ...queryParameters].some(({ name }) => name === 'groupId' || name === 'orgId'),
    );
    expect(nameless).toEqual([]);
  });

  test('85: filtered lists are cached whole', () => {
    const cut = operations.filter(({ id }) => ANSWER_SCOPES.get(id)?.type === 'cut');
    expect(cut.filter(({ cacheUnit }) => cacheUnit !== 'whole')).toEqual([]);
  });
});
