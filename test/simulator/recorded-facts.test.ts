import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSystemRandom } from '../../src/lib/random.ts';
import { createSimulator, type Simulator } from '../../src/simulator/server.ts';
import { SAMPLE_CREDENTIALS, SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { ACCEPT, ask, linksOf } from '../support/running.ts';

const { serviceAccount } = SAMPLE_CREDENTIALS;
const { orders, empty } = SAMPLE_PROJECTS;
/** Headers of every answer of the service, by name. */
const SERVICE = [
  'date',
  'referrer-policy',
  'server',
  'strict-transport-security',
  'x-content-type-options',
  'x-envoy-upstream-service-time',
  'x-frame-options',
  'x-java-method',
  'x-java-version',
  'x-permitted-cross-domain-policies',
];

describe('the simulator answers what the service was recorded to answer', () => {
  let clock: FakeClock;
  let simulator: Simulator;
  let origin: string;
  let token: string;

  const mint = (pair: string, form = 'grant_type=client_credentials') =>
    ask(origin, '/api/oauth/token', {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` },
      body: form,
    });
  const get = (path: string, headers: Record<string, string> = {}) =>
    ask(origin, path, { headers: { accept: ACCEPT, authorization: `Bearer ${token}`, ...headers } });

  beforeAll(async () => {
    clock = createFakeClock();
    simulator = createSimulator(
      { linkOrigin: 'http://localhost:8080' },
      { clock, random: createSystemRandom() },
    );
    origin = await simulator.listen(0);
    token = JSON.parse(
      (await mint(`${serviceAccount.clientId}:${serviceAccount.clientSecret}`)).text,
    ).access_token;
  });
  afterAll(() => simulator.close());

  test('a list with one private link connection', async () => {
    const namespace = '/subscriptions/s/resourceGroups/g/providers/Microsoft.EventHub/namespaces/n';
    simulator.world.replace(linksOf(orders), [
      {
        vendor: 'GENERIC',
        _id: '6a7941d3c0eb9e7a17722d71',
        state: 'IDLE',
        provider: 'AZURE',
        region: 'US_EAST_2',
        dnsDomain: 'n.servicebus.windows.net',
        serviceEndpointId: namespace,
      },
    ]);
    const reply = await get(linksOf(orders));
    expect(reply.status).toBe(200);
    expect(reply.headers['content-type']).toBe('application/vnd.atlas.2023-02-01+json;charset=utf-8');
    expect(reply.headers).toMatchObject({
      'ratelimit-limit': '1200',
      'ratelimit-remaining': '1199',
      server: 'mdbws',
    });
    expect(Object.keys(reply.headers)).toEqual(
      expect.arrayContaining([...SERVICE, 'content-length', 'x-mongodb-service-version']),
    );
    for (const name of ['etag', 'last-modified', 'cache-control'])
      expect(reply.headers).not.toHaveProperty(name);
    expect(reply.text).toBe(
      `{"links":[{"href":"http://localhost:8080${linksOf(orders)}?pageNum=1&itemsPerPage=100","rel":"self"}],"results":[{"_id":"6a7941d3c0eb9e7a17722d71","dnsDomain":"n.servicebus.windows.net","provider":"AZURE","region":"US_EAST_2","serviceEndpointId":"${namespace}","state":"IDLE","vendor":"GENERIC"}],"totalCount":1}`,
    );
  });

  test('a list with nested items, keys in alphabetical order at every depth', async () => {
    const path = `/api/atlas/v2/groups/${orders.id}/streams/instance-908/connections`;
    simulator.world.replace(path, [
      {
        type: 'Kafka',
        networking: { access: { type: 'PUBLIC' } },
        id: 'x',
        config: { 'auto.offset.reset': 'earliest' },
        authentication: { username: 'admin', mechanism: 'SCRAM-256' },
      },
    ]);
    expect((await get(path)).text).toContain(
      '"results":[{"authentication":{"mechanism":"SCRAM-256","username":"admin"},"config":{"auto.offset.reset":"earliest"},"id":"x","networking":{"access":{"type":"PUBLIC"}},"type":"Kafka"}]',
    );
  });

  test('an empty list', async () => {
    const path = `/api/atlas/v2/groups/${empty.id}/streams`;
    expect((await get(path)).text).toBe(
      `{"links":[{"href":"http://localhost:8080${path}?pageNum=1&itemsPerPage=100","rel":"self"}],"results":[],"totalCount":0}`,
    );
  });

  test('a digest challenge', async () => {
    const { authorization: _none, ...headers } = { accept: ACCEPT, authorization: '' };
    const reply = await ask(origin, linksOf(orders), { headers });
    expect(reply.status).toBe(401);
    expect(reply.headers['content-type']).toBe('application/json');
    expect(reply.headers['www-authenticate']).toMatch(
      /^Digest realm="MMS Public API", domain="", nonce="[A-Za-z0-9+/]{32}", algorithm=MD5, qop="auth", stale=false$/,
    );
    expect(reply.headers).not.toHaveProperty('x-error-code');
    expect(reply.text).toBe(
      '{\n  "error" : 401,\n  "reason" : "Unauthorized",\n  "detail" : "You are not authorized for this resource.",\n  "errorCode" : "UNEXPECTED_ERROR"\n}',
    );
  });

  test('a project that is not there', async () => {
    const id = '1'.repeat(24);
    const reply = await get(linksOf({ id }));
    expect(reply.status).toBe(404);
    expect(reply.headers['content-type']).toBe('application/json');
    expect(reply.headers['x-error-code']).toBe('GROUP_NOT_FOUND');
    expect(Object.keys(reply.headers)).toEqual(expect.arrayContaining(SERVICE));
    expect(reply.text).toBe(
      `{"detail":"No group with ID ${id} exists.","error":404,"errorCode":"GROUP_NOT_FOUND","parameters":["${id}"],"reason":"Not Found"}`,
    );
  });

  test('a bad version', async () => {
    for (const accept of ['application/json', '*/*', 'application/vnd.atlas.2022-01-01+json']) {
      expect((await get(linksOf(orders), { accept })).text).toBe(
        '{"detail":"Invalid accept header or version date.","error":406,"errorCode":"INVALID_VERSION_DATE","parameters":[],"reason":"Not Acceptable"}',
      );
    }
  });

  test('a token, to a pair that is not percent-encoded', async () => {
    expect(
      JSON.parse((await mint(`${serviceAccount.clientId}:${serviceAccount.clientSecret}`)).text),
    ).toMatchObject({ expires_in: 3_600, token_type: 'Bearer' });
    const encoded = await mint(
      `${serviceAccount.clientId.replaceAll('_', '%5F')}:${serviceAccount.clientSecret}`,
    );
    expect(encoded.status).toBe(401);
    expect(encoded.text).toBe(
      '{"error":"invalid_client","error_description":"Invalid credentials provided."}',
    );
  });

  test('a revoked token and an ended one are refused', async () => {
    const pair = `${serviceAccount.clientId}:${serviceAccount.clientSecret}`;
    const { access_token: own } = JSON.parse((await mint(pair)).text);
    const basic = `Basic ${Buffer.from(pair).toString('base64')}`;
    expect((await get(linksOf(empty), { authorization: `Bearer ${own}` })).status).toBe(200);
    const revoked = await ask(origin, '/api/oauth/revoke', {
      method: 'POST',
      headers: { authorization: basic },
      body: `token=${own}&token_type_hint=access_token`,
    });
    expect([revoked.status, revoked.text]).toEqual([200, '']);
    expect((await get(linksOf(empty), { authorization: `Bearer ${own}` })).status).toBe(401);
  });

  test('a limit that is reached, advising a wait that can be 0', async () => {
    const path = `/api/atlas/v2/groups/${SAMPLE_PROJECTS.single.id}/events`;
    const events = () => get(path, { accept: 'application/vnd.atlas.2023-01-01+json' });
    let reply = await events();
    for (let index = 0; index < 300 && reply.status === 200; index++) reply = await events();
    expect(reply.status).toBe(429);
    expect(reply.headers).toMatchObject({
      'retry-after': '0',
      'ratelimit-remaining': '0',
      'x-error-code': 'RATE_LIMITED_TOKEN_BUCKET',
    });
    expect(JSON.parse(reply.text)).toMatchObject({
      parameters: [path.slice(1), 0, 300, 100, 60],
      reason: 'Too Many Requests',
    });
    await clock.advance(60_000);
    expect((await events()).status).toBe(200);
  });

  test('a version with a sunset, and one past it', async () => {
    const clusters = (accept: string) => get(`/api/atlas/v2/groups/${orders.id}/clusters`, { accept });
    expect((await clusters('application/vnd.atlas.2023-02-01+json')).headers['sunset']).toBe(
      'Thu, 1 Jul 2027 00:00:00 GMT',
    );
    expect((await clusters('application/vnd.atlas.2024-08-05+json')).headers).not.toHaveProperty('sunset');
    const gone = await get(`/api/atlas/v2/groups/${orders.id}/serverless/c/backup/snapshots`, {
      accept: 'application/vnd.atlas.2023-01-01+json',
    });
    expect(JSON.parse(gone.text)).toMatchObject({ error: 410, errorCode: 'VERSION_GONE' });
  });
});
