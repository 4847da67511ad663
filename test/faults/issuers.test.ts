import { createServer, type Server } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createAccess } from '../../src/gateway/auth/authentication.ts';
import { createNonceStore } from '../../src/gateway/auth/digest-auth.ts';
import { createIssuerKeys, fetchKeySet, IssuerKeysUnavailable } from '../../src/gateway/auth/issuer-keys.ts';
import type { Caller } from '../../src/gateway/auth/key-auth.ts';
import { createTokens } from '../../src/gateway/auth/token-service.ts';
import { createSystemRandom } from '../../src/lib/random.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

const COOLDOWN_MS = 30_000;
const TEN_MINUTES_MS = 600_000;
const ISSUER = 'https://cluster';
const AUDIENCE = 'atlas-gateway';
const caller: Caller = {
  name: 'orders',
  projects: 'all',
  organizations: 'all',
  operations: new Set(['lists']),
};
const rule = { caller, issuer: ISSUER, claim: 'sub', value: 'orders' };

let clock: FakeClock;
let keyServer: Server;
let url: URL;
let fetches: number;
/** The response of the key server: a status, or a closed connection. */
let status: number | 'reset';
let keys: unknown[];
const pairs = new Map<string, Awaited<ReturnType<typeof generateKeyPair>>>();
const publicKeys = new Map<string, unknown>();

beforeAll(async () => {
  for (const kid of ['one', 'two', 'unauthenticated']) {
    const pair = await generateKeyPair('RS256');
    pairs.set(kid, pair);
    publicKeys.set(kid, { ...(await exportJWK(pair.publicKey)), kid, alg: 'RS256', use: 'sig' });
  }
});
beforeEach(async () => {
  clock = createFakeClock();
  fetches = 0;
  status = 200;
  keys = [publicKeys.get('one')];
  keyServer = createServer((_request, response) => {
    fetches++;
    if (status === 'reset') response.destroy();
    else response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify({ keys }));
  });
  await new Promise<void>((resolve) => keyServer.listen(0, '127.0.0.1', resolve));
  const address = keyServer.address();
  url = new URL(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/keys`);
});
afterEach(async () => {
  keyServer.closeAllConnections();
  await new Promise((resolve) => keyServer.close(resolve));
});

function open() {
  const random = createSystemRandom();
  const list = (issuer = ISSUER) => ({
    callers: [],
    issuers: [{ issuer, audience: AUDIENCE, algorithms: ['RS256'], keys: { url } }],
    rules: [{ ...rule, issuer }],
  });
  const access = createAccess(list(), {
    nonceStore: createNonceStore({ clock, random }),
    tokens: createTokens({ signingKey: random.bytes(32) }, { clock, random }),
    issuerKeys: createIssuerKeys({ clock, fetchSet: fetchKeySet }),
    clock,
  });
  return {
    authenticate: async (token: string) =>
      (await access.authenticate(`Bearer ${token}`, { method: 'GET', target: '/' })).type,
    reload: () => access.replace(list()),
  };
}

const seconds = () => Math.floor(clock.wall() / 1_000);
async function sign(kid: string, claims: Record<string, unknown> = {}, signedWith = kid): Promise<string> {
  const pair = pairs.get(signedWith);
  if (pair === undefined) throw new Error(`there is no key pair ${signedWith}`);
  return new SignJWT({
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'orders',
    exp: seconds() + 86_400,
    ...claims,
  })
    .setProtectedHeader({ alg: 'RS256', kid })
    .sign(pair.privateKey);
}
const strangers = (count: number) =>
  Promise.all(
    Array.from({ length: count }, (_none, index) => sign(`stranger-${index}`, {}, 'unauthenticated')),
  );

describe('key servers', () => {
  for (const trouble of [500, 302, 'reset'] as const) {
    test(`89: a key server that answers ${trouble} is requested once per cooldown, whoever the callers are`, async () => {
      status = trouble;
      const { authenticate } = open();
      const tokens = [...(await strangers(100)), await sign('one')];
      const types = await Promise.all(tokens.map(authenticate));
      expect(new Set(types)).toEqual(new Set(['unavailable']));
      for (const token of tokens.slice(0, 20)) expect(await authenticate(token)).toBe('unavailable');
      expect(fetches).toBe(1);
      await clock.advance(COOLDOWN_MS);
      await Promise.all(tokens.map(authenticate));
      expect(fetches).toBe(2);
      status = 200;
      await clock.advance(COOLDOWN_MS);
      expect(await authenticate(await sign('one'))).toBe('caller');
    });
  }

  test('89: an answer that is not a key set counts as a failure and replaces no key', async () => {
    const { authenticate } = open();
    expect(await authenticate(await sign('one'))).toBe('caller');
    keys = ['nonsense'];
    await clock.advance(COOLDOWN_MS);
    await Promise.all((await strangers(100)).map(authenticate));
    expect(fetches).toBe(2);
    expect(await authenticate(await sign('one'))).toBe('caller');
  });

  test('89: unknown key ids while keys are known cause one fetch per cooldown, which finds a new key', async () => {
    const { authenticate } = open();
    expect(await authenticate(await sign('one'))).toBe('caller');
    keys.push(publicKeys.get('two'));
    expect(await authenticate(await sign('two'))).toBe('unauthenticated');
    await clock.advance(COOLDOWN_MS);
    expect(await authenticate(await sign('two'))).toBe('caller');
    await Promise.all((await strangers(100)).map(authenticate));
    expect(fetches).toBe(2);
  });

  test('89: a reload keeps known keys, also while the key server is down, and does not reset the cooldown', async () => {
    const { authenticate, reload } = open();
    expect(await authenticate(await sign('one'))).toBe('caller');
    status = 'reset';
    for (let turn = 0; turn < 10; turn++) {
      reload();
      expect(await authenticate(await sign('one'))).toBe('caller');
      await Promise.all((await strangers(10)).map(authenticate));
    }
    expect(fetches).toBe(1);
  });

  test('89: a withdrawn key stops working within ten minutes, with and without requests in between', async () => {
    const busy = open();
    const idle = open();
    const token = await sign('one');
    for (const { authenticate } of [busy, idle]) expect(await authenticate(token)).toBe('caller');
    keys = [publicKeys.get('two')];
    for (let minute = 1; minute <= 10; minute++) {
      await clock.advance(TEN_MINUTES_MS / 10);
      await busy.authenticate(token);
    }
    expect(await busy.authenticate(token)).toBe('unauthenticated');
    expect(await idle.authenticate(token)).toBe('unauthenticated');
    expect(await idle.authenticate(await sign('two'))).toBe('caller');
  });

  test('89: known keys stay valid as long as the key server is down, with one fetch per cooldown', async () => {
    const { authenticate } = open();
    const token = await sign('one');
    expect(await authenticate(token)).toBe('caller');
    status = 500;
    for (let turn = 0; turn < 60; turn++) {
      await clock.advance(COOLDOWN_MS);
      expect(await authenticate(token)).toBe('caller');
    }
    expect(fetches).toBeLessThanOrEqual(61);
    status = 200;
    keys = [publicKeys.get('two')];
    await clock.advance(COOLDOWN_MS);
    expect(await authenticate(token)).toBe('unauthenticated');
  });

  test('89: a key server that hangs is aborted after five seconds, and one that sends an endless body after a mebibyte', async () => {
    let aborted = 0;
    const hanging = createIssuerKeys({
      clock,
      fetchSet: (_url, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted++;
            reject(new Error('aborted'));
          });
        }),
    });
    const header = { alg: 'RS256', kid: 'one' };
    const token = { payload: '', signature: '' };
    const refused = expect(hanging.keysOf({ url })(header, token)).rejects.toBeInstanceOf(
      IssuerKeysUnavailable,
    );
    await clock.advance(5_000);
    await refused;
    expect(aborted).toBe(1);
    keys = ['x'.repeat(2_000_000)];
    await expect(fetchKeySet({ url }, AbortSignal.timeout(5_000))).rejects.toThrow('too large');
    keys = [publicKeys.get('one')];
    expect(await fetchKeySet({ url }, AbortSignal.timeout(5_000))).toEqual({ keys });
  });
});

describe('clock skew', () => {
  test('124: nbf, iat and exp are accepted within 30 s of clock skew alike, and not beyond', async () => {
    const { authenticate } = open();
    const now = seconds();
    const within = [
      { iat: now + 1 },
      { iat: now + 30 },
      { nbf: now + 1 },
      { nbf: now + 30 },
      { exp: now - 29 },
    ];
    const beyond = [{ iat: now + 31 }, { nbf: now + 31 }, { exp: now - 30 }];
    for (const claims of within)
      expect([claims, await authenticate(await sign('one', claims))]).toEqual([claims, 'caller']);
    for (const claims of beyond)
      expect([claims, await authenticate(await sign('one', claims))]).toEqual([claims, 'unauthenticated']);
    expect(await authenticate(await sign('one', { iat: now + 1, nbf: now + 1, exp: now + 2 }))).toBe(
      'caller',
    );
  });
});
