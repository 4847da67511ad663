import { afterEach, describe, expect, test } from 'vitest';
import { createSystemRandom } from '../../src/lib/random.ts';
import { createSimulator, type Simulator, type SimulatorOptions } from '../../src/simulator/server.ts';
import { SAMPLE_CREDENTIALS, SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { answerChallenge } from '../../src/upstream/auth/digest.ts';
import { readChallenge } from '../../src/upstream/auth/digest-challenge.ts';
import { createBudget } from '../../src/upstream/budget/budget.ts';
import type { UpstreamEvent } from '../../src/upstream/events.ts';
import type { Exchange, Send, UpstreamResult } from '../../src/upstream/message.ts';
import { createUpstreamClient } from '../../src/upstream/pipeline.ts';
import { createScheduler } from '../../src/upstream/scheduler.ts';
import { createTransport, type Transport } from '../../src/upstream/transport.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

const random = createSystemRandom();
const started: { simulator: Simulator; transport: Transport }[] = [];

afterEach(async () => {
  for (const { simulator, transport } of started.splice(0)) {
    await transport.close();
    await simulator.close();
  }
});

const LIMITS = { maxBodyBytes: 10_000_000, maxConnections: 32, userAgent: 'atlas-gateway/0.0.0' };

function createSchedulers(clock: FakeClock) {
  const create = (maxConnections: number) =>
    createScheduler({ maxConnections, maxBytesInFlight: 100_000_000 }, { clock, observe: () => undefined });
  return { scheduler: create(28), internalScheduler: create(4) };
}

async function start(kind: 'service-account' | 'api-key', options: SimulatorOptions = {}) {
  const clock = createFakeClock();
  const simulator = createSimulator(options, { clock, random });
  const transport = createTransport({ ...LIMITS, origin: await simulator.listen(0) }, { clock });
  started.push({ simulator, transport });
  const events: UpstreamEvent[] = [];
  const { serviceAccount, apiKey } = SAMPLE_CREDENTIALS;
  const [id, secret] =
    kind === 'api-key'
      ? [apiKey.publicKey, apiKey.privateKey]
      : [serviceAccount.clientId, serviceAccount.clientSecret];
  const { send } = createUpstreamClient(
    { name: 'sample', kind, secrets: { id, secret }, timeoutMs: 10_000, mintTimeoutMs: 10_000 },
    {
      exchange: transport.exchange,
      ...createSchedulers(clock),
      budget: createBudget({ clock }),
      clock,
      random,
      observe: (event) => void events.push(event),
    },
  );
  const ask = (project: { id: string } = SAMPLE_PROJECTS.orders) => askOnce(send, clock, project);
  const count = (status: number) => simulator.requests.filter((request) => request.status === status).length;
  const tokens = () => simulator.requests.filter(({ target }) => target === '/api/oauth/token').length;
  return { clock, simulator, events, ask, count, tokens };
}

function askOnce(send: Send, clock: FakeClock, project: { id: string }): Promise<UpstreamResult> {
  return send({
    operation: 'listGroupStreamPrivateLinkConnections',
    target: `/api/atlas/v2/groups/${project.id}/streams/privateLinkConnections?itemsPerPage=1&pageNum=1`,
    accept: 'application/vnd.atlas.2023-02-01+json',
    deadlineAt: clock.now() + 10_000,
    priority: 'foreground',
    endpointSet: 'streams',
    scope: project.id,
  });
}

const statusOf = (answer: UpstreamResult) => (answer.type === 'answered' ? answer.status : answer.code);

describe('a service account', () => {
  test('costs one token request for 100 concurrent cold requests', async () => {
    const { ask, tokens } = await start('service-account');
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask()));
    expect(new Set(answers.map(statusOf))).toEqual(new Set([200]));
    expect(tokens()).toBe(1);
  });

  test('renews its token in the background before it expires', async () => {
    const { ask, tokens, clock } = await start('service-account');
    await ask();
    await clock.advance(3_600_000 * 0.8);
    expect(statusOf(await ask())).toBe(200);
    await expect.poll(tokens).toBe(2);
    await clock.advance(3_600_000 * 0.3);
    expect(statusOf(await ask())).toBe(200);
    expect(tokens()).toBe(2);
  });

  test('replaces a rejected token once for all affected requests, and repeats them', async () => {
    const { ask, tokens, simulator } = await start('service-account');
    await ask();
    simulator.faults.add({ target: 'privateLink', times: 1, killTokens: true });
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask()));
    expect(new Set(answers.map(statusOf))).toEqual(new Set([200]));
    expect(tokens()).toBe(2);
  });

  test('whose new token is rejected too fails with UPSTREAM_AUTH', async () => {
    const { ask, tokens, simulator, events } = await start('service-account');
    simulator.faults.add({ target: 'privateLink', status: 401 });
    expect(statusOf(await ask())).toBe('UPSTREAM_AUTH');
    expect(tokens()).toBe(2);
    const calls = events.filter(({ type }) => type === 'upstream-exchange');
    expect(calls).toMatchObject([{ code: 'UPSTREAM_AUTH' }, { code: 'UPSTREAM_AUTH' }]);
  });

  test('whose every token is rejected does not use up the tokens that it may have, and works again at once', async () => {
    const { ask, tokens, simulator, clock } = await start('service-account');
    await ask();
    simulator.faults.add({ target: 'privateLink', status: 401 });
    for (let second = 0; second < 60; second++) {
      expect(statusOf(await ask())).toBe('UPSTREAM_AUTH');
      await clock.advance(1_000);
    }
    expect(tokens()).toBeLessThan(12);
    const minted = tokens();
    simulator.faults.clear();
    expect(statusOf(await ask())).toBe(200);
    expect(tokens()).toBe(minted);
  });

  test('without access to a project gets the 401 of Atlas, without a new token', async () => {
    const { ask, tokens } = await start('service-account');
    expect(statusOf(await ask(SAMPLE_PROJECTS.hidden))).toBe(401);
    expect(tokens()).toBe(1);
  });

  test.each([
    ['401', { status: 401 }],
    ['429', { status: 429, headers: { 'Retry-After': '5' } }],
    ['HTML', { status: 200, body: '<html>' }],
    ['nothing', { status: 200, body: '' }],
    [
      'a token of another type',
      { status: 200, body: '{"access_token":"x","token_type":"mac","expires_in":3600}' },
    ],
    ['no token', { status: 200, body: '{"token_type":"Bearer"}' }],
    ['a token with a line break', { status: 200, body: '{"access_token":"a\\r\\nb","token_type":"Bearer"}' }],
  ])('whose token endpoint answers with %s backs off instead of flooding it', async (_name, fault) => {
    const { ask, tokens, simulator, clock } = await start('service-account');
    simulator.faults.add({ target: 'oauth', ...fault });
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask()));
    expect(new Set(answers.map(statusOf))).toEqual(new Set(['CREDENTIALS_UNAVAILABLE']));
    expect(answers[0]).toHaveProperty('retryAfterMs');
    await ask();
    expect(tokens()).toBe(1);
    simulator.faults.clear();
    await clock.advance(5_000);
    expect(statusOf(await ask())).toBe(200);
  });

  test.each([
    '{"access_token":"TOKEN","token_type":"bearer","expires_in":"3600"}',
    '{"access_token":"TOKEN","token_type":"BEARER"}',
  ])('accepts the token response %s', async (body) => {
    const { ask, simulator } = await start('service-account');
    simulator.faults.add({ target: 'oauth', status: 200, body });
    simulator.faults.add({ target: 'privateLink', status: 200, body: '{"results":[]}' });
    expect(statusOf(await ask())).toBe(200);
    expect(simulator.requests.at(-1)?.headers['authorization']).toBe('Bearer TOKEN');
  });

  test('fails at the deadline if Atlas hangs', async () => {
    const { ask, simulator, clock } = await start('service-account');
    await ask();
    simulator.faults.add({ target: 'privateLink', wire: 'hang' });
    const answer = ask();
    await clock.advance(10_000);
    expect(statusOf(await answer)).toBe('UPSTREAM_TIMEOUT');
  });
});

describe('an API key', () => {
  test.each(['MD5', 'SHA-256'] as const)(
    'costs one challenge for 100 consecutive requests with %s',
    async (algorithm) => {
      const { ask, count } = await start('api-key', { algorithm });
      for (let index = 0; index < 100; index++) expect(statusOf(await ask())).toBe(200);
      expect(count(401)).toBe(1);
    },
  );

  test('uses every nc of a nonce once under concurrency', async () => {
    const { ask, count, simulator } = await start('api-key');
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask()));
    expect(new Set(answers.map(statusOf))).toEqual(new Set([200]));
    expect(count(401)).toBe(1);
    const counts = simulator.requests.flatMap(
      ({ headers }) => /nc=([0-9a-f]{8})/.exec(headers['authorization']?.toString() ?? '')?.[1] ?? [],
    );
    expect(new Set(counts).size).toBe(50);
  });

  test('adopts a new nonce if the old one is stale', async () => {
    const { ask, count, clock } = await start('api-key', { nonceLifeMs: 60_000 });
    await ask();
    await clock.advance(60_000);
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask()));
    expect(new Set(answers.map(statusOf))).toEqual(new Set([200]));
    expect(count(200)).toBe(21);
  });

  test('that is wrong fails with UPSTREAM_AUTH after a bounded number of attempts', async () => {
    const { clock, simulator } = await start('api-key');
    const exchange: Exchange =
      started[0]?.transport.exchange ?? (() => Promise.reject(new Error('not started')));
    const { send } = createUpstreamClient(
      {
        name: 'wrong',
        kind: 'api-key',
        secrets: { id: 'simulatr', secret: 'wrong' },
        timeoutMs: 10_000,
        mintTimeoutMs: 1_000,
      },
      {
        exchange,
        ...createSchedulers(clock),
        budget: createBudget({ clock }),
        clock,
        random,
        observe: () => undefined,
      },
    );
    expect(statusOf(await askOnce(send, clock, SAMPLE_PROJECTS.orders))).toBe('UPSTREAM_AUTH');
    expect(simulator.requests.length).toBeLessThanOrEqual(3);
  });
});

describe('a challenge', () => {
  test('is parsed with commas and escaped quotes in the realm, among other schemes', () => {
    expect(
      readChallenge(
        'Negotiate, Basic realm="a, b", Digest realm="x, \\"y\\"", nonce="n,1", qop="auth-int,auth", algorithm=MD5, opaque="o", stale=TRUE',
      ),
    ).toEqual({
      realm: 'x, "y"',
      nonce: 'n,1',
      opaque: 'o',
      algorithm: 'MD5',
      stale: true,
    });
  });

  test('prefers SHA-256', () => {
    expect(
      readChallenge(
        'Digest realm="r", nonce="1", qop="auth", algorithm=MD5, Digest realm="r", nonce="2", qop="auth", algorithm=SHA-256',
      ),
    ).toMatchObject({ nonce: '2', algorithm: 'SHA-256' });
  });

  test.each([
    undefined,
    '',
    'Basic realm="x"',
    'Digest realm="x"',
    'Digest nonce="x", qop="auth-int"',
    'Digest nonce="x", qop="auth", algorithm=MD5-sess',
    'Digest nonce="unfinished',
  ])('%s cannot be answered', (header) => {
    expect(readChallenge(header)).toBeUndefined();
  });

  test('is answered as RFC 7616 section 3.9.1 does', () => {
    const challenge = {
      realm: 'http-auth@example.org',
      nonce: '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v',
      opaque: 'FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS',
      stale: false,
    };
    const request = {
      user: 'Mufasa',
      password: 'Circle of Life',
      method: 'GET',
      uri: '/dir/index.html',
      count: 1,
      cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
    };
    expect(answerChallenge({ ...challenge, algorithm: 'MD5' }, request)).toContain(
      'response="8ca523f5e9506fed4657c9700eebdbec"',
    );
    expect(answerChallenge({ ...challenge, algorithm: 'SHA-256' }, request)).toContain(
      'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"',
    );
  });
});

test('an http origin is rejected unless its host is loopback', () => {
  const clock = createFakeClock();
  expect(() => createTransport({ ...LIMITS, origin: 'http://atlas.example' }, { clock })).toThrow(/https/);
});
