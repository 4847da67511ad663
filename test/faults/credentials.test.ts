import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSystemClock } from '../../src/lib/clock.ts';
import { createSystemRandom } from '../../src/lib/random.ts';
import { createSimulator } from '../../src/simulator/server.ts';
import { SAMPLE_CREDENTIALS, SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { builtConfiguration, makeFolder, removeFolders, serveBuilt } from '../support/built.ts';
import { createFakeClock, type FakeClock, settled } from '../support/fake-clock.ts';
import { answer, GOOD_LIST, type Hostile, type Misbehaviour, startHostile } from '../support/hostile.ts';
import { ACCEPT, ask, json, linksOf, type Running, startGateway } from '../support/running.ts';
import { requestForTenMinutes } from '../support/steady-requests.ts';

const { orders, single, search } = SAMPLE_PROJECTS;
const SOON = { timeout: 5_000, interval: 20 };
const token = (more: Record<string, unknown>) =>
  answer(200, JSON.stringify({ access_token: 'a-token', token_type: 'Bearer', ...more }));

afterAll(removeFolders);

describe('the token endpoint', () => {
  let clock: FakeClock;
  let atlas: Hostile;
  let running: Running;
  beforeEach(async () => {
    clock = createFakeClock();
    atlas = await startHostile();
    running = await startGateway({ clock, origin: atlas.origin });
  });
  afterEach(async () => {
    await running.stop();
    await atlas.close();
  });
  const get = (project: { id: string }) => settled(clock, running.get(linksOf(project)), 100);

  test('49: a hundred cold requests → one token, one walk', async () => {
    const replies = await Promise.all(Array.from({ length: 100 }, () => running.get(linksOf(orders))));
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
    expect(atlas.received).toMatchObject({ tokens: 1, lists: 1 });
  });

  test.each<[string, Misbehaviour]>([
    ['refuses the client', answer(401, '{"error":"invalid_client"}')],
    ['limits the rate', answer(429, '{"errorCode":"RATE_LIMITED"}', { 'Retry-After': '2' })],
    ['answers HTML', answer(200, '<html></html>')],
    ['answers an empty 200', answer(200, '')],
    ['answers with another type of token', token({ token_type: 'mac' })],
    ['says nothing', () => undefined],
    ['has given too many tokens', answer(403, '{"error":"access_denied"}')],
  ])('50: it %s → 503 with Retry-After, exponential backoff, and recovery', async (_what, fault) => {
    atlas.token = fault;
    let answered = 0;
    const asking = Array.from({ length: 20 }, () => running.get(linksOf(single)).finally(() => answered++));
    const inFlight = async () => JSON.parse((await ask(running.admin, '/status.json')).text).inFlight;
    // A request that arrives after the clock has advanced finds the backoff elapsed, and may send one more request.
    await expect.poll(async () => answered + (await inFlight())).toBeGreaterThanOrEqual(20);
    for (const reply of await settled(clock, Promise.all(asking), 100)) {
      expect([reply.status, json(reply).errorCode]).toEqual([503, 'CREDENTIALS_UNAVAILABLE']);
      expect(Number(reply.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    }
    expect(atlas.received.tokens).toBe(1);
    await requestForTenMinutes(clock, running.origin, linksOf(search));
    expect(atlas.received.tokens).toBeLessThan(40);
    atlas.token = undefined;
    // The last attempt may still be in progress: new requests wait for it, and the backoff after it is at most a minute.
    await clock.advance(61_000);
    await get(single);
    await clock.advance(61_000);
    expect((await get(single)).status).toBe(200);
  });

  test('50: a cached list → served while token renewal fails', async () => {
    const held = await get(orders);
    await clock.advance(7_200_000);
    atlas.token = answer(401, '{"error":"invalid_client"}');
    const stale = await get(orders);
    expect([stale.status, stale.text]).toEqual([200, held.text]);
    expect(stale.headers['cache-status']).toContain('detail=CREDENTIALS_UNAVAILABLE');
  });

  test.each([
    ['no expires_in', {}],
    ['expires_in as text', { expires_in: '3600' }],
    ['bearer in lower case', { expires_in: 3_600, token_type: 'bearer' }],
    ['a negative expires_in', { expires_in: -1 }],
  ])('51: %s → works', async (_what, more) => {
    atlas.token = token(more);
    expect((await get(single)).status).toBe(200);
  });
});

describe('digest toward Atlas', () => {
  test.each(['MD5', 'SHA-256'] as const)(
    '52: %s, twenty in parallel, a nonce that expires → every count used once, all answered',
    async (algorithm) => {
      const clock = createFakeClock();
      const running = await startGateway({
        clock,
        credential: 'apiKey',
        simulator: { algorithm, nonceLifeMs: 10_000 },
      });
      // Lists of one page: no walk goes on while the clock advances.
      const lists = Object.values(SAMPLE_PROJECTS).filter(
        ({ visible, connections }) => visible && connections <= 500,
      );
      for (let round = 0; round < 3; round++) {
        const replies = await Promise.all(
          lists.map((project) => running.get(linksOf(project), { 'cache-control': 'no-cache' })),
        );
        expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
        await clock.advance(20_000);
      }
      const counts = running.simulator.requests
        .filter(({ status }) => status === 200)
        .map(({ headers }) => {
          const text = String(headers['authorization']);
          return `${/nonce="([^"]*)"/.exec(text)?.[1]} ${/nc=(\w+)/.exec(text)?.[1]}`;
        });
      expect(new Set(counts).size).toBe(counts.length);
      // Initially one challenge for all; after a nonce has expired, each request signed with it is refused once.
      expect(running.simulator.requests.filter(({ status }) => status === 401).length).toBeLessThanOrEqual(
        1 + 2 * lists.length,
      );
      await running.stop();
    },
  );

  test('52: several schemes and qops, commas and escaped quotes in the realm → answered', async () => {
    const atlas = await startHostile();
    let signed = '';
    atlas.list = (socket) => {
      atlas.list = (second, request) => {
        signed = request;
        second.write(answer(200, GOOD_LIST));
      };
      socket.write(
        answer(401, '{}', {
          'WWW-Authenticate':
            'Negotiate, Digest realm="a, \\"b\\"", nonce="n,1", qop="auth-int,auth", algorithm=MD5, opaque="o"',
        }),
      );
    };
    const running = await startGateway({ credential: 'apiKey', origin: atlas.origin });
    expect((await running.get(linksOf(single))).status).toBe(200);
    const [, target = '', header = ''] =
      /^GET (\S+) [\s\S]*\r\nauthorization: Digest (.*)\r\n/i.exec(signed) ?? [];
    const md5 = (text: string) => createHash('md5').update(text).digest('hex');
    const cnonce = /cnonce="([^"]+)"/.exec(header)?.[1];
    const { publicKey, privateKey } = SAMPLE_CREDENTIALS.apiKey;
    const secret = md5(`${publicKey}:a, "b":${privateKey}`);
    const response = md5(`${secret}:n,1:00000001:${cnonce}:auth:${md5(`GET:${target}`)}`);
    for (const part of [
      'realm="a, \\"b\\""',
      'nonce="n,1"',
      'qop=auth,',
      'opaque="o"',
      `response="${response}"`,
    ])
      expect(header).toContain(part);
    await running.stop();
    await atlas.close();
  });
});

describe('a secret that changes', () => {
  const { clientId, clientSecret } = SAMPLE_CREDENTIALS.serviceAccount;
  const CONFIG = (atlas: string, folder: string) =>
    builtConfiguration(atlas).replace('{ env: SECRET }', `{ file: '${join(folder, 'secret')}' }`);
  /** As Kubernetes mounts it: a symlink to a file in `..data`, which is itself a symlink that is replaced atomically. */
  function mount(folder: string, version: number, secret: string) {
    mkdirSync(join(folder, `..v${version}`), { recursive: true });
    writeFileSync(join(folder, `..v${version}`, 'secret'), secret);
    symlinkSync(`..v${version}`, join(folder, '..next'));
    renameSync(join(folder, '..next'), join(folder, '..data'));
    if (version === 1) symlinkSync('..data/secret', join(folder, 'secret'));
  }
  async function start(secret: string) {
    const simulator = createSimulator({}, { clock: createSystemClock(), random: createSystemRandom() });
    const folder = makeFolder();
    mount(folder, 1, secret);
    const built = await serveBuilt(CONFIG(await simulator.listen(0), folder), { env: { ID: clientId } });
    const get = (headers: Record<string, string> = {}) =>
      ask(built.origin, linksOf(orders), { headers: { accept: ACCEPT, ...headers } });
    const metrics = async () => (await ask(built.admin, '/metrics')).text;
    const tokens = () =>
      simulator.requests.filter(({ target }) => target === '/api/oauth/token').map(({ status }) => status);
    const stop = async () => {
      built.child.kill('SIGINT');
      expect(await built.ended).toBe(0);
      await simulator.close();
    };
    return { simulator, folder, built, get, metrics, tokens, stop };
  }

  test('53: a newline at the end of its file → removed; the secret never appears in output', async () => {
    const { built, get, metrics, stop } = await start(`${clientSecret}\n`);
    expect((await get()).status).toBe(200);
    const everything = built.output() + (await metrics()) + (await ask(built.admin, '/status.json')).text;
    expect(everything).not.toContain(clientSecret);
    await stop();
  });

  test('54: ..data is replaced → the new secret is verified and used, without a lost request', async () => {
    const { simulator, folder, built, get, metrics, tokens, stop } = await start(clientSecret);
    simulator.acceptSecret('the-next-secret-of-the-account');
    expect((await get()).status).toBe(200);
    const statuses: number[] = [];
    let going = true;
    const traffic = (async () => {
      while (going) statuses.push((await get({ 'cache-control': 'max-age=0' })).status);
    })();
    mount(folder, 2, 'the-next-secret-of-the-account');
    await expect.poll(metrics, SOON).toContain('renewals_total{credential="sample",outcome="rotated"} 1');
    simulator.refuseSecret(clientSecret);
    mount(folder, 3, 'a-secret-that-Atlas-does-not-know');
    await expect.poll(metrics, SOON).toContain('renewals_total{credential="sample",outcome="kept"} 1');
    simulator.killTokens();
    expect((await get({ 'cache-control': 'no-cache' })).status).toBe(200);
    going = false;
    await traffic;
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(tokens().slice(0, 2)).toEqual([200, 200]);
    await expect.poll(() => built.output()).toContain('"outcome":"kept"');
    for (const secret of [clientSecret, 'the-next-secret-of-the-account', 'a-secret-that-Atlas'])
      expect(built.output()).not.toContain(secret);
    await stop();
  });

  test('54: a new secret that Atlas accepts only later → retried, and then used', async () => {
    const { simulator, folder, get, metrics, stop } = await start(clientSecret);
    expect((await get()).status).toBe(200);
    mount(folder, 2, 'known-a-little-later');
    await expect.poll(metrics, SOON).toContain('outcome="kept"} 1');
    simulator.acceptSecret('known-a-little-later');
    await expect.poll(metrics, SOON).toContain('outcome="rotated"} 1');
    await stop();
  });
});
