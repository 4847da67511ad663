import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { answer, startHostile } from '../support/hostile.ts';
import { lists as operations } from '../support/lists.ts';
import { raw } from '../support/raw.ts';
import {
  asAtlas,
  ask,
  heldWhole,
  json,
  linksOf,
  type Reply,
  type Running,
  startGateway,
} from '../support/running.ts';

const { orders, payments } = SAMPLE_PROJECTS;
const inProject = (rest: string) => `/api/atlas/v2/groups/${orders.id}/${rest}`;

describe('a path that is not served', () => {
  let running: Running;
  beforeAll(async () => {
    running = await startGateway();
  });
  afterAll(() => running.stop());
  beforeEach(() => {
    running.simulator.clearRequests();
    running.logLines.length = 0;
  });

  function isUnknownOperation(reply: Reply): void {
    expect(reply.status).toBe(501);
    expect(reply.headers['x-error-code']).toBe('UNKNOWN_OPERATION');
    expect(json(reply)).toMatchObject({ error: 501, errorCode: 'UNKNOWN_OPERATION' });
    expect(running.simulator.requests).toEqual([]);
  }

  const unserved = [
    inProject('clusters/Cluster0/nothing'),
    inProject('databaseUsers/admin/bob/nothing'),
    inProject('nothing'),
    inProject('clusters/Cluster0/onlineArchives/queryLogs.gz'),
    `${linksOf(orders)}/`,
    `${linksOf(orders)}/x/y.css`,
    inProject('clusters;x.css'),
    linksOf(orders).replace('/v2/', '/v2//'),
    '/api/atlas/v1.0/groups',
    '/api/atlas/v3',
    '/api/atlas/',
    '/api/',
    '/api/nothing',
    '/api/private/nothing',
    '/api/private/unauth/telemetry',
    '/api/private/v2.0/telemetry/events',
    '/%61pi/atlas/v2/groups',
    '/api%2Fatlas/v2/groups',
    '/api/%ff',
    '/api',
    '/%61%70%69/%ff',
    '/ap%69%2fnothing',
  ];

  test.each(unserved)(
    '113: GET and HEAD of %s → 501, never 404, and a log line with the path',
    async (path) => {
      isUnknownOperation(await running.get(`${path}?name=secret-in-query`));
      expect((await running.get(path, {}, 'HEAD')).status).toBe(501);
      const line = JSON.parse(running.logLines[0] ?? '{}');
      expect(line).toMatchObject({ level: 'warn', path, status: 501, errorCode: 'UNKNOWN_OPERATION' });
      expect(running.logLines.join('')).not.toContain('secret-in-query');
    },
  );

  test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'])(
    '113: %s of a path that is not served is 501, of one that is served 405',
    async (method) => {
      for (const body of ['', '{"name":"Cluster0"}']) {
        const headers = body === '' ? {} : { 'content-length': String(body.length) };
        isUnknownOperation(
          await ask(running.origin, inProject('clusters/Cluster0/nothing'), { method, body, headers }),
        );
        const served = await ask(running.origin, linksOf(orders), { method, body, headers });
        expect([served.status, served.headers['allow']]).toEqual([405, 'GET, HEAD']);
      }
    },
  );

  test('113: a served path with another method is 405, also outside the catalog', async () => {
    for (const [path, method, allow] of [
      ['/api/oauth/token', 'GET', 'POST'],
      ['/api/oauth/revoke', 'PUT', 'POST'],
      ['/api/private/ipinfo', 'DELETE', 'GET, HEAD'],
      ['/api/private/v1.0/telemetry/events', 'GET', 'POST'],
      ['/openapi.json', 'POST', 'GET, HEAD'],
      ['/', 'DELETE', 'GET, HEAD'],
    ] as const) {
      const reply = await ask(running.origin, path, { method });
      expect([path, reply.status, reply.headers['allow']]).toEqual([path, 405, allow]);
      expect(json(reply).errorCode).toBe('METHOD_NOT_ALLOWED');
    }
  });

  test('113: paths outside the API are 404 NOT_FOUND; below it the gateway never generates a 404', async () => {
    for (const path of ['/robots.txt', '/favicon.ico', '/apis', '/API/atlas/v2/groups', '/metrics']) {
      const reply = await running.get(path);
      expect([path, reply.status, json(reply).errorCode]).toEqual([path, 404, 'NOT_FOUND']);
    }
    for (const { path } of operations) {
      const reply = await running.get(`${path.replaceAll(/\{[^}]+\}/g, 'x')}/more/than/that`);
      expect([400, 501]).toContain(reply.status);
    }
  });

  test('113: a path in a log line is bounded and printable', async () => {
    await running.get(`/api/${'x'.repeat(4_000)}`);
    await raw(running.origin, 'GET /api/"\\<x> HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n');
    await raw(
      running.origin,
      'GET http://user:password-canary@elsewhere/api/x HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n',
    );
    expect(running.logLines).toHaveLength(3);
    for (const line of running.logLines) expect(line).toMatch(/^[\x20-\x7e]{1,600}\n$/);
    expect(running.logLines.join('')).not.toContain('password-canary');
  });
});

describe('what Atlas accepts', () => {
  let running: Running;
  beforeEach(async () => {
    running = await startGateway();
  });
  afterEach(() => running.stop());

  test('115: an optional filter without a value counts as absent, and links echo it as Atlas does', async () => {
    const version = { accept: 'application/vnd.atlas.2023-01-01+json' };
    const blank = await running.get('/api/atlas/v2/orgs?name=', version);
    const without = await running.get('/api/atlas/v2/orgs', version);
    expect([blank.status, without.headers['cache-status']]).toEqual([200, expect.stringContaining('hit')]);
    expect(json(blank).results).toEqual(json(without).results);
    expect(json(blank).links[0]?.href).toMatch(/orgs\?includeCount=true&name=&pageNum=1&itemsPerPage=100$/);
    const atlas = await running.atlasGet('/api/atlas/v2/orgs?name=', version);
    expect(asAtlas(blank.text, running.origin)).toBe(atlas.text);
    expect(running.upstream()).toHaveLength(2);
  });

  test('115: every optional filter of every list may be blank, and is then the same entry', async () => {
    const SHAPE = new Set(['pageNum', 'itemsPerPage', 'pretty', 'envelope', 'includeCount']);
    const operation = operations.find(({ id }) => id === 'listGroupClusters');
    const filters = (operation?.queryParameters ?? []).filter(({ name }) => !SHAPE.has(name));
    expect(filters.length).toBeGreaterThan(0);
    const accept = { accept: 'application/vnd.atlas.2024-08-05+json' };
    const path = inProject('clusters');
    await running.get(path, accept);
    for (const { name } of filters) {
      const reply = await running.get(`${path}?${name}=`, accept);
      expect([name, reply.status, reply.headers['cache-status']]).toEqual([
        name,
        200,
        expect.stringContaining('hit'),
      ]);
    }
  });

  test.each([
    ['pageNum=0', 'pageNum=1'],
    ['itemsPerPage=0', 'itemsPerPage=1'],
    ['pageNum=0&itemsPerPage=0', 'pageNum=1&itemsPerPage=1'],
  ])('115: %s is answered as %s', async (zero, one) => {
    await running.get(linksOf(payments));
    await heldWhole(running, payments);
    const reply = await running.get(linksOf(payments, `?${zero}`));
    expect(reply.status).toBe(200);
    expect(reply.text).toBe((await running.get(linksOf(payments, `?${one}`))).text);
    const atlas = await running.atlasGet(linksOf(payments, `?${zero}`));
    expect(asAtlas(reply.text, running.origin)).toBe(atlas.text);
  });

  test('115: a required filter without a value, and a blank page or size, are refused', async () => {
    for (const [path, query] of [
      [linksOf(orders), 'pageNum='],
      [linksOf(orders), 'itemsPerPage='],
      [linksOf(orders), 'pretty='],
      ['/api/atlas/v2/rateLimits', 'name=&name='],
    ] as const)
      expect(json(await running.get(`${path}?${query}`)).errorCode).toBe('INVALID_QUERY_PARAMETER');
  });
});

describe('a 404 that is not Atlas’s', () => {
  test.each([
    [404, '<html>nginx</html>'],
    [404, ''],
    [403, '<html>firewall</html>'],
    [410, 'gone'],
    [404, '[]'],
    [451, '{"message":"blocked"}'],
  ])(
    '113: %i with %j from something on the way → the cached list, else 502; nothing is evicted',
    async (status, body) => {
      const atlas = await startHostile();
      const running = await startGateway({ origin: atlas.origin });
      expect((await running.get(linksOf(orders))).status).toBe(200);
      atlas.list = answer(status, body);
      const stale = await running.get(linksOf(orders), { 'cache-control': 'no-cache' });
      expect([stale.status, stale.headers['cache-status']]).toEqual([
        200,
        expect.stringContaining('UPSTREAM_BAD_BODY'),
      ]);
      const cold = await running.get(linksOf(payments));
      expect([cold.status, json(cold).errorCode]).toEqual([502, 'UPSTREAM_BAD_BODY']);
      expect((await running.get(linksOf(orders))).status).toBe(200);
      await running.stop();
      await atlas.close();
    },
  );
});
