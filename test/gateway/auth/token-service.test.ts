import { describe, expect, test } from 'vitest';
import { createTokens } from '../../../src/gateway/auth/token-service.ts';
import { createSystemRandom } from '../../../src/lib/random.ts';
import { testKey } from '../../support/caller-keys.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const random = createSystemRandom();
const key = testKey(1);
const other = testKey(2);
const ADDRESS = '192.0.2.1';
const basicOf = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
const GRANT = { grant_type: 'client_credentials' };

function start() {
  const clock = createFakeClock();
  const tokens = createTokens({ signingKey: random.bytes(32) }, { clock, random });
  tokens.replaceKeys(
    [key, other].map(({ id, sha256 }) => ({
      caller: { name: id, projects: 'all', organizations: 'all', operations: new Set() },
      keys: [{ id, sha256: Buffer.from(sha256, 'hex') }],
    })),
  );
  const issue = (form: Record<string, string>, authorization?: string) =>
    tokens.issue(authorization, new URLSearchParams(form), ADDRESS);
  const revoke = (form: Record<string, string>, authorization?: string) =>
    tokens.revoke(authorization, new URLSearchParams(form), ADDRESS);
  return { clock, issue, revoke };
}

const inForm = (id = key.id, secret = key.secret) => ({ client_id: id, client_secret: secret });

describe('id and secret in the form', () => {
  test('are exchanged for a token, and revoke it, as in a Basic header', async () => {
    const { issue, revoke } = start();
    const issued = await issue({ ...GRANT, ...inForm() });
    expect(issued).toMatchObject({ status: 200, caller: key.id, body: { token_type: 'Bearer' } });
    const token = String(issued.body?.['access_token']);
    expect(await revoke({ token, ...inForm() })).toEqual({ status: 200, caller: key.id });
  });

  test.each([
    ['a wrong secret', inForm(key.id, other.secret), 'wrong-secret'],
    ['an unknown id', inForm('agw_Unknown00000'), 'wrong-secret'],
    ['an id alone', { client_id: key.id }, 'malformed'],
    ['a secret alone', { client_secret: key.secret }, 'malformed'],
    ['neither', {}, 'malformed'],
  ])('are refused: %s', async (_what, form, reason) => {
    expect(await start().issue({ ...GRANT, ...form })).toMatchObject({
      status: 401,
      reason,
      body: { error: 'invalid_client' },
    });
  });

  test('count as guesses like those in a header', async () => {
    const { issue } = start();
    for (let turn = 0; turn < 60; turn++)
      expect((await issue({ ...GRANT, ...inForm(key.id, `guess-${turn}`) })).status).toBe(401);
    expect((await issue(GRANT, basicOf(key.id, 'guess'))).status).toBe(429);
    expect((await issue({ ...GRANT, ...inForm() })).status).toBe(200);
  });

  test('are not considered beside an Authorization header', async () => {
    const { issue } = start();
    expect(await issue({ ...GRANT, ...inForm(other.id, 'wrong') }, key.basic)).toMatchObject({
      status: 200,
      caller: key.id,
    });
    expect((await issue({ ...GRANT, ...inForm() }, basicOf(key.id, 'wrong'))).status).toBe(401);
  });
});

describe('successful exchanges and revocations are not guesses', () => {
  /** A command that starts, mints a token and revokes it when it ends. */
  async function startAndStop({ issue, revoke }: ReturnType<typeof start>): Promise<number[]> {
    const issued = await issue(GRANT, key.basic);
    const token = String(issued.body?.['access_token']);
    const revoked = await revoke({ token, token_type_hint: 'access_token' }, key.basic);
    return [issued.status, revoked.status];
  }

  test.each([
    ['150 in an hour', 150, 24_000],
    ['40 in a minute', 40, 1_500],
    ['1 000 at once', 1_000, 0],
  ])('%s pass', async (_what, cycles, everyMs) => {
    const service = start();
    for (let cycle = 0; cycle < cycles; cycle++) {
      expect(await startAndStop(service)).toEqual([200, 200]);
      await service.clock.advance(everyMs);
    }
  });

  test('also from an address that has used up its wrong secrets', async () => {
    const service = start();
    for (let turn = 0; turn < 61; turn++) await service.issue(GRANT, basicOf(other.id, 'guess'));
    expect((await service.issue(GRANT, basicOf(other.id, 'guess'))).status).toBe(429);
    for (let cycle = 0; cycle < 40; cycle++) expect(await startAndStop(service)).toEqual([200, 200]);
  });
});
