import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPublicApp } from '../../src/server/public-app.ts';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { testKey } from '../support/caller-keys.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { raw } from '../support/raw.ts';
import { ACCEPT, linksOf, type Running, startGateway } from '../support/running.ts';

const { orders, payments, single } = SAMPLE_PROJECTS;
const KEY = testKey(1);
const PUBLIC_URL = 'https://gateway.example';
const ETAG = '"etag"';

/** A response as a client sees it, but for what differs from request to request. */
interface Seen {
  readonly status: string;
  readonly headers: readonly string[];
  readonly body: string;
}

function seen(answer: string): Seen {
  const end = answer.indexOf('\r\n\r\n');
  const [status = '', ...lines] = answer.slice(0, end).split('\r\n');
  const headers = lines
    .map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase()))
    .filter((line) => !/^(?:date|x-request-id):/.test(line))
    .map((line) => line.replace(/nonce="[^"]*"/, 'nonce="…"'));
  return { status, headers: headers.sort(), body: answer.slice(end + 4).replace(/eyJ[\w.-]+/, 'token') };
}

const request = (method: string, target: string, headers: Record<string, string> = {}, body = '') =>
  [
    `${method} ${target} HTTP/1.1`,
    ...Object.entries({
      Host: 'gateway.example',
      Accept: ACCEPT,
      ...(headers['Authorization'] === '' ? {} : { Authorization: KEY.bearer }),
      ...(body === '' ? {} : { 'Content-Length': String(body.length) }),
      ...headers,
      Connection: 'close',
    })
      .filter(([, value]) => value !== '')
      .map(([name, value]) => `${name}: ${value}`),
    '',
    body,
  ].join('\r\n');

const PATH = linksOf(orders);
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
const GRANT = 'grant_type=client_credentials';
const BASIC = { Authorization: KEY.basic, ...FORM };

const REQUESTS: readonly (readonly [string, string])[] = [
  ['a miss', request('GET', linksOf(single))],
  ['a hit', request('GET', PATH)],
  ['a hit by HEAD', request('HEAD', PATH)],
  ['a large page', request('GET', linksOf(payments, '?itemsPerPage=500'))],
  ['gzip', request('GET', linksOf(payments), { 'Accept-Encoding': 'gzip' })],
  ['br', request('GET', linksOf(payments), { 'Accept-Encoding': 'gzip, br' })],
  ['304', request('GET', PATH, { 'If-None-Match': ETAG })],
  ['304 to HEAD', request('HEAD', PATH, { 'If-None-Match': ETAG })],
  ['pretty', request('GET', `${PATH}?pretty=true`)],
  ['envelope', request('GET', `${PATH}?envelope=true`)],
  ['a target in absolute form', request('GET', `http://gateway.example${PATH}`)],
  ['no credentials', request('GET', PATH, { Authorization: '' })],
  ['no credentials, and a body', request('PUT', PATH, { Authorization: '' }, '{}')],
  ['wrong credentials by HEAD', request('HEAD', PATH, { Authorization: 'Bearer wrong' })],
  ['a forged token', request('GET', PATH, { Authorization: 'Bearer eyJhbGciOiJub25lIn0.e30.' })],
  ['another project', request('GET', linksOf({ id: 'f'.repeat(24) }))],
  ['an unknown parameter', request('GET', `${PATH}?unknown=1`)],
  ['an unknown version', request('GET', PATH, { Accept: 'application/vnd.atlas.1999-01-01+json' })],
  [
    'only-if-cached',
    request('GET', linksOf(payments, '?includeCount=false'), { 'Cache-Control': 'only-if-cached' }),
  ],
  ['an unknown operation', request('GET', '/api/atlas/v2/nothing')],
  ['an unknown API', request('GET', '/api/nothing')],
  ['an unknown path', request('GET', '/nothing')],
  ['a probe', request('GET', '/healthz')],
  ['the introduction', request('GET', '/')],
  ['the introduction by HEAD', request('HEAD', '/')],
  ['the description', request('GET', '/openapi.json', { 'Accept-Encoding': 'br' })],
  ['a token', request('POST', '/api/oauth/token', BASIC, GRANT)],
  [
    'a token for a wrong secret',
    request('POST', '/api/oauth/token', { ...BASIC, Authorization: 'Basic eA==' }, GRANT),
  ],
  ['a token without a body', request('POST', '/api/oauth/token', BASIC)],
  ['a revocation', request('POST', '/api/oauth/revoke', BASIC, 'token=unknown')],
  ['the address', request('GET', '/api/private/ipinfo')],
  ['telemetry', request('POST', '/api/private/unauth/telemetry/events', {}, '{}')],
  ['dot segments', request('GET', '/api/atlas/../x')],
  ['an asterisk', request('OPTIONS', '*')],
  ...['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'].flatMap((method): [string, string][] => [
    [`${method} of a list`, request(method, PATH)],
    [`${method} of a list with a body`, request(method, PATH, {}, '{}')],
    [`${method} of the introduction`, request(method, '/')],
    [`${method} of the address`, request(method, '/api/private/ipinfo')],
  ]),
];

describe('with and without the hit path', () => {
  const both: Running[] = [];
  beforeAll(async () => {
    for (const hitPath of [true, false]) {
      const running = await startGateway({
        hitPath,
        clock: createFakeClock(),
        config: {
          listen: { port: 0, publicUrl: PUBLIC_URL },
          anonymous: undefined,
          callers: [
            {
              name: 'team',
              keys: [{ id: KEY.id, sha256: KEY.sha256, ha1: { file: 'ha1' } }],
              projects: [orders.id, payments.id, single.id],
            },
          ],
        },
        files: { ha1: KEY.ha1 },
      });
      both.push(running);
      for (const project of [orders, payments])
        expect((await running.get(linksOf(project), { authorization: KEY.bearer })).status).toBe(200);
    }
  });
  afterAll(async () => {
    for (const running of both) await running.stop();
  });

  test.each(REQUESTS)('%s: the same answer', async (_name, bytes) => {
    const [one, other] = await Promise.all(
      both.map(async ({ origin, get }) => {
        const { etag = '' } = (await get(PATH, { authorization: KEY.bearer })).headers;
        return seen(await raw(origin, bytes.replace(ETAG, etag)));
      }),
    );
    expect(one?.status).toMatch(/^HTTP\/1\.1 \d{3} /);
    expect(one).toEqual(other);
  });

  test.each([0, 1])('every challenge is a header line of its own (%i)', async (index) => {
    for (const body of ['', '{}']) {
      const bytes = request(body === '' ? 'GET' : 'PUT', PATH, { Authorization: '' }, body);
      const { headers } = seen(await raw(both[index]?.origin ?? '', bytes));
      const challenges = headers.filter((line) => line.startsWith('www-authenticate: '));
      expect(challenges.length).toBeGreaterThan(1);
      for (const line of challenges)
        expect(line).toMatch(/^www-authenticate: (?:Digest|Bearer) [^,]*(?:, [\w-]+=[^,]+)*$/);
    }
  });
});

describe('app.fetch, without a socket', () => {
  const BODY = '{"results":[]}';
  const requested: string[] = [];
  const unused = () => expect.unreachable('not called');
  const app = createPublicApp({
    answer({ method, target, headers }) {
      requested.push(`${method} ${target} ${headers.authorization}`);
      const answer = {
        status: headers.ifNoneMatch === undefined ? 200 : 304,
        head: { headers: ['WWW-Authenticate', 'Digest', 'WWW-Authenticate', 'Bearer'] },
        body: Buffer.from(BODY),
        requestId: 'r-1',
      };
      return target.includes('miss') ? Promise.resolve(answer) : answer;
    },
    write: unused,
    tokens: { issue: async () => ({ status: 401, reason: 'wrong' }), revoke: unused },
    unready: () => undefined,
    landing: {
      operations: [],
      access: { authenticate: unused, acquireRequest: unused },
      projectNames: unused,
      publicUrl: () => PUBLIC_URL,
      clock: createFakeClock(),
    },
    version: '1.2.3',
    report: () => undefined,
    identify: () => ({ requestId: 'r-2', parent: undefined, clientIp: undefined, userAgent: undefined }),
    clock: createFakeClock(),
    onUnexpectedError: unused,
  });
  const fetch = (path: string, init?: RequestInit) => app.fetch(new Request(`${PUBLIC_URL}${path}`, init));

  test('a list, from memory or not → the handler’s answer', async () => {
    for (const path of ['/api/atlas/v2/hit?a=%20b', '/api/atlas/v2/miss?a=%20b', '/nothing?a=%20b']) {
      const response = await fetch(path, { headers: { authorization: 'Bearer x' } });
      expect([response.status, await response.text()]).toEqual([200, BODY]);
      expect(response.headers.get('www-authenticate')).toBe('Digest, Bearer');
      expect(response.headers.get('x-request-id')).toBe('r-1');
      expect(requested.at(-1)).toBe(`GET ${path} Bearer x`);
    }
  });

  test('HEAD and 304 → no body', async () => {
    const head = await fetch('/api/atlas/v2/hit', { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const unchanged = await fetch('/api/atlas/v2/hit', { headers: { 'if-none-match': '*' } });
    expect([unchanged.status, await unchanged.text()]).toEqual([304, '']);
  });

  test('the other routes → answered', async () => {
    expect((await fetch('/')).status).toBe(200);
    expect(JSON.parse(await (await fetch('/openapi.json')).text()).info.version).toBe('1.2.3');
    expect((await fetch('/api/oauth/token', { method: 'POST', body: GRANT })).status).toBe(401);
    const wrongMethod = await fetch('/api/oauth/token', { method: 'PUT' });
    expect([wrongMethod.status, wrongMethod.headers.get('allow')]).toEqual([405, 'POST']);
  });
});
