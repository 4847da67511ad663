import { afterEach, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { testKey } from '../support/caller-keys.ts';
import { ask, linksOf, type Running, startGateway } from '../support/running.ts';

const { orders } = SAMPLE_PROJECTS;
const FIRST = 'first-admin-token-0123456789';
const SECOND = 'second-admin-token-0123456789';
const files = { first: FIRST, second: SECOND, signing: 's'.repeat(40), 'other-signing': 'o'.repeat(40) };

let running: Running;
afterEach(() => running.stop());
const lastReload = () =>
  JSON.parse(running.logLines.findLast((line) => line.includes('configuration reload')) ?? '{}');

describe('the admin token', () => {
  const admin = (token?: string) => ({
    admin: { port: 0, ...(token === undefined ? {} : { token: { file: token } }) },
  });
  const statusWith = async (token: string) =>
    (await ask(running.admin, '/status.json', { headers: { authorization: `Bearer ${token}` } })).status;
  const signIn = (token: string) =>
    ask(running.admin, '/sign-in', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `token=${token}`,
    });
  const opensNothing = async () => {
    for (const token of ['', '%20', 'undefined', 'null']) {
      const reply = await signIn(token);
      expect([token, reply.status, reply.headers['set-cookie']]).toEqual([token, 401, undefined]);
    }
    expect((await ask(running.admin, '/status.json')).status).toBe(401);
    expect((await ask(running.admin, '/status.json', { headers: { authorization: 'Bearer ' } })).status).toBe(
      401,
    );
  };

  test('77: changed to another file → the new one applies, the old one and its sessions are revoked', async () => {
    running = await startGateway({ config: admin('first'), files });
    const session = (await signIn(FIRST)).headers['set-cookie']?.split(';')[0] ?? '';
    const withSession = () => ask(running.admin, '/status.json', { headers: { cookie: session } });
    expect((await withSession()).status).toBe(200);
    running.reload(admin('second'), files);
    expect([await statusWith(FIRST), await statusWith(SECOND), (await withSession()).status]).toEqual([
      401, 200, 401,
    ]);
    await opensNothing();
    expect(lastReload()).toMatchObject({ outcome: 'applied', problems: [] });
  });

  test('77: the content of its file changes → applied', async () => {
    running = await startGateway({ config: admin('first'), files });
    running.reload(admin('first'), { ...files, first: SECOND });
    expect([await statusWith(FIRST), await statusWith(SECOND)]).toEqual([401, 200]);
  });

  test('77: removed → the old one stays in force until a restart, which is logged', async () => {
    running = await startGateway({ config: admin('first'), files });
    running.reload(admin(), files);
    expect(await statusWith(FIRST)).toBe(200);
    await opensNothing();
    expect(lastReload()).toMatchObject({ problems: ['admin.token: takes effect at the next start'] });
  });

  test('77: a reference that cannot be resolved → the reload is rejected as a whole', async () => {
    running = await startGateway({ config: admin('first'), files });
    running.reload({ ...admin('missing'), anonymous: undefined }, files);
    expect(lastReload()).toMatchObject({ outcome: 'rejected' });
    expect(await statusWith(FIRST)).toBe(200);
    await opensNothing();
    expect((await running.get(linksOf(orders))).status).toBe(200);
  });

  test.each(['', 'short', ' '.repeat(20).slice(0, 15)])(
    '77: a token such as %j never grants access',
    async (token) => {
      running = await startGateway({ config: admin('first'), files: { ...files, first: token } });
      await opensNothing();
      expect((await signIn(encodeURIComponent(token))).status).toBe(401);
      expect(await statusWith(token)).toBe(401);
    },
  );

  test('77: added by a reload → required from then on', async () => {
    running = await startGateway({ config: admin(), files });
    expect((await ask(running.admin, '/status.json')).status).toBe(200);
    running.reload(admin('first'), files);
    await opensNothing();
    expect(await statusWith(FIRST)).toBe(200);
  });
});

describe('tokens that keys are exchanged for', () => {
  const [one, two] = [testKey(1), testKey(2)];
  const team = (signing: string | undefined, sha256 = one.sha256) => ({
    callers: [{ name: 'team', keys: [{ id: one.id, sha256 }], projects: 'all' }],
    anonymous: undefined,
    ...(signing === undefined ? {} : { tokens: { signingKey: { file: signing } } }),
  });
  async function exchange(basic = one.basic): Promise<string> {
    const reply = await ask(running.origin, '/api/oauth/token', {
      method: 'POST',
      headers: { authorization: basic },
      body: 'grant_type=client_credentials',
    });
    return JSON.parse(reply.text).access_token;
  }
  const status = async (token: string) =>
    (await running.get(linksOf(orders), { authorization: `Bearer ${token}` })).status;

  test('78: tokens.signingKey changes, by reference or by content → old tokens become invalid, new ones work', async () => {
    running = await startGateway({ config: team('signing'), files });
    const first = await exchange();
    expect(await status(first)).toBe(200);
    running.reload(team('signing'), files);
    expect(await status(first)).toBe(200);
    running.reload(team('other-signing'), files);
    expect(await status(first)).toBe(401);
    const second = await exchange();
    expect(await status(second)).toBe(200);
    running.reload(team('other-signing'), { ...files, 'other-signing': 'c'.repeat(40) });
    expect([await status(second), await status(await exchange())]).toEqual([401, 200]);
    running.reload(team(undefined), files);
    expect(await status(await exchange())).toBe(200);
    expect(lastReload()).toMatchObject({ outcome: 'applied', problems: [] });
  });

  test('79: a key whose secret is replaced under the same id → its old tokens are rejected immediately', async () => {
    running = await startGateway({ config: team('signing'), files });
    const before = await exchange();
    const unread = await exchange();
    expect(await status(before)).toBe(200);
    running.reload(team('signing', two.sha256), files);
    // One was verified before, the other never was.
    expect([await status(before), await status(unread)]).toEqual([401, 401]);
    const replaced = `Basic ${Buffer.from(`${one.id}:${two.secret}`).toString('base64')}`;
    expect(await status(await exchange(replaced))).toBe(200);
    running.reload(team('signing'), files);
    expect(await status(before)).toBe(200);
  });
});

test('78: settings that require a restart are reported, and the gateway keeps the values of the startup', async () => {
  const config = { cache: { fresh: '30s' }, drain: { delay: '0s' } };
  running = await startGateway({ config });
  await running.get(linksOf(orders));
  running.reload({
    cache: { fresh: '1s' },
    drain: { delay: '0s' },
    upstream: { origin: 'http://127.0.0.1:1' },
  });
  expect(lastReload()).toMatchObject({ outcome: 'applied' });
  expect([...lastReload().problems].sort()).toEqual([
    'cache.fresh: takes effect at the next start',
    'upstream.origin: takes effect at the next start',
  ]);
  const reply = await running.get(linksOf(orders));
  expect(reply.headers['cache-status']).toMatch(/ttl=2\d$/);
});
