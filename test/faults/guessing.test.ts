import { request as httpRequest } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { createNonceStore } from '../../src/gateway/auth/digest-auth.ts';
import type { CallerKeys } from '../../src/gateway/auth/key-auth.ts';
import { createTokens } from '../../src/gateway/auth/token-service.ts';
import { networkOf } from '../../src/lib/client-network.ts';
import { createSystemRandom } from '../../src/lib/random.ts';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { digestAnswer, testKey } from '../support/caller-keys.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { ask, linksOf, type Running, startGateway } from '../support/running.ts';

const ADMIN_TOKEN = 'admin-canary-token-0123456789';
const MINUTE_MS = 60_000;
const random = createSystemRandom();
const owner = testKey(1);
const other = testKey(2);
const path = linksOf(SAMPLE_PROJECTS.orders);
const basicOf = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;

let running: Running;
let clock: FakeClock;
let closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing) await close();
  closing = [];
});

async function start(): Promise<void> {
  clock = createFakeClock();
  running = await startGateway({
    clock,
    files: { owner: owner.ha1, other: other.ha1, 'admin-token': ADMIN_TOKEN },
    config: {
      admin: { port: 0, token: { file: 'admin-token' } },
      callers: [
        {
          name: 'owner',
          keys: [{ id: owner.id, sha256: owner.sha256, ha1: { file: 'owner' } }],
          projects: 'all',
        },
        {
          name: 'other',
          keys: [{ id: other.id, sha256: other.sha256, ha1: { file: 'other' } }],
          projects: 'all',
        },
      ],
      anonymous: undefined,
    },
  });
  closing.push(() => running.stop());
}

describe('caller keys', () => {
  const issue = (authorization: string) =>
    ask(running.origin, '/api/oauth/token', {
      method: 'POST',
      headers: { authorization },
      body: 'grant_type=client_credentials',
    });

  test('90: guessing at a key id is limited and does not lock its owner out', async () => {
    await start();
    const statuses: number[] = [];
    for (let turn = 0; turn < 100; turn++) {
      statuses.push((await issue(basicOf(owner.id, `guess-${turn}`))).status);
      expect((await issue(owner.basic)).status).toBe(200);
    }
    expect(statuses).toEqual([...Array<number>(60).fill(401), ...Array<number>(40).fill(429)]);
    const limited = await issue(basicOf(owner.id, 'guess'));
    expect(Number(limited.headers['retry-after'])).toBeGreaterThan(0);
    expect(running.logLines.at(-1)).toContain('too-many-attempts');
    await clock.advance(MINUTE_MS);
    expect((await issue(basicOf(owner.id, 'guess'))).status).toBe(401);
  });

  test('90: guesses are counted for each id and for each client address', async () => {
    clock = createFakeClock();
    const tokens = createTokens({ signingKey: random.bytes(32) }, { clock, random });
    const entry = ({ id, sha256 }: typeof owner): CallerKeys => ({
      caller: { name: id, projects: 'all', organizations: 'all', operations: new Set() },
      keys: [{ id, sha256: Buffer.from(sha256, 'hex') }],
    });
    const ids = Array.from({ length: 10 }, (_none, index) => testKey(index));
    tokens.replaceKeys(ids.map(entry));
    const guess = async (id: string, address?: string) =>
      (await tokens.issue(basicOf(id, 'guess'), new URLSearchParams(), address)).status;
    // One address tries many ids, a few times each.
    for (let turn = 0; turn < 60; turn++)
      expect(await guess(ids[turn % 10]?.id ?? '', '2001:db8::1')).toBe(401);
    expect(await guess(ids[0]?.id ?? '', '2001:db8::2')).toBe(429);
    expect(await guess(ids[0]?.id ?? '', '2001:db8:0:1::2')).toBe(401);
    // Many addresses try one id.
    const [, second] = ids;
    for (let turn = 0; turn < 54; turn++) expect(await guess(second?.id ?? '', `192.0.2.${turn}`)).toBe(401);
    expect(await guess(second?.id ?? '', '192.0.2.200')).toBe(429);
    const right = await tokens.issue(
      second?.basic,
      new URLSearchParams({ grant_type: 'client_credentials' }),
      '2001:db8::1',
    );
    expect(right.status).toBe(200);
  });

  test('90: addresses of one IPv6 network count as one', () => {
    expect(networkOf('192.0.2.1')).toBe('192.0.2.1');
    expect(networkOf('::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect(networkOf('2001:db8::1')).toBe('2001:db8:0:0::/64');
    expect(networkOf('2001:0DB8:0:0:ffff::1')).toBe('2001:db8:0:0::/64');
    expect(networkOf('2001:db8:0:1:2:3:4:5')).toBe('2001:db8:0:1::/64');
    expect(networkOf('fe80::1%eth0')).toBe('fe80:0:0:0::/64');
    expect(networkOf('::1')).toBe('0:0:0:0::/64');
    expect(networkOf('nonsense')).toBe('nonsense');
  });
});

describe('nonces', () => {
  test("90: one key's 10 001 nonces evict its own oldest one, and none of another key", () => {
    clock = createFakeClock();
    const nonceStore = createNonceStore({ clock, random });
    const [owners, others] = [nonceStore.issue(), nonceStore.issue()];
    expect(nonceStore.use('owner', owners, 1)).toBe(true);
    expect(nonceStore.use('other', others, 1)).toBe(true);
    for (let number = 0; number < 10_000; number++) nonceStore.use('other', nonceStore.issue(), 1);
    expect([nonceStore.check('owner', owners), nonceStore.check('other', others)]).toEqual(['good', 'ended']);
    expect(nonceStore.use('owner', owners, 1)).toBe(false);
    expect(nonceStore.use('owner', owners, 2)).toBe(true);
  });

  test('90: the stored counts are bounded per key', async () => {
    clock = createFakeClock();
    const nonceStore = createNonceStore({ clock, random });
    const owners = nonceStore.issue();
    nonceStore.use('owner', owners, 1);
    const nonces: string[] = [];
    for (let number = 0; number < 21; number++) {
      await clock.advance(1);
      const nonce = nonceStore.issue();
      nonces.push(nonce);
      for (let count = 0; count < 5_000; count++) nonceStore.use('other', nonce, count);
    }
    // The limit on all counts evicts the first nonce; each of the others has reached its own limit.
    expect(nonces.map((nonce) => nonceStore.check('other', nonce))).toEqual(Array<string>(21).fill('ended'));
    expect(nonceStore.check('other', nonceStore.issue())).toBe('good');
    expect(nonceStore.check('owner', owners)).toBe('good');
    await clock.advance(600_000);
    expect(nonceStore.check('owner', owners)).toBe('ended');
  });

  test("90: while another caller keeps requesting new nonces, a digest client's own nonce stays valid", async () => {
    await start();
    const challenge = (await running.get(path)).headers['www-authenticate'] ?? '';
    const authorize = (key: typeof owner, challenges: string, count: number) => ({
      authorization: digestAnswer(challenges, key, path, count),
    });
    expect((await running.get(path, authorize(owner, challenge, 1))).status).toBe(200);
    for (let turn = 0; turn < 50; turn++) {
      const fresh = (await running.get(path)).headers['www-authenticate'] ?? '';
      expect((await running.get(path, authorize(other, fresh, 1))).status).toBe(200);
    }
    expect((await running.get(path, authorize(owner, challenge, 1))).status).toBe(401);
    expect((await running.get(path, authorize(owner, challenge, 2))).status).toBe(200);
  });
});

describe('the admin token', () => {
  /** One request from an address of this machine's loopback network. */
  function from(
    localAddress: string,
    where: string,
    {
      method = 'GET',
      headers = {},
      body = '',
    }: { method?: string; headers?: Record<string, string>; body?: string },
  ): Promise<{ status: number; retryAfter: number; cookie: string }> {
    const { port } = new URL(running.admin);
    return new Promise((resolve, reject) => {
      const sent = httpRequest(
        { host: '127.0.0.1', port, path: where, method, headers, localAddress, agent: false },
        (response) => {
          response.resume();
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              retryAfter: Number(response.headers['retry-after']),
              cookie: response.headers['set-cookie']?.[0]?.split(';')[0] ?? '',
            }),
          );
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  }
  const signIn = (address: string, token: string) =>
    from(address, '/sign-in', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `token=${token}`,
    });
  const withBearer = (address: string, token: string) =>
    from(address, '/status.json', { headers: { authorization: `Bearer ${token}` } });
  const refusals = () =>
    running.logLines
      .map((line): Record<string, unknown> => JSON.parse(line))
      .filter(({ msg }) => msg === 'admin sign-in refused');

  const ways = [
    ['at /sign-in', signIn, 303],
    ['as a bearer token', withBearer, 200],
  ] as const;
  for (const [way, present, accepted] of ways) {
    test(`90: ten wrong tokens a minute from one address ${way}, then 429; other addresses are not affected`, async () => {
      await start();
      for (let turn = 0; turn < 10; turn++)
        expect((await present('127.0.0.2', `wrong-${turn}`)).status).toBe(401);
      const limited = await present('127.0.0.2', 'wrong');
      expect([limited.status, limited.retryAfter]).toEqual([429, 60]);
      // The response must not reveal whether the next guess is right, or the limit would have no effect.
      expect((await present('127.0.0.2', ADMIN_TOKEN)).status).toBe(429);
      expect((await present('127.0.0.3', ADMIN_TOKEN)).status).toBe(accepted);
      await clock.advance(MINUTE_MS);
      expect((await present('127.0.0.2', ADMIN_TOKEN)).status).toBe(accepted);
    });

    test(`90: sixty wrong tokens a minute altogether ${way}; an address without failures is still admitted`, async () => {
      await start();
      for (let turn = 0; turn < 60; turn++)
        expect((await present(`127.0.0.${2 + (turn % 10)}`, 'wrong')).status).toBe(401);
      expect((await present('127.0.0.2', ADMIN_TOKEN)).status).toBe(429);
      expect((await present('127.0.0.20', 'wrong')).status).toBe(429);
      expect((await present('127.0.0.20', ADMIN_TOKEN)).status).toBe(429);
      expect((await present('127.0.0.21', ADMIN_TOKEN)).status).toBe(accepted);
      await clock.advance(MINUTE_MS);
      expect((await present('127.0.0.2', ADMIN_TOKEN)).status).toBe(accepted);
    });
  }

  test('90: both forms share the limit, valid tokens are not counted, and sessions stay valid', async () => {
    await start();
    const { cookie } = await signIn('127.0.0.2', ADMIN_TOKEN);
    for (let turn = 0; turn < 30; turn++)
      expect((await withBearer('127.0.0.2', ADMIN_TOKEN)).status).toBe(200);
    for (let turn = 0; turn < 5; turn++) {
      expect((await signIn('127.0.0.2', 'wrong')).status).toBe(401);
      expect((await withBearer('127.0.0.2', 'wrong')).status).toBe(401);
    }
    expect((await signIn('127.0.0.2', 'wrong')).status).toBe(429);
    expect((await from('127.0.0.2', '/status.json', { headers: { cookie } })).status).toBe(200);
    expect((await from('127.0.0.2', '/metrics', {})).status).toBe(200);
    expect((await from('127.0.0.2', '/status.json', {})).status).toBe(401);
  });

  test('90: every failure is logged with reason and address, without the presented token', async () => {
    await start();
    for (let turn = 0; turn < 12; turn++) await signIn('127.0.0.2', 'canary-of-a-wrong-token');
    await withBearer('127.0.0.3', 'canary-of-a-wrong-token');
    expect(refusals().map(({ level, reason, clientIp }) => [level, reason, clientIp])).toEqual([
      ...Array<string[]>(10).fill(['warn', 'wrong-token', '127.0.0.2']),
      ...Array<string[]>(2).fill(['warn', 'too-many-attempts', '127.0.0.2']),
      ['warn', 'wrong-token', '127.0.0.3'],
    ]);
    expect(Object.keys(refusals()[0] ?? {}).toSorted()).toEqual([
      'clientIp',
      'level',
      'msg',
      'reason',
      'time',
    ]);
    expect(running.logLines.join('')).not.toContain('canary-of-a-wrong-token');
  });
});
