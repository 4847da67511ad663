import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { digestAnswer, testKey } from '../support/caller-keys.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { ask, heldWhole, json, linksOf, type Reply, type Running, startGateway } from '../support/running.ts';

const { orders, payments, single } = SAMPLE_PROJECTS;
const team = testKey(1);
const other = testKey(2);
const expiring = testKey(3);
const callers = [
  {
    name: 'team',
    keys: [
      { id: team.id, sha256: team.sha256, ha1: { file: 'team' } },
      { id: expiring.id, sha256: expiring.sha256, ha1: { file: 'expiring' }, expires: '2026-08-11' },
    ],
    projects: [orders.id],
  },
  { name: 'other', keys: [{ id: other.id, sha256: other.sha256 }], projects: [payments.id, single.id] },
];
const files = { team: team.ha1, expiring: expiring.ha1 };

describe('callers', () => {
  let running: Running;
  let clock: FakeClock;
  beforeAll(async () => {
    clock = createFakeClock(Date.parse('2026-08-10T12:00:00Z'));
    running = await startGateway({ clock, files, config: { callers, anonymous: undefined } });
  });
  afterAll(() => running.stop());

  const path = linksOf(orders);
  const challengesOf = async () => (await running.get(path)).headers['www-authenticate'] ?? '';
  const post = (route: string, authorization: string, body: string) =>
    ask(running.origin, route, { method: 'POST', headers: { authorization }, body });
  const issue = (authorization: string, form = 'grant_type=client_credentials') =>
    post('/api/oauth/token', authorization, form);
  const accessToken = async (key: { basic: string }) =>
    String(JSON.parse((await issue(key.basic)).text).access_token);
  const basicOf = (id: string, secret: string) =>
    `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;

  test('23: no credentials are 401, with the accepted schemes', async () => {
    const reply = await running.get(path);
    expect(reply.status).toBe(401);
    expect(json(reply)).toMatchObject({ error: 401, errorCode: 'UNAUTHENTICATED' });
    for (const scheme of [
      'Bearer <id>_<secret>',
      'HTTP Digest',
      'POST /api/oauth/token',
      'a JWT of an issuer',
    ])
      expect(json(reply).detail).toContain(scheme);
    const digest = (algorithm: string) =>
      `Digest realm="MMS Public API", domain="", nonce="[\\w-]{32}", algorithm=${algorithm}, qop="auth", stale=false`;
    expect(reply.headers['www-authenticate']).toMatch(
      new RegExp(`^${digest('MD5')}, ${digest('SHA-256')}, Bearer scope="lists"$`),
    );
  });

  test('one key works as a bearer token, by digest with MD5 and SHA-256, and exchanged for a token', async () => {
    const both = await challengesOf();
    const md5 = both.slice(0, both.indexOf(', Digest'));
    for (const authorization of [
      team.bearer,
      digestAnswer(md5, team, path),
      digestAnswer(both, team, path),
      `Bearer ${await accessToken(team)}`,
    ]) {
      expect((await running.get(path, { authorization })).status).toBe(200);
    }
  });

  test('a digest is for one method, one target and one realm', async () => {
    const challenges = await challengesOf();
    const right = digestAnswer(challenges, team, path, 1);
    expect((await running.get(`${path}?pretty=true`, { authorization: right })).status).toBe(401);
    expect((await running.get(path, { authorization: right }, 'HEAD')).status).toBe(401);
    expect(
      (await running.get(path, { authorization: right.replace('MMS Public API', 'other') })).status,
    ).toBe(401);
    expect(
      (await running.get(path, { authorization: right.replace('qop=auth', 'qop=auth-int') })).status,
    ).toBe(401);
    expect((await running.get(path, { authorization: right })).status).toBe(200);
    const another = `${path}?pretty=true`;
    expect(
      (await running.get(another, { authorization: digestAnswer(challenges, team, another, 2) })).status,
    ).toBe(200);
  });

  test('a key without HA1 cannot be presented as a digest', async () => {
    const authorization = digestAnswer(await challengesOf(), other, linksOf(single));
    expect((await running.get(linksOf(single), { authorization })).status).toBe(401);
  });

  test('a response to a foreign challenge is refused', async () => {
    const forged =
      'Digest realm="MMS Public API", nonce="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", qop="auth", algorithm=MD5';
    expect((await running.get(path, { authorization: digestAnswer(forged, team, path) })).status).toBe(401);
  });

  test('Basic is refused with a hint, even for a valid key', async () => {
    const reply = await running.get(path, { authorization: team.basic });
    expect(reply.status).toBe(401);
    expect(json(reply).detail).toContain('POST /api/oauth/token');
  });

  test('25: another team’s project is 403, the same for a hit, a miss and a project that does not exist', async () => {
    await running.get(linksOf(payments), { authorization: other.bearer });
    await heldWhole(running, payments, { authorization: other.bearer });
    running.simulator.clearRequests();
    const projects = [payments, single, { id: 'f'.repeat(24) }];
    const replies = await Promise.all(
      projects.map((project) => running.get(linksOf(project), { authorization: team.bearer })),
    );
    // The answer names the project that was requested, and nothing that the caller did not know.
    const same = replies.map(({ text }, index) => text.replaceAll(projects[index]?.id ?? '', 'the project'));
    expect(new Set(same).size).toBe(1);
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([403]));
    expect(running.simulator.requests).toEqual([]);
  });

  test('28: the caller’s Authorization, Cookie and hop-by-hop headers never reach Atlas', async () => {
    const headers = {
      authorization: team.bearer,
      cookie: 'a=b',
      te: 'trailers',
      'proxy-authorization': 'Basic eA==',
      'keep-alive': 'timeout=5',
      'cache-control': 'no-cache',
    };
    expect((await running.get(path, headers)).status).toBe(200);
    expect(running.simulator.requests.length).toBeGreaterThan(0);
    for (const { headers: sent } of running.simulator.requests) {
      expect(JSON.stringify(sent)).not.toContain(team.secret);
      for (const name of ['cookie', 'te', 'proxy-authorization', 'keep-alive', 'cache-control'])
        expect(sent).not.toHaveProperty(name);
    }
  });

  test('31: a reused count is 401, an expired nonce is 401 with stale=true, and 20 concurrent requests with one nonce are all 200', async () => {
    const challenges = await challengesOf();
    const captured = digestAnswer(challenges, team, path, 1);
    expect((await running.get(path, { authorization: captured })).status).toBe(200);
    const replayed = await running.get(path, { authorization: captured });
    expect(replayed.status).toBe(401);
    expect(replayed.headers['www-authenticate']).toContain('stale=false');
    const counts = Array.from({ length: 20 }, (_none, index) => index + 2);
    const replies = await Promise.all(
      counts.map((count) =>
        running.get(path, { authorization: digestAnswer(challenges, team, path, count) }),
      ),
    );
    expect(replies.map(({ status }) => status)).toEqual(counts.map(() => 200));
    await clock.advance(300_000);
    const ended = await running.get(path, { authorization: digestAnswer(challenges, team, path, 22) });
    expect(ended.status).toBe(401);
    expect(ended.headers['www-authenticate']).toContain('stale=true');
    const wrong = await running.get(path, {
      authorization: digestAnswer(challenges, { ...team, secret: other.secret }, path, 23),
    });
    expect(wrong.headers['www-authenticate']).toContain('stale=false');
  });

  test('a token has the form Atlas’s clients expect, and expires after an hour or when it is revoked', async () => {
    const reply = await issue(team.basic);
    expect(reply.status).toBe(200);
    expect(reply.headers['cache-control']).toBe('no-store');
    const { access_token: access, ...rest } = JSON.parse(reply.text);
    expect(rest).toEqual({ expires_in: 3_600, token_type: 'Bearer' });
    const authorization = `Bearer ${access}`;
    expect((await running.get(path, { authorization })).status).toBe(200);
    const revoke = (basic: string) =>
      post('/api/oauth/revoke', basic, `token=${access}&token_type_hint=access_token`);
    expect((await revoke(other.basic)).status).toBe(200);
    expect((await running.get(path, { authorization })).status).toBe(200);
    const revoked = await revoke(team.basic);
    expect([revoked.status, revoked.text]).toEqual([200, '']);
    expect((await running.get(path, { authorization })).status).toBe(401);
    const second = `Bearer ${await accessToken(team)}`;
    await clock.advance(3_600_000);
    expect((await running.get(path, { authorization: second })).status).toBe(401);
  });

  test('the token endpoint accepts the pair with or without percent-encoding, and returns OAuth errors', async () => {
    expect(
      (await issue(basicOf(team.id.replaceAll('_', '%5F'), team.secret.replaceAll('-', '%2D')))).status,
    ).toBe(200);
    for (const wrong of [basicOf(team.id, 'wrong'), 'Basic !!', team.bearer]) {
      const reply = await issue(wrong);
      expect(reply.status).toBe(401);
      expect(JSON.parse(reply.text)).toEqual({
        error: 'invalid_client',
        error_description: 'Invalid credentials provided.',
      });
    }
    expect(JSON.parse((await issue(team.basic, 'grant_type=password')).text)).toMatchObject({
      error: 'unsupported_grant_type',
    });
    expect((await issue(team.basic, 'x'.repeat(20_000))).status).toBe(413);
  });

  test('guessing is limited and does not lock a key out', async () => {
    await clock.advance(60_000);
    const guess = (index: number) => issue(basicOf(`agw_Unknown${String(index).padStart(5, '0')}`, 'guess'));
    const statuses: number[] = [];
    for (let index = 0; index < 70; index++) statuses.push((await guess(index)).status);
    expect(statuses.filter((status) => status === 429)).toHaveLength(10);
    expect((await issue(team.basic)).status).toBe(200);
    expect(Number((await guess(0)).headers['retry-after'])).toBeGreaterThan(0);
  });

  test('32: an expired key stops working within a second, in every form', async () => {
    const authorization = `Bearer ${await accessToken(expiring)}`;
    for (const presented of [authorization, expiring.bearer])
      expect((await running.get(path, { authorization: presented })).status).toBe(200);
    await clock.advance(Date.parse('2026-08-11T00:00:00Z') - clock.wall());
    const digest = digestAnswer(await challengesOf(), expiring, path);
    for (const presented of [authorization, expiring.bearer, digest])
      expect((await running.get(path, { authorization: presented })).status).toBe(401);
    expect((await issue(expiring.basic)).status).toBe(401);
  });

  test('every refusal is counted and logged with its reason, without the presented credentials', async () => {
    const challenges = await challengesOf();
    running.logLines.length = 0;
    await running.get(path);
    await running.get(path, { authorization: digestAnswer(challenges, { ...team, secret: 'wrong' }, path) });
    await running.get(linksOf(payments), { authorization: team.bearer });
    await issue(basicOf(team.id, 'guessed-secret'));
    const lines = running.logLines.map((line) => JSON.parse(line));
    expect(
      lines.map(({ status, reason, errorCode, caller, requestId }) => [
        status,
        reason ?? errorCode,
        caller,
        typeof requestId,
      ]),
    ).toEqual([
      [401, 'no-credentials', undefined, 'string'],
      [401, 'wrong-secret', undefined, 'string'],
      [403, 'PROJECT_FORBIDDEN', 'team', 'string'],
      [401, 'wrong-secret', undefined, 'string'],
    ]);
    expect(running.logLines.join('')).not.toContain('guessed-secret');
    expect((await ask(running.admin, '/metrics')).text).toMatch(
      /atlas_gateway_requests_total\{operation="none",caller="none",code="401",cache="none"\} \d+/,
    );
  });

  test('other private paths are 501, and other methods on the token endpoint 405', async () => {
    for (const [method, where, status, errorCode] of [
      ['GET', '/api/oauth/token', 405, 'METHOD_NOT_ALLOWED'],
      ['GET', '/api/private/nothing', 501, 'UNKNOWN_OPERATION'],
      ['PUT', '/api/oauth/token', 405, 'METHOD_NOT_ALLOWED'],
    ] as const) {
      const reply = await ask(running.origin, where, { method, headers: { authorization: team.bearer } });
      expect(reply.status).toBe(status);
      expect(json(reply)).toMatchObject({ error: status, errorCode });
    }
  });

  test('requests of Atlas’s MCP server other than lists are answered without forwarding them', async () => {
    running.simulator.clearRequests();
    expect(JSON.parse((await ask(running.origin, '/api/private/ipinfo')).text)).toEqual({
      currentIpv4Address: '127.0.0.1',
    });
    for (const where of ['unauth/telemetry/events', 'v1.0/telemetry/events']) {
      expect((await post(`/api/private/${where}`, team.bearer, '[{"event":1}]')).status).toBe(200);
    }
    expect(running.simulator.requests).toEqual([]);
  });
});

describe('limits of callers', () => {
  let running: Running;
  const clock = createFakeClock();
  afterEach(() => running.stop());
  const startWith = async (name: string, limits: Record<string, unknown>) => {
    const limited = callers.map((caller) => (caller.name === name ? { ...caller, ...limits } : caller));
    running = await startGateway({ clock, files, config: { callers: limited, anonymous: undefined } });
  };

  test('30: a noisy caller gets 429 with Retry-After, others are unaffected', async () => {
    await startWith('team', { requests: { perMinute: 10 } });
    const replies: Reply[] = [];
    for (let index = 0; index < 15; index++)
      replies.push(await running.get(linksOf(orders), { authorization: team.bearer }));
    expect(replies.map(({ status }) => status)).toEqual([...Array(10).fill(200), ...Array(5).fill(429)]);
    for (const refused of replies.slice(10)) {
      expect(json(refused).errorCode).toBe('CALLER_RATE_LIMITED');
      expect(refused.headers['retry-after']).toBe('6');
    }
    expect((await running.get(linksOf(single), { authorization: other.bearer })).status).toBe(200);
    await clock.advance(6_000);
    expect((await running.get(linksOf(orders), { authorization: team.bearer })).status).toBe(200);
  });

  test('spend limits the upstream calls a caller causes, not its cache hits', async () => {
    await startWith('other', { spend: { perMinute: 3 } });
    const as = { authorization: other.bearer };
    expect((await running.get(linksOf(payments), as)).status).toBe(200);
    const refused = await running.get(linksOf(single), as);
    expect(refused.status).toBe(429);
    expect(json(refused).errorCode).toBe('CALLER_RATE_LIMITED');
    expect(refused.headers['retry-after']).toBe('20');
    expect((await running.get(linksOf(payments, '?pageNum=5'), as)).headers['cache-status']).toContain('hit');
    await clock.advance(20_000);
    expect((await running.get(linksOf(single), as)).status).toBe(200);
  });

  test('29: a flood of no-cache cannot drain Atlas; only-if-cached on a miss is 504', async () => {
    await startWith('team', {});
    const as = { authorization: team.bearer };
    expect((await running.get(linksOf(orders), { ...as, 'cache-control': 'only-if-cached' })).status).toBe(
      504,
    );
    await running.get(linksOf(orders), as);
    for (let index = 0; index < 60; index++)
      expect((await running.get(linksOf(orders), { ...as, 'cache-control': 'no-cache' })).status).toBe(200);
    expect(running.upstream().length).toBeLessThanOrEqual(21);
  });
});

describe('tokens of an issuer', () => {
  let running: Running;
  let keyFetches = 0;
  let keyServerDown = false;
  let jwks: { keys: unknown[] } = { keys: [] };
  let pair: Awaited<ReturnType<typeof generateKeyPair>>;
  const clock = createFakeClock();
  const keyServer = createServer((_request, response) => {
    keyFetches++;
    if (keyServerDown) response.destroy();
    else response.setHeader('Content-Type', 'application/json').end(JSON.stringify(jwks));
  });
  const path = linksOf(orders);
  const claims = { iss: 'https://cluster', aud: 'atlas-gateway', sub: 'system:serviceaccount:orders:api' };

  const sign = (
    changes: Record<string, unknown> = {},
    header: Record<string, unknown> = {},
    key: Parameters<SignJWT['sign']>[0] = pair.privateKey,
  ) =>
    new SignJWT({ ...claims, exp: Math.floor(clock.wall() / 1_000) + 60, ...changes })
      .setProtectedHeader({ alg: 'RS256', kid: 'one', ...header })
      .sign(key);
  const as = (token: string) => running.get(path, { authorization: `Bearer ${token}` });

  async function start() {
    const { port } = keyServer.address() as AddressInfo;
    const jwtCallers = [
      { name: 'by-subject', jwt: { issuer: claims.iss, subject: claims.sub }, projects: [orders.id] },
      {
        name: 'by-claim',
        jwt: { issuer: claims.iss, claim: { name: 'team', value: 'red' } },
        projects: [orders.id],
      },
    ];
    const issuers = [
      { issuer: claims.iss, audience: claims.aud, jwks: { url: `http://127.0.0.1:${port}/keys` } },
    ];
    running = await startGateway({ clock, config: { callers: jwtCallers, issuers, anonymous: undefined } });
  }
  beforeAll(async () => {
    pair = await generateKeyPair('RS256', { extractable: true });
    jwks = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }] };
    await new Promise<void>((resolve) => keyServer.listen(0, '127.0.0.1', resolve));
    await start();
  });
  afterAll(async () => {
    await running.stop();
    keyServer.closeAllConnections();
    await new Promise((resolve) => keyServer.close(resolve));
  });

  test('admit the caller they are mapped to, by subject or by another claim', async () => {
    expect((await as(await sign())).status).toBe(200);
    expect(JSON.parse(running.logLines.at(-1) ?? '')).toMatchObject({ caller: 'by-subject' });
    expect((await as(await sign({ sub: 'x', team: 'red' }))).status).toBe(200);
    expect((await as(await sign({ sub: 'x', team: 'blue' }))).status).toBe(401);
  });

  test('24: unsigned, signed with the public key, for another audience, expired, without exp or with an unknown key are 401', async () => {
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const exp = Math.floor(clock.wall() / 1_000) + 60;
    const publicKey = new TextEncoder().encode(JSON.stringify(jwks.keys[0]));
    const unauthenticated = await generateKeyPair('RS256');
    const bad = [
      `${encode({ alg: 'none' })}.${encode({ ...claims, exp })}.`,
      await sign({}, { alg: 'HS256' }, publicKey),
      await sign({ aud: 'another' }),
      await sign({ exp: exp - 91 }),
      await sign({ exp: undefined }),
      await sign({ iss: 'https://elsewhere' }),
      await sign({}, { kid: 'unknown' }),
      await sign({}, {}, unauthenticated.privateKey),
      `${await sign()}x`,
    ];
    for (const token of bad) expect((await as(token)).status).toBe(401);
  });

  test('27: a flood of unknown key ids fetches the keys at most once more', async () => {
    const before = keyFetches;
    await Promise.all(
      Array.from({ length: 50 }, async (_none, index) => as(await sign({}, { kid: `flood-${index}` }))),
    );
    expect(keyFetches - before).toBeLessThanOrEqual(1);
  });

  test('26: with the key server down known keys stay valid; a gateway without keys responds with 503', async () => {
    keyServerDown = true;
    expect((await as(await sign())).status).toBe(200);
    await running.stop();
    await start();
    const cold = await as(await sign());
    expect(cold.status).toBe(503);
    expect(json(cold).errorCode).toBe('AUTH_UNAVAILABLE');
    expect(cold.headers['retry-after']).toBe('5');
    expect((await running.get(path)).status).toBe(401);
    keyServerDown = false;
  });
});
