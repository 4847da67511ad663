import { Hono } from 'hono';
import { requestId } from 'hono/request-id';
import { beforeEach, describe, expect, test } from 'vitest';
import { operations } from '../../../src/atlas/operations.ts';
import type { AuthResult, Caller } from '../../../src/gateway/auth/key-auth.ts';
import type { ServerEnv } from '../../../src/server/bindings.ts';
import { curlOf } from '../../../src/server/landing/curl.ts';
import { readableBy } from '../../../src/server/landing/readable.ts';
import { createLandingRoutes } from '../../../src/server/landing/routes.ts';
import type { RoutedAnswer } from '../../../src/server/routed-event.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const ORIGIN = 'https://gateway.example';
const PROJECT = '64b7c0ffee0000000000a004';
const CALLER: Caller = {
  name: 'team-orders',
  projects: new Set([PROJECT]),
  organizations: new Set(),
  operations: new Set(['lists']),
};

/** Names of the caller's project and of projects and organizations of others. */
const NAMES = new Map([
  [PROJECT, 'Orders <b>&</b> more'],
  ['64b7c0ffee0000000000a005', "another team's project"],
  ['64b7c0ffee0000000000a006', "another team's organization"],
]);

let app: Hono<ServerEnv>;
let reported: RoutedAnswer[];
let waitMs: number;

beforeEach(() => {
  reported = [];
  waitMs = 0;
  const routes = createLandingRoutes({
    operations,
    access: {
      authenticate: (authorization): AuthResult =>
        authorization === 'Bearer right'
          ? { type: 'caller', caller: CALLER }
          : { type: 'unauthenticated', reason: 'wrong-secret' },
      acquireRequest: () => waitMs,
    },
    projectNames: () => NAMES,
    publicUrl: () => ORIGIN,
    clock: createFakeClock(),
    version: '1.2.3',
    report: (_context, answer) => reported.push(answer),
  });
  app = new Hono<ServerEnv>();
  app.use('*', requestId());
  app.use('*', async (context, next) => {
    context.set('identity', {
      requestId: 'r-1',
      parent: undefined,
      clientIp: '192.0.2.1',
      userAgent: undefined,
    });
    await next();
  });
  app.route('/', routes);
  app.get('/', (context) => context.text('plain'));
});

const get = (headers: Record<string, string>) => app.request(`${ORIGIN}/`, { headers });
const post = (key: string, headers: Record<string, string> = {}) =>
  app.request(`${ORIGIN}/access`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams({ key }).toString(),
  });

describe('the landing page', () => {
  test.each([
    ['text/html,application/xhtml+xml,*/*;q=0.8', true],
    ['*/*', false],
    ['', false],
    ['application/json', false],
    ['text/html;q=0.5, text/plain', false],
  ])('Accept: %s → a page: %s', async (accept, isPage) => {
    const response = await get({ accept });
    const text = await response.text();
    expect(response.headers.get('vary')).toContain('Accept');
    expect(text.startsWith('<!doctype html>')).toBe(isPage);
    if (!isPage) expect(text).toBe('plain');
  });

  test('lists every operation, each with a command that names its latest version', async () => {
    const text = await (await get({ accept: 'text/html' })).text();
    expect(text.match(/class="operation"/g)).toHaveLength(operations.length);
    for (const { id } of operations) expect(text).toContain(`<b>${id}</b>`);
    expect(text).toContain('openapi.json');
    expect(text).toContain('<code>clusterView</code> is one of PRIMARY, SECONDARY, INDIVIDUAL_PROCESS');
    expect(text).toContain('set <code>ATLAS_GATEWAY_KEY</code> to your key');
  });

  test('loads only its own script and style, and is not sent again to a browser that has it', async () => {
    const response = await get({ accept: 'text/html' });
    expect(response.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; img-src data:; form-action 'self'/,
    );
    const etag = response.headers.get('etag') ?? '';
    expect((await get({ accept: 'text/html', 'if-none-match': etag })).status).toBe(304);
  });
});

describe('what a key may read', () => {
  test('is shown for a valid key, which is in neither answer nor report', async () => {
    const response = await post('right');
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('set-cookie')).toBeNull();
    expect(text).toContain('team-orders');
    expect(text).toContain(`<bdi>Orders &lt;b&gt;&amp;&lt;/b&gt; more</bdi> <code>${PROJECT}</code>`);
    expect(text).not.toContain('another team');
    expect(text).toContain('<b>listGroupStreamPrivateLinkConnections</b>');
    expect(text + JSON.stringify(reported)).not.toContain('right');
    expect(reported).toMatchObject([{ status: 200, caller: 'team-orders' }]);
  });

  test('is refused for a wrong key; after sixty within a minute, wrong keys have to wait', async () => {
    for (let attempt = 0; attempt < 60; attempt++) expect((await post('wrong')).status).toBe(401);
    const response = await post('wrong');
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '60']);
    // Guesses do not lock out the owner of a key.
    expect((await post('right')).status).toBe(200);
    expect(reported.at(0)).toMatchObject({
      ...{ status: 401, errorCode: 'UNAUTHENTICATED', reason: 'wrong-secret' },
    });
    expect(reported.at(60)).toMatchObject({ status: 429, errorCode: 'CALLER_RATE_LIMITED' });
  });

  test('counts as a request of the caller', async () => {
    waitMs = 1_500;
    const response = await post('right');
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '2']);
  });

  test.each([
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ origin: 'https://evil.example' }, 403],
    [{ 'sec-fetch-site': 'same-origin' }, 200],
  ])('%o → %i', async (headers, status) => {
    expect((await post('right', headers)).status).toBe(status);
  });

  test('other methods are not allowed', async () => {
    const response = await app.request(`${ORIGIN}/access`);
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
  });

  test.each([
    [{}, 'listGroupClusters', true],
    [{ projects: new Set<string>() }, 'listGroupClusters', false],
    [{ projects: 'all' } as const, 'listGroupClusters', true],
    [{}, 'listOrgUsers', false],
    [{ operations: new Set(['listGroupClusters']) }, 'listGroupStreamPrivateLinkConnections', false],
  ])('a caller with %o may read %s: %s', (permissions, id, expected) => {
    const { operations: readable } = readableBy({ ...CALLER, ...permissions }, operations, () => NAMES);
    expect(readable.some((operation) => operation.id === id)).toBe(expected);
  });
});

test.each([
  [['lists'], true],
  [['reads:Projects'], true],
  [['getGroup'], true],
  [['Clusters'], false],
  [['listOrgs', 'getOrgGroups'], false],
])('a caller with the operations %j is shown the name of its project: %s', (words, isShown) => {
  const caller = { ...CALLER, operations: new Set(words) };
  const { projects } = readableBy(caller, operations, () => NAMES);
  expect(projects).toEqual([{ id: PROJECT, name: isShown ? NAMES.get(PROJECT) : undefined }]);
});

test('a caller is shown the name of its organization only if it may read organizations', () => {
  const id = '64b7c0ffee0000000000a006';
  const namesFor = (word: string) =>
    readableBy(
      { ...CALLER, organizations: new Set([id]), operations: new Set([word]) },
      operations,
      () => NAMES,
    ).organizations;
  expect(namesFor('getOrg')).toEqual([{ id, name: "another team's organization" }]);
  expect(namesFor('listGroups')).toEqual([{ id, name: undefined }]);
});

test('commands are of one line, name every parameter as a variable and need no escaping', () => {
  for (const operation of operations) {
    const command = curlOf(operation, ORIGIN);
    expect(command).not.toMatch(/[{}](?<!\$\{\w+\}|\$\{)/);
    expect(command).not.toContain('\n');
    for (const { name } of operation.pathParameters) expect(command).toContain(`\${${name}}`);
  }
});
