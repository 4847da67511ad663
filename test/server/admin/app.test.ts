import { afterEach, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../../src/simulator/world.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { ask, CALLER_KEY, linksOf, type Running, startGateway } from '../../support/running.ts';

const { orders, payments, search } = SAMPLE_PROJECTS;
const TOKEN = 'admin-canary-token-0123456789';
const PAGE = { accept: 'text/html' };

let running: Running;
afterEach(() => running.stop());

/** As on a listener that other machines can reach: the token decides, not the address. */
const withToken = (more: Parameters<typeof startGateway>[0] = {}) =>
  startGateway({
    ...more,
    config: { admin: { port: 0, token: { file: 'admin-token' } }, ...more.config },
    files: { 'admin-token': TOKEN },
  });
const post = (path: string, headers: Record<string, string>, body = '{}') =>
  ask(running.admin, path, { method: 'POST', headers, body });
const JSON_TYPE = { 'content-type': 'application/json' };

describe('without a token, on loopback', () => {
  test('the status page and /status.json contain the same data', async () => {
    running = await startGateway();
    await running.get(linksOf(orders));
    await running.get(linksOf(orders));
    await running.get(linksOf(payments), { authorization: `Bearer ${CALLER_KEY}` });
    const page = await ask(running.admin, '/', { headers: PAGE });
    expect(page.status).toBe(200);
    expect(page.headers['content-type']).toMatch(/^text\/html/);
    const status = JSON.parse((await ask(running.admin, '/status.json')).text);
    expect(status).toMatchObject({
      state: 'ready',
      version: '0.0.0',
      requests: 3,
      inFlight: 0,
      inFlightLimit: 5_000,
      cache: { listings: 1, loading: 0 },
      loads: { waiting: 0, loading: 0 },
      connections: { busy: 0, queued: 0, limit: 64 },
      coolingDown: { lists: 0, pages: 0 },
      credentials: [{ name: 'sample', kind: 'service-account', circuitOpen: false }],
      budget: [{ credential: 'sample', endpointSet: 'streams', capacity: 1_200 }],
      callers: [
        { name: 'team-orders', keys: 1, requests: 1, hits: 0, upstreamCalls: 0 },
        { name: 'anonymous', keys: 0, requests: 2, hits: 1, upstreamCalls: 1 },
      ],
      projects: [
        {
          id: orders.id,
          listings: 1,
          items: 42,
          requests: 2,
          hits: 1,
          privateLinkConnections: { total: 42, failed: 6 },
        },
      ],
      refusals: [{ caller: 'team-orders', project: payments.id, status: 403, code: 'PROJECT_FORBIDDEN' }],
      trend: { stepMs: 10_000 },
    });
    for (const text of [orders.id, 'team-orders', 'PROJECT_FORBIDDEN', 'streams', 'sample'])
      expect(page.text).toContain(text);
  });

  test('the CSP of a page allows only its own script and style, by a fresh nonce', async () => {
    running = await startGateway();
    const nonces = new Set<string>();
    for (let turn = 0; turn < 3; turn++) {
      const { headers, text } = await ask(running.admin, '/', { headers: PAGE });
      const nonce = /script-src 'nonce-([A-Za-z0-9+/=]{24})'/.exec(
        headers['content-security-policy'] ?? '',
      )?.[1];
      expect(headers['content-security-policy']).toBe(
        `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; img-src data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
      );
      expect(text.split(`nonce="${nonce}"`)).toHaveLength(4);
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
        'cache-control': 'no-store',
      });
      nonces.add(nonce ?? '');
    }
    expect(nonces.size).toBe(3);
  });

  test('only requests to names of this machine are answered, against DNS rebinding', async () => {
    running = await startGateway();
    const { port } = new URL(running.admin);
    for (const host of [
      `localhost:${port}`,
      `LOCALHOST:${port}`,
      '127.0.0.1',
      `[::1]:${port}`,
      'gw.localhost',
    ])
      expect((await ask(running.admin, '/', { headers: { ...PAGE, host } })).status).toBe(200);
    for (const host of [
      'attacker.example',
      `attacker.example:${port}`,
      'localhost.attacker.example',
      '127.0.0.1.attacker.example',
      'localhost@attacker.example',
      '127.0.0.1:80:80',
    ]) {
      for (const path of [
        '/',
        '/status.json',
        '/metrics',
        '/openapi.json',
        `/projects/${orders.id}/private-link-connections`,
      ])
        expect([400, 403], `${host} ${path}`).toContain(
          (await ask(running.admin, path, { headers: { host } })).status,
        );
      const purge = await post('/cache/purge', { ...JSON_TYPE, host, origin: `http://${host}` });
      expect([400, 403], host).toContain(purge.status);
      for (const path of ['/healthz', '/readyz'])
        if (!/@|80:80/.test(host))
          expect((await ask(running.admin, path, { headers: { host } })).status).toBe(200);
    }
  });

  test("another site's page cannot purge through an operator's browser", async () => {
    running = await startGateway();
    const origin = running.admin;
    const crossProjectRule: Record<string, string>[] = [
      { origin: 'https://attacker.example' },
      { origin: 'null' },
      { origin: 'http://localhost:3000' },
      { origin, 'sec-fetch-site': 'cross-site' },
      { origin, 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'cross-site' },
    ];
    for (const headers of crossProjectRule) {
      const refused = await post('/cache/purge', { ...JSON_TYPE, ...headers });
      expect(refused.status).toBe(403);
      expect(refused.headers['x-error-code']).toBe('CROSS_SITE_FORBIDDEN');
    }
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])
      expect((await post('/cache/purge', { origin, 'content-type': type })).status).toBe(400);
    const own: Record<string, string>[] = [
      { origin },
      { 'sec-fetch-site': 'same-origin' },
      { origin, 'sec-fetch-site': 'same-origin' },
    ];
    for (const headers of own)
      expect((await post('/cache/purge', { ...JSON_TYPE, ...headers })).status).toBe(200);
    expect((await post('/cache/purge', {})).status).toBe(200);
    expect((await post('/cache/purge', { 'content-type': 'application/x-www-form-urlencoded' })).status).toBe(
      200,
    );
  });

  test('the sign-in routes do not exist', async () => {
    running = await startGateway();
    expect((await post('/sign-in', {}, 'token=x')).status).toBe(404);
  });

  test('purging an unknown project is 404, purging a known one without cached lists 200', async () => {
    running = await startGateway();
    const purge = (project: string, more: object = {}) =>
      post('/cache/purge', JSON_TYPE, JSON.stringify({ project, ...more }));
    const unknown = await purge('64b7c0ffee00000000009999');
    expect(unknown.status).toBe(404);
    expect(JSON.parse(unknown.text)).toEqual({
      detail: expect.any(String),
      error: 404,
      errorCode: 'UNKNOWN_PROJECT',
      parameters: [],
      reason: 'Not Found',
    });
    // Configured in a caller's grants, but never read.
    expect((await purge(orders.id)).status).toBe(200);
    expect((await purge(search.id, { soft: true })).status).toBe(404);
    await running.get(linksOf(search));
    expect((await purge(search.id, { soft: true })).status).toBe(200);
    expect((await purge(search.id)).status).toBe(200);
    expect((await purge(search.id)).status).toBe(200);
  });
});

describe('with a token', () => {
  test('probes and metrics are open, all else is 401: a page for browsers, an ApiError for other clients', async () => {
    running = await withToken();
    for (const path of ['/healthz', '/readyz', '/metrics'])
      expect((await ask(running.admin, path)).status).toBe(200);
    for (const path of ['/', '/status.json', `/projects/${orders.id}/private-link-connections`, '/nothing']) {
      const refused = await ask(running.admin, path);
      expect(refused.status).toBe(401);
      expect(JSON.parse(refused.text)).toMatchObject({ error: 401, errorCode: 'UNAUTHENTICATED' });
      const page = await ask(running.admin, path, { headers: PAGE });
      expect(page.status).toBe(401);
      expect(page.text).toContain('action="/sign-in"');
    }
    expect((await post('/cache/purge', JSON_TYPE)).status).toBe(401);
    const bearer = { authorization: `Bearer ${TOKEN}` };
    expect((await ask(running.admin, '/status.json', { headers: bearer })).status).toBe(200);
    expect((await post('/cache/purge', bearer)).status).toBe(200);
    expect((await post('/cache/purge', { authorization: 'Bearer wrong' })).status).toBe(401);
  });

  const signIn = async (form: string, headers: Record<string, string> = {}) => {
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    const reply = await post('/sign-in', { ...type, ...headers }, form);
    return { reply, cookie: (reply.headers['set-cookie'] ?? '').split(';')[0] ?? '' };
  };
  const statusWith = async (cookie: string) =>
    (await ask(running.admin, '/status.json', { headers: { cookie } })).status;

  test('signing in opens a session of eight hours with an HttpOnly, SameSite=Strict cookie', async () => {
    const clock = createFakeClock();
    running = await withToken({ clock });
    const { reply, cookie } = await signIn(`token=${TOKEN}`);
    expect(reply.status).toBe(303);
    expect(reply.headers['location']).toBe('/');
    expect(reply.headers['set-cookie']).toMatch(
      /^atlas_gateway_session=[\w-]{43}; Max-Age=28800; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    expect(JSON.stringify(reply.headers)).not.toContain(TOKEN);
    expect(await statusWith(cookie)).toBe(200);
    expect(await statusWith(`${cookie}x`)).toBe(401);
    expect((await post('/cache/purge', { ...JSON_TYPE, cookie, origin: running.admin })).status).toBe(200);
    expect((await post('/cache/purge', { ...JSON_TYPE, cookie, origin: 'https://x.example' })).status).toBe(
      403,
    );
    await clock.advance(8 * 3_600_000);
    expect(await statusWith(cookie)).toBe(401);
  });

  test('signing out closes only the own session', async () => {
    running = await withToken();
    const [one, other] = [await signIn(`token=${TOKEN}`), await signIn(`token=${TOKEN}`)];
    expect((await post('/sign-out', { cookie: one.cookie, origin: running.admin })).status).toBe(303);
    expect(await statusWith(one.cookie)).toBe(401);
    expect(await statusWith(other.cookie)).toBe(200);
  });

  test('wrong tokens, cross-site sign-ins and redirects to other sites are rejected', async () => {
    running = await withToken();
    const wrong = await signIn('token=%3Cscript%3Ealert(1)%3C/script%3E');
    expect(wrong.reply.status).toBe(401);
    expect(wrong.cookie).toBe('');
    expect(wrong.reply.text).not.toContain('alert(1)');
    expect((await signIn(`token=${TOKEN}`, { origin: 'https://attacker.example' })).reply.status).toBe(403);
    for (const next of ['//attacker.example', 'https://attacker.example', '/\\attacker.example', '/metrics'])
      expect(
        (await signIn(`token=${TOKEN}&next=${encodeURIComponent(next)}`)).reply.headers['location'],
      ).toBe('/');
    const own = `/projects/${orders.id}/private-link-connections`;
    expect((await signIn(`token=${TOKEN}&next=${encodeURIComponent(own)}`)).reply.headers['location']).toBe(
      own,
    );
    expect((await signIn(`token=${'x'.repeat(9_000)}`)).reply.status).toBe(413);
  });

  test('at most a hundred sessions are open: the oldest one is closed', async () => {
    running = await withToken();
    const first = await signIn(`token=${TOKEN}`);
    for (let number = 0; number < 100; number++) await signIn(`token=${TOKEN}`);
    expect(await statusWith(first.cookie)).toBe(401);
  });

  test('the token appears neither on a page nor in the status', async () => {
    running = await withToken();
    const { cookie } = await signIn(`token=${TOKEN}`);
    for (const path of ['/', '/status.json', '/metrics'])
      expect((await ask(running.admin, path, { headers: { cookie, ...PAGE } })).text).not.toContain(TOKEN);
  });
});

describe('the browser of private link connections', () => {
  const page = (query = '', project = orders.id) =>
    ask(running.admin, `/projects/${project}/private-link-connections${query}`, { headers: PAGE });

  test('shows cached lists without calling Atlas, or how to load one', async () => {
    running = await startGateway();
    const nothing = await page();
    expect(nothing.status).toBe(200);
    expect(nothing.text).toContain('No list of this project is cached');
    expect(nothing.text).toContain(`${running.origin}/api/atlas/v2/groups/${orders.id}`);
    expect(running.upstream()).toHaveLength(0);
    await running.get(linksOf(orders));
    const { text } = await page('?state=FAILED');
    expect(text).toContain('6 of 42 connections');
    expect(text).toContain('refused');
    expect(running.upstream()).toHaveLength(1);
    expect((await page('', 'nothing')).status).toBe(404);
  });

  test('a long list is shown in pages of a hundred rows', async () => {
    running = await startGateway();
    await running.get(linksOf(payments));
    const rows = (text: string) => text.split('<tr>').length - 2;
    const first = (await page('', payments.id)).text;
    expect(first).toContain('1,234 connections');
    expect(rows(first)).toBe(100);
    expect(rows((await page('?page=13', payments.id)).text)).toBe(34);
    for (const odd of ['-1', '0', '1e9', 'NaN', '1.5'])
      expect((await page(`?page=${odd}`, payments.id)).status).toBe(200);
  });

  test('hostile strings in every field are escaped', async () => {
    running = await startGateway();
    const hostile = [
      '<script>alert(1)</script>',
      '</script><script>alert(1)</script>',
      '"><img src=x onerror=alert(1)>',
      "' onmouseover='alert(1)",
      'javascript:alert(1)',
      '&lt;script&gt;',
      '\u202egnp.exe\u0000\u2028',
      '</title><svg onload=alert(1)>',
    ];
    running.simulator.world.replace(
      linksOf(orders),
      hostile.map((text) =>
        Object.fromEntries(
          [
            '_id',
            'state',
            'provider',
            'vendor',
            'region',
            'interfaceEndpointId',
            'interfaceEndpointName',
            'serviceEndpointId',
            'dnsDomain',
            'arn',
            'errorMessage',
          ].map((name) => [name, text]),
        ),
      ),
    );
    await running.get(linksOf(orders));
    const query = `?text=${encodeURIComponent('"><script>alert(2)</script>')}`;
    for (const { text } of [
      await page(),
      await page(query),
      await ask(running.admin, '/', { headers: PAGE }),
    ]) {
      expect(text.match(/<script/g)).toHaveLength(2);
      expect(text.match(/<\/script/g)).toHaveLength(2);
      expect(text).not.toMatch(/<(img|svg)[^>]*\son\w+=/i);
      expect(text).not.toMatch(/<[^>]+\s(href|src|action)="(?!\/|#|\?|data:image\/svg)/);
      expect(text).not.toMatch(/[\u202e\u2028]/);
    }
    expect((await page()).text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect((await page()).text).toContain('⟨U+202E⟩gnp.exe⟨U+0000⟩⟨U+2028⟩');
  });
});

describe('the metric of private link connections', () => {
  test('is exported only if it is enabled', async () => {
    running = await startGateway();
    await running.get(linksOf(orders));
    expect((await ask(running.admin, '/metrics')).text).not.toContain('atlas_private_link_connections');
    await running.stop();
    running = await startGateway({ config: { metrics: { privateLinkConnections: true } } });
    await running.get(linksOf(orders));
    const metrics = (await ask(running.admin, '/metrics')).text;
    const series = [...metrics.matchAll(/^atlas_private_link_connections\{(.*)\} (\d+)$/gm)];
    expect(series.reduce((sum, [, , value]) => sum + Number(value), 0)).toBe(42);
    expect(metrics).toMatch(
      new RegExp(
        `atlas_private_link_connections\\{project="${orders.id}",provider="AWS",vendor="KINESIS",state="FAILED"\\} \\d`,
      ),
    );
    await ask(running.admin, '/cache/purge', { method: 'POST' });
    expect((await ask(running.admin, '/metrics')).text).not.toMatch(/^atlas_private_link_connections\{/m);
  });
});
