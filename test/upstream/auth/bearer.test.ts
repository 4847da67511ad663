import { expect, test } from 'vitest';
import { createSystemRandom } from '../../../src/lib/random.ts';
import { createBearer } from '../../../src/upstream/auth/bearer.ts';
import { TIMED_OUT } from '../../../src/upstream/failure.ts';
import type { Exchange, UpstreamRequest, UpstreamResponse } from '../../../src/upstream/message.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const LIFE_SECONDS = 3_600;

const answer = (status: number, body: object): UpstreamResponse => ({
  type: 'answered',
  status,
  headers: {},
  body: Buffer.from(JSON.stringify(body)),
});

const request: UpstreamRequest = {
  operation: 'listGroups',
  target: '/api/atlas/v2/groups',
  accept: 'application/json',
  deadlineAt: Number.POSITIVE_INFINITY,
  priority: 'foreground',
  endpointSet: 'user.groups',
  scope: 'user',
};

/** A bearer whose token endpoint gives the next of `tokens`; 'refused' answers 403. */
function start(...tokens: readonly string[]) {
  const clock = createFakeClock();
  const left = [...tokens];
  const revoked: (string | null)[] = [];
  const internalExchange: Exchange = async ({ target, body = '' }) => {
    if (target === '/api/oauth/revoke') {
      revoked.push(new URLSearchParams(body).get('token'));
      return answer(200, {});
    }
    const value = left.shift() ?? 'refused';
    return value === 'refused'
      ? answer(403, {})
      : answer(200, { access_token: value, token_type: 'bearer', expires_in: LIFE_SECONDS });
  };
  const bearer = createBearer(
    { name: 'one', secrets: { id: 'id', secret: 'secret' }, mintTimeoutMs: 8_000 },
    {
      exchange: async () => TIMED_OUT,
      internalExchange,
      clock,
      random: createSystemRandom(),
      observe: () => undefined,
    },
  );
  return { clock, bearer, revoked };
}

test('the token in use is revoked, although its renewal fails meanwhile', async () => {
  const { clock, bearer, revoked } = start('first', 'refused');
  await bearer.prepare(request);
  await clock.advance(LIFE_SECONDS * 900);
  // Begins the renewal in the background.
  await bearer.prepare(request);
  await bearer.revokeToken?.();
  expect(revoked).toEqual(['first']);
});

test('a token that is being minted is revoked as soon as it is there', async () => {
  const { bearer, revoked } = start('first');
  const prepared = bearer.prepare(request);
  await bearer.revokeToken?.();
  await prepared;
  expect(revoked).toEqual(['first']);
});

test('no token is minted after the last one was revoked', async () => {
  const { bearer, revoked } = start('first', 'second');
  await bearer.prepare(request);
  await bearer.revokeToken?.();
  expect(await bearer.prepare(request)).toMatchObject({ type: 'failed', code: 'OVERLOADED' });
  expect(revoked).toEqual(['first']);
});
