import { connect, type Socket } from 'node:net';
import { SignJWT } from 'jose';
import { afterEach, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { builtConfiguration, removeFolders, serveBuilt } from '../support/built.ts';
import { testKey } from '../support/caller-keys.ts';
import { answer, startHostile } from '../support/hostile.ts';
import { residentBytes } from '../support/process-memory.ts';
import { raw } from '../support/raw.ts';
import {
  ACCEPT,
  ask,
  json,
  linksOf,
  type Running,
  startGateway,
  startSimulator,
} from '../support/running.ts';

const { orders } = SAMPLE_PROJECTS;
const SIGNING_KEY = 'signing-key-canary-'.padEnd(40, 'k');

/** The value of a metric in a scrape. */
async function metric(admin: string, name: string): Promise<number> {
  const text = (await ask(admin, '/metrics')).text;
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
}

/** Connections that write `bytes` and are then closed by `end`, all at once. */
function connections(origin: string, count: number, bytes: string): Promise<Socket[]> {
  const { hostname, port } = new URL(origin);
  return Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<Socket>((resolve, reject) => {
          const socket = connect(Number(port), hostname);
          socket.once('error', reject);
          socket.once('connect', () => {
            socket.off('error', reject);
            socket.on('error', () => undefined);
            socket.resume();
            socket.write(bytes, () => resolve(socket));
          });
        }),
    ),
  );
}

describe('tokens of the gateway', () => {
  let running: Running;
  afterEach(() => running.stop());
  const key = testKey(1);

  const sign = (claims: { iat?: number; exp: number; key?: string }) => {
    const jwt = new SignJWT(claims.key === undefined ? {} : { key: claims.key })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setIssuer('atlas-gateway')
      .setSubject(key.id)
      .setJti('made-elsewhere')
      .setExpirationTime(claims.exp);
    if (claims.iat !== undefined) jwt.setIssuedAt(claims.iat);
    return jwt.sign(Buffer.from(SIGNING_KEY));
  };

  test('79: a signed token with a longer lifetime or fewer claims than the gateway issues → 401', async () => {
    running = await startGateway({
      config: {
        callers: [{ name: 'team', keys: [{ id: key.id, sha256: key.sha256 }], projects: 'all' }],
        tokens: { signingKey: { file: 'signing-key' } },
      },
      files: { 'signing-key': SIGNING_KEY },
    });
    const issued = await ask(running.origin, '/api/oauth/token', {
      method: 'POST',
      headers: { authorization: key.basic },
      body: 'grant_type=client_credentials',
    });
    const { access_token: token }: { access_token: string } = JSON.parse(issued.text);
    const claims: { key: string; iat: number; exp: number } = JSON.parse(
      Buffer.from(token.split('.')[1] ?? '', 'base64url').toString(),
    );
    const status = async (jwt: string) =>
      (await running.get(linksOf(orders), { authorization: `Bearer ${jwt}` })).status;
    expect(await status(token)).toBe(200);
    const { iat, exp } = claims;
    // A token signed with the right key and with all claims of an issued one is valid.
    expect(await status(await sign({ iat, exp, key: claims.key }))).toBe(200);
    for (const wrong of [
      { iat, exp: exp + 1, key: claims.key },
      { iat: iat + 7_200, exp: exp + 7_200, key: claims.key },
      { exp, key: claims.key },
      { iat, exp },
      { iat, exp, key: 'another-fingerprint' },
    ])
      expect(await status(await sign(wrong))).toBe(401);
  });
});

describe('one request', () => {
  let running: Running;
  afterEach(() => running.stop());

  test.each([
    ['GET / that is answered at once', 'GET / HTTP/1.1\r\nHost: gateway\r\n\r\n'],
    [
      'a forged token',
      `GET ${linksOf(orders)} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhdGxhcy1nYXRld2F5In0.AAAA\r\n\r\n`,
    ],
    [
      'a slow miss',
      `GET ${linksOf(orders)} HTTP/1.1\r\nHost: gateway\r\nAccept: ${ACCEPT}\r\nCache-Control: no-cache\r\n\r\n`,
    ],
  ])(
    '80: 75 connections with 100 pipelined requests for %s, reset → all slots are released',
    async (_name, line) => {
      // Longer than the test waits: no slot is released because its request is answered.
      running = await startGateway({ timeout: '5m' });
      running.simulator.faults.add({ target: 'privateLink', wire: 'hang' });
      for (const socket of await connections(running.origin, 75, line.repeat(100))) socket.resetAndDestroy();
      // On a busy machine, the connections take seconds to be accepted, one after the other.
      await expect
        .poll(() => metric(running.admin, 'atlas_gateway_requests_in_flight'), {
          timeout: 25_000,
          interval: 50,
        })
        .toBe(0);
      running.simulator.faults.clear();
      expect((await ask(running.origin, '/openapi.json')).status).toBe(200);
    },
    30_000,
  );

  test('80: a slot is released once, not twice, when a response ends and its connection closes', async () => {
    running = await startGateway();
    for (let round = 0; round < 3; round++) {
      const answered = await raw(
        running.origin,
        `GET / HTTP/1.1\r\nHost: gateway\r\n\r\nGET / HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n`,
      );
      expect(answered.match(/^HTTP\/1\.1 200/gm)).toHaveLength(2);
    }
    await expect.poll(() => metric(running.admin, 'atlas_gateway_requests_in_flight')).toBe(0);
  });

  const atlasErrors: [string, string, Record<string, string>][] = [
    ['an errorCode outside Latin-1', '{"errorCode":"☂","error":404}', {}],
    ['an errorCode with a line break', '{"errorCode":"X\\r\\nSet-Cookie: a=b","error":404}', {}],
    ['an errorCode of 70 000 characters', `{"errorCode":"${'X'.repeat(70_000)}","error":404}`, {}],
    ['an errorCode that is an object', '{"errorCode":{"__proto__":[]},"error":404}', {}],
    ['a Content-Type outside Latin-1', '{"error":404}', { 'Content-Type': 'application/☂' }],
    ['a Sunset outside Latin-1', '{"error":404}', { Sunset: '☂', Deprecation: '☂' }],
    ['an X-Error-Code outside Latin-1', '{"error":404}', { 'X-Error-Code': '☂' }],
  ];
  test.each(atlasErrors)(
    '81: a 404 of Atlas’s with %s → passed on without it in a header',
    async (_name, body, headers) => {
      const atlas = await startHostile();
      running = await startGateway({ origin: atlas.origin });
      atlas.list = answer(404, body, headers);
      const reply = await running.get(linksOf(orders));
      expect([reply.status, reply.text]).toEqual([404, body]);
      expect(reply.headers['x-error-code']).toBeUndefined();
      expect(reply.headers['set-cookie']).toBeUndefined();
      atlas.list = undefined;
      expect((await running.get(linksOf(SAMPLE_PROJECTS.payments))).status).toBe(200);
      await atlas.close();
    },
  );

  test('81: a list of Atlas’s with headers outside Latin-1 → 200 without them', async () => {
    const atlas = await startHostile();
    running = await startGateway({ origin: atlas.origin });
    atlas.list = answer(200, '{"links":[],"results":[{"_id":"one"}],"totalCount":1}', {
      Sunset: '☂',
      Deprecation: 'a\tb☂',
    });
    for (const expected of ['fwd=miss', 'hit']) {
      const reply = await running.get(linksOf(orders));
      expect([reply.status, reply.headers['sunset'], reply.headers['deprecation']]).toEqual([
        200,
        undefined,
        undefined,
      ]);
      expect(reply.headers['cache-status']).toContain(expected);
    }
    await atlas.close();
  });

  test('81: an exception in a request handler → 500 for it, a log line, and the next request is answered', async () => {
    let fails = false;
    running = await startGateway({
      wall: (wall) => {
        if (!fails) return wall;
        // Once: the log line needs the time, too.
        fails = false;
        throw new RangeError('canary-in-a-message');
      },
    });
    const path = linksOf(orders, '?pageNum=7');
    fails = true;
    const reply = await running.get(path);
    expect([reply.status, json(reply).errorCode]).toEqual([500, 'UNEXPECTED_ERROR']);
    expect(reply.headers['cache-control']).toBe('no-store');
    const lines = running.logLines.map((line) => JSON.parse(line));
    expect(lines).toContainEqual(
      expect.objectContaining({
        level: 'error',
        msg: 'unexpected error',
        kind: 'RangeError',
        requestId: reply.headers['x-request-id'],
      }),
    );
    expect(running.logLines.join('')).not.toContain('canary-in-a-message');
    expect((await running.get(path)).status).toBe(200);
    expect(await metric(running.admin, 'atlas_gateway_requests_in_flight')).toBe(0);
  });

  test('81: a log that cannot be written and a timer that throws → requests are answered', async () => {
    let broken = false;
    running = await startGateway({
      onLogLine: () => {
        if (broken) throw new Error('disk full');
      },
    });
    broken = true;
    expect((await running.get(linksOf(orders))).status).toBe(200);
    expect((await running.get('/api/nothing')).status).toBe(501);
    expect((await ask(running.admin, '/status.json')).status).toBe(200);
    broken = false;
  });

  test('81: an exception in a route, of either listener → 500 for it, and the next is answered', async () => {
    let fails = false;
    running = await startGateway({
      config: { admin: { port: 0, token: { file: 'admin-token' } } },
      files: { 'admin-token': 'admin-token-of-a-test' },
      randomBytes: (bytes) => {
        if (fails) throw new RangeError('no entropy');
        return bytes;
      },
    });
    fails = true;
    const signIn = { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' } };
    const upstreamFailure = await ask(running.admin, '/sign-in', {
      ...signIn,
      body: 'token=admin-token-of-a-test',
    });
    expect([upstreamFailure.status, json(upstreamFailure).errorCode]).toEqual([500, 'UNEXPECTED_ERROR']);
    fails = false;
    const worked = await ask(running.admin, '/sign-in', { ...signIn, body: 'token=admin-token-of-a-test' });
    expect(worked.status).toBe(303);
    expect(running.logLines.join('')).toContain('"work":"POST /sign-in"');
  });
});

describe('bodies', () => {
  afterEach(removeFolders);
  const unfinished = (path: string, length: number, sent: number) =>
    `POST ${path} HTTP/1.1\r\nHost: gateway\r\nContent-Length: ${length}\r\n\r\n${'x'.repeat(sent)}`;
  const chunked = (path: string, sent: number) =>
    `POST ${path} HTTP/1.1\r\nHost: gateway\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n${'x'.repeat(sent)}`;

  test('82: 250 unfinished bodies → memory grows by less than 10 MiB, lists and tokens are answered', {
    timeout: 60_000,
  }, async () => {
    const { simulator, atlas } = await startSimulator();
    const built = await serveBuilt(builtConfiguration(atlas));
    const list = () => ask(built.origin, linksOf(orders), { headers: { accept: ACCEPT } });
    // Exclude what the first requests load and compile.
    for (let round = 0; round < 200; round++) await list();
    for (const socket of await connections(built.origin, 20, unfinished('/api/oauth/token', 8_000, 7_999)))
      socket.destroy();
    const before = residentBytes(built.child.pid);
    const open = (
      await Promise.all([
        connections(built.origin, 125, unfinished('/api/private/unauth/telemetry/events', 8_000, 7_999)),
        connections(built.origin, 125, unfinished('/api/oauth/token', 8_000, 7_999)),
      ])
    ).flat();
    for (let round = 0; round < 10; round++) expect((await list()).status).toBe(200);
    expect(residentBytes(built.child.pid) - before).toBeLessThan(10 * 1_048_576);
    for (const socket of open) socket.destroy();
    // Oversized bodies are refused at the first chunk that exceeds the limit; the chunks received until then become garbage once.
    for (let round = 0; round < 4; round++) {
      const large = await Promise.all([
        connections(
          built.origin,
          125,
          unfinished('/api/private/unauth/telemetry/events', 1_000_000, 900_000),
        ),
        connections(built.origin, 125, chunked('/api/oauth/token', 900_000)),
      ]);
      for (const socket of large.flat()) socket.destroy();
    }
    expect(residentBytes(built.child.pid) - before).toBeLessThan(64 * 1_048_576);
    built.child.kill('SIGTERM');
    expect(await built.ended).toBe(0);
    await simulator.close();
  });

  test('82: 300 one-byte bodies → lists are 200, the rest 503 OVERLOADED, and slow senders give way', async () => {
    const running = await startGateway();
    const open = await connections(running.origin, 300, unfinished('/api/oauth/token', 100, 1));
    for (let round = 0; round < 5; round++) expect((await running.get(linksOf(orders))).status).toBe(200);
    expect(await metric(running.admin, 'atlas_gateway_requests_in_flight')).toBe(0);
    const refused = await ask(running.origin, '/api/oauth/token', { method: 'POST', body: 'x' });
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    // After a second, a new body displaces the oldest unfinished one.
    await expect
      .poll(
        async () => (await ask(running.origin, '/api/oauth/token', { method: 'POST', body: 'x' })).status,
        {
          timeout: 5_000,
          interval: 100,
        },
      )
      .toBe(401);
    for (const socket of open) socket.destroy();
    await running.stop();
  });

  test('82: sign-in and purge accept 8 KiB, and unfinished ones do not block the probes', async () => {
    const running = await startGateway();
    for (const length of [8_192, 8_193]) {
      const { status } = await ask(running.admin, '/cache/purge', {
        method: 'POST',
        body: JSON.stringify({ soft: true }).padEnd(length),
      });
      expect(status).toBe(length === 8_192 ? 200 : 413);
    }
    const open = await connections(running.admin, 300, unfinished('/cache/purge', 100, 1));
    expect((await ask(running.admin, '/readyz')).status).toBe(200);
    expect((await ask(running.admin, '/cache/purge', { method: 'POST', body: '{}' })).status).toBe(503);
    for (const socket of open) socket.destroy();
    await running.stop();
  });
});

describe('clients that pipeline and do not read', () => {
  let running: Running;
  afterEach(() => running.stop());
  const GET_DOCUMENT = 'GET /openapi.json HTTP/1.1\r\nHost: gateway\r\n\r\n';
  const POST = 'POST /api/oauth/token HTTP/1.1\r\nHost: gateway\r\nContent-Length: 1\r\n\r\nx';

  /** Connections that write `bytes` and never read what comes back. */
  async function unread(count: number, bytes: string): Promise<Socket[]> {
    const { hostname, port } = new URL(running.origin);
    const sockets = Array.from({ length: count }, () => {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined);
      socket.pause();
      socket.write(bytes);
      return socket;
    });
    await expect
      .poll(() => sockets.every((socket) => socket.destroyed || socket.bytesWritten > 0))
      .toBe(true);
    return sockets;
  }

  test.each([
    ['of a large document', GET_DOCUMENT.repeat(900)],
    [
      'of short answers behind large ones',
      GET_DOCUMENT.repeat(20) + 'GET / HTTP/1.1\r\nHost: gateway\r\n\r\n'.repeat(600),
    ],
    ['with bodies, behind large answers', GET_DOCUMENT.repeat(20) + POST.repeat(250)],
  ])(
    '80: 20 connections with hundreds of requests %s → no slot and no memory is kept, others are served',
    async (_name, bytes) => {
      running = await startGateway();
      await ask(running.origin, '/openapi.json');
      const before = process.memoryUsage().rss;
      const sockets = await unread(20, bytes);
      for (let round = 0; round < 10; round++) {
        expect((await running.get(linksOf(orders))).status).toBe(200);
        const token = await ask(running.origin, '/api/oauth/token', { method: 'POST', body: 'x' });
        expect(token.status).toBe(401);
      }
      expect(await metric(running.admin, 'atlas_gateway_requests_in_flight')).toBe(0);
      // It was 1.3 GB. Without a bound, each of the 18 000 answers keeps a copy in a buffer of its socket.
      expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1_048_576);
      for (const socket of sockets) socket.destroy();
    },
  );

  test('80: misses whose answers are not read give their slots back with the answer', async () => {
    running = await startGateway();
    const miss = `GET ${linksOf(orders)} HTTP/1.1\r\nHost: gateway\r\nAccept: ${ACCEPT}\r\n\r\n`;
    const sockets = await unread(20, GET_DOCUMENT.repeat(10) + miss.repeat(10));
    await expect.poll(() => metric(running.admin, 'atlas_gateway_requests_in_flight')).toBe(0);
    for (const socket of sockets) socket.destroy();
  });
});
