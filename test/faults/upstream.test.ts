import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { builtConfiguration, makeFolder, removeFolders, serveBuilt } from '../support/built.ts';
import { createFakeClock, type FakeClock, settled } from '../support/fake-clock.ts';
import { answer, GOOD_LIST, type Hostile, type Misbehaviour, startHostile } from '../support/hostile.ts';
import { ACCEPT, ask, json, linksOf, type Running, startGateway } from '../support/running.ts';

const { empty, hidden, ledger, orders, payments, search, single } = SAMPLE_PROJECTS;
const MAX_BODY = 1_048_576;

const head = (...lines: string[]) => `HTTP/1.1 200 OK\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const error = (status: number, errorCode: string, headers: Record<string, string> = {}) =>
  answer(status, JSON.stringify({ detail: 'told', error: status, errorCode, reason: 'told' }), headers);
/** Writes, then closes the connection. */
const last = (bytes: string | Buffer) => (socket: Socket) => void socket.end(bytes);
/** Repeats the same chunk as long as the peer reads. */
const endless = (before: string, piece: Buffer) => (socket: Socket) => {
  socket.write(before);
  const more = () => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on('drain', more);
  more();
};
const drip = (socket: Socket) => {
  socket.write(head('Content-Type: application/json', 'Content-Length: 1000'));
  const timer = setInterval(() => socket.write('{'), 20);
  socket.on('close', () => clearInterval(timer));
};
/** A valid list between a prefix and a suffix. */
const good = (...lines: string[]) =>
  `${head(`Content-Length: ${GOOD_LIST.length}`, 'Content-Type: application/json', ...lines)}${GOOD_LIST}`;

/** Decompresses to this many zeros: one compressed member repeated, since gzip allows several members (RFC 1952 section 2.2). */
function gzipOf(bytes: number): Buffer {
  const piece = gzipSync(Buffer.alloc(16 * MAX_BODY));
  return Buffer.concat(Array.from({ length: bytes / (16 * MAX_BODY) }, () => piece));
}

/** Samples the memory of buffers and objects; the returned function stops sampling and returns the peak growth in bytes. */
function watchMemory(): () => number {
  const used = () => {
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = used();
  let peak = before;
  const look = () => {
    peak = Math.max(peak, used());
  };
  const timer = setInterval(look, 2);
  return () => {
    clearInterval(timer);
    look();
    return peak - before;
  };
}

/** Row, fault, its implementation, and the status and code if nothing is cached. */
const FAULTS: readonly (readonly [number, string, Misbehaviour, number, string])[] = [
  [35, 'says nothing', () => undefined, 504, 'UPSTREAM_TIMEOUT'],
  [35, 'stops in the body', `${head('Content-Length: 1000')}{"results":[`, 504, 'UPSTREAM_TIMEOUT'],
  [35, 'sends a byte at a time', drip, 504, 'UPSTREAM_TIMEOUT'],
  [36, 'resets the connection', (socket) => socket.resetAndDestroy(), 502, 'UPSTREAM_PROTOCOL'],
  [
    36,
    'closes before the announced length',
    last(head('Content-Length: 1000') + GOOD_LIST),
    502,
    'UPSTREAM_PROTOCOL',
  ],
  [
    36,
    'closes within a chunk',
    last(`${head('Transfer-Encoding: chunked')}ff\r\n{"results":[`),
    502,
    'UPSTREAM_PROTOCOL',
  ],
  [
    37,
    'cuts a body that has no length',
    last(`${head('Connection: close')}{"results":[{"_id"`),
    502,
    'UPSTREAM_BAD_BODY',
  ],
  [
    37,
    'answers HTML with 200',
    answer(200, '<html>maintenance</html>', { 'Content-Type': 'text/html' }),
    502,
    'UPSTREAM_BAD_BODY',
  ],
  [37, 'answers an object that is no list', answer(200, '{"results":{"_id":1}}'), 502, 'UPSTREAM_BAD_BODY'],
  [
    37,
    'nests ten thousand deep',
    answer(200, `{"results":[${'['.repeat(10_000)}${']'.repeat(10_000)}]}`),
    502,
    'UPSTREAM_BAD_BODY',
  ],
  [
    38,
    'sends a body without an end',
    endless(head('Connection: close'), Buffer.alloc(65_536, 0x20)),
    502,
    'UPSTREAM_TOO_LARGE',
  ],
  [
    38,
    'sends a body larger than is taken',
    endless(head('Content-Length: 1073741824'), Buffer.alloc(65_536, 0x20)),
    502,
    'UPSTREAM_TOO_LARGE',
  ],
  [
    38,
    'sends a gigabyte in a megabyte',
    answer(200, gzipOf(1_024 * MAX_BODY), { 'Content-Encoding': 'gzip' }),
    502,
    'UPSTREAM_TOO_LARGE',
  ],
  [
    38,
    'packs a body twice',
    answer(200, gzipSync(gzipSync(GOOD_LIST)), { 'Content-Encoding': 'gzip, gzip' }),
    502,
    'UPSTREAM_TOO_LARGE',
  ],
  [39, 'gives a negative length', head('Content-Length: -5') + GOOD_LIST, 502, 'UPSTREAM_PROTOCOL'],
  [39, 'answers with a status of 99', 'HTTP/1.1 99 Low\r\nContent-Length: 2\r\n\r\n{}', 502, 'UPSTREAM_'],
  [
    39,
    'answers with a status of 1000',
    'HTTP/1.1 1000 High\r\nContent-Length: 2\r\n\r\n{}',
    502,
    'UPSTREAM_PROTOCOL',
  ],
  [39, 'writes a NUL into a header', good('X-Odd: a\0b'), 502, 'UPSTREAM_PROTOCOL'],
  [39, 'writes a lone CR into a header', good('X-Odd: a\rb'), 502, 'UPSTREAM_PROTOCOL'],
  [
    39,
    'switches protocols unasked',
    'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
    502,
    'UPSTREAM_PROTOCOL',
  ],
  [39, 'sends a header of 100 KB', good(`X-Large: ${'x'.repeat(100_000)}`), 502, 'UPSTREAM_PROTOCOL'],
  [
    40,
    'redirects elsewhere',
    answer(302, '', { Location: 'http://127.0.0.1:9/elsewhere' }),
    502,
    'UPSTREAM_REDIRECT',
  ],
  [42, 'answers 500', error(500, 'UNEXPECTED_ERROR'), 502, 'UPSTREAM_FAILED'],
  [42, 'answers 502', answer(502, '<html>bad gateway</html>'), 502, 'UPSTREAM_FAILED'],
  [42, 'answers 503', answer(503, ''), 502, 'UPSTREAM_FAILED'],
  [
    43,
    'answers 429 for an hour',
    error(429, 'RATE_LIMITED', { 'Retry-After': '3600' }),
    429,
    'UPSTREAM_RATE_LIMITED',
  ],
];

describe('an Atlas that misbehaves', () => {
  let clock: FakeClock;
  let atlas: Hostile;
  let running: Running;
  beforeEach(async () => {
    clock = createFakeClock();
    atlas = await startHostile();
    running = await startGateway({
      clock,
      origin: atlas.origin,
      config: { upstream: { origin: atlas.origin, maxBody: MAX_BODY } },
    });
  });
  afterEach(async () => {
    await running.stop();
    await atlas.close();
  });
  const get = (project: { id: string }) => settled(clock, running.get(linksOf(project)), 100);

  test.each(FAULTS)(
    '%i: %s → the held list, said in Cache-Status; without one its code',
    async (_row, _what, fault, status, code) => {
      const held = await get(orders);
      expect(held.status).toBe(200);
      await clock.advance(3_600_000);
      const grownBy = watchMemory();
      atlas.list = fault;
      const cold = await get(single);
      expect([cold.status, json(cold).errorCode]).toEqual([status, expect.stringContaining(code)]);
      const stale = await get(orders);
      expect([stale.status, stale.text]).toEqual([200, held.text]);
      expect(stale.headers['cache-status']).toMatch(
        // Past staleWhileRevalidate a caller waits for 1.5 s, not for the deadline.
        new RegExp(`^atlas-gateway; fwd=stale; ttl=-\\d+; detail=${status === 504 ? 'SLOW' : code}`),
      );
      expect(grownBy()).toBeLessThan(64 * MAX_BODY);
      atlas.list = undefined;
      await clock.advance(600_000);
      expect(json(await get(single)).totalCount).toBe(2);
      expect(running.simulator.requests).toEqual([]);
    },
  );

  test.each([
    ['surplus bytes after an answer', `${good()}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}`],
    [
      'five thousand early hints',
      `${'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'.repeat(5_000)}${good()}`,
    ],
    [
      'both length headers',
      `${head(`Content-Length: ${GOOD_LIST.length}`, 'Transfer-Encoding: chunked')}${GOOD_LIST.length.toString(16)}\r\n${GOOD_LIST}\r\n0\r\n\r\n`,
    ],
  ])('39: %s → correct or 502, and the next response is unaffected', async (_what, bytes) => {
    atlas.list = bytes;
    const odd = await get(single);
    if (odd.status === 200) expect(json(odd).results).toHaveLength(2);
    else expect(odd.status).toBe(502);
    atlas.list = undefined;
    await clock.advance(600_000);
    for (const project of [orders, search, payments]) expect(json(await get(project)).totalCount).toBe(2);
  });

  test('33: the connection is refused → the cached list; without one 502 UPSTREAM_UNREACHABLE', async () => {
    const held = await get(orders);
    await clock.advance(3_600_000);
    await atlas.close();
    expect(json(await get(single))).toMatchObject({ error: 502, errorCode: 'UPSTREAM_UNREACHABLE' });
    const stale = await get(orders);
    expect([stale.status, stale.text]).toEqual([200, held.text]);
    expect(stale.headers['cache-status']).toContain('detail=UPSTREAM_UNREACHABLE');
    await atlas.reopen();
    await clock.advance(120_000);
    expect((await get(single)).status).toBe(200);
  });

  test('40: a redirect to another address → nothing is sent there', async () => {
    const other = await startHostile();
    atlas.list = answer(302, '', { Location: `${other.origin}/api/atlas/v2/groups` });
    expect(json(await get(single)).errorCode).toBe('UPSTREAM_REDIRECT');
    expect(other.received.connections).toBe(0);
    await other.close();
  });

  test.each([500, 502, 503, 504])(
    '42: %i once → retried after a short delay, and answered',
    async (status) => {
      let first = true;
      atlas.list = (socket) => {
        socket.write(first ? answer(status, '{}') : answer(200, GOOD_LIST));
        first = false;
      };
      expect((await get(single)).status).toBe(200);
      expect(atlas.received.lists).toBe(2);
    },
  );

  test('42: permanent 503 → three attempts, one for a background refresh', async () => {
    await get(orders);
    atlas.list = answer(503, '{}');
    await get(single);
    expect(atlas.received.lists).toBe(1 + 3);
    await clock.advance(60_000);
    await get(orders);
    await expect.poll(() => atlas.received.lists).toBe(1 + 3 + 1);
  });

  test.each([
    ['0 seconds', { 'Retry-After': '0' }, 250],
    ['1 second', { 'Retry-After': '1' }, 1_000],
    ['a date that is past', { 'Retry-After': 'Mon, 10 Aug 2026 00:00:00 GMT' }, 250],
    ['nothing', {}, 250],
  ])(
    '43: 429 that advises %s → one wait with a minimum, then the response',
    async (_what, headers, floorMs) => {
      let first = true;
      const at: number[] = [];
      atlas.list = (socket) => {
        at.push(clock.now());
        socket.write(first ? error(429, 'RATE_LIMITED_TOKEN_BUCKET', headers) : answer(200, GOOD_LIST));
        first = false;
      };
      expect((await get(single)).status).toBe(200);
      expect(at).toHaveLength(2);
      expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThanOrEqual(floorMs);
    },
  );

  test.each([
    ['an hour in seconds', '3600', '3600'],
    ['a date an hour ahead', 'Mon, 10 Aug 2026 04:13:29 GMT', '3600'],
  ])(
    '43: 429 that advises %s → no wait, one request, and Retry-After',
    async (_what, retryAfter, reported) => {
      atlas.list = error(429, 'RATE_LIMITED', { 'Retry-After': retryAfter });
      const before = clock.now();
      const limited = await running.get(linksOf(single));
      expect([limited.status, limited.headers['retry-after'], json(limited).errorCode]).toEqual([
        429,
        reported,
        'UPSTREAM_RATE_LIMITED',
      ]);
      expect(clock.now()).toBe(before);
      expect(json(await running.get(linksOf(single))).errorCode).toBe('UPSTREAM_RATE_LIMITED');
      expect(atlas.received.lists).toBe(1);
    },
  );

  test('45: a persistent 401 → one new token, one replay, then 502 UPSTREAM_AUTH and never 401', async () => {
    atlas.list = error(401, 'UNEXPECTED_ERROR');
    const refused = await get(single);
    expect([refused.status, json(refused).errorCode]).toEqual([502, 'UPSTREAM_AUTH']);
    expect(atlas.received).toMatchObject({ tokens: 2, lists: 2 });
  });

  test('45: 401 USER_UNAUTHORIZED → passed on, no new token', async () => {
    atlas.list = error(401, 'USER_UNAUTHORIZED');
    const refused = await get(single);
    expect([refused.status, json(refused).errorCode]).toEqual([401, 'USER_UNAUTHORIZED']);
    expect(atlas.received).toMatchObject({ tokens: 1, lists: 1 });
  });

  test('47: failure after failure → the circuit opens, lets one probe a second through, and closes when a probe succeeds', async () => {
    const metric = async () =>
      /circuit_open\{credential="sample"\} (\d)/.exec((await ask(running.admin, '/metrics')).text)?.[1];
    const held = await get(orders);
    await clock.advance(600_000);
    await atlas.close();
    for (const project of [single, search, payments, ledger]) await get(project);
    expect(await metric()).toBe('0');
    const last = await get(empty);
    expect([last.status, json(last).errorCode]).toEqual([502, 'UPSTREAM_UNREACHABLE']);
    expect(await metric()).toBe('1');
    const rejected = await Promise.all([single, search, payments].map(get));
    for (const response of rejected) {
      expect([response.status, json(response).errorCode]).toEqual([502, 'UPSTREAM_UNREACHABLE']);
      expect(Number(response.headers['retry-after'] ?? 1)).toBeGreaterThanOrEqual(1);
    }
    expect((await get(orders)).text).toBe(held.text);
    await atlas.reopen();
    await clock.advance(1_000);
    // One of those was the probe of a second: it has failed twice and cools down, unlike these.
    const answers = await Promise.all([ledger, empty, hidden].map(get));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await metric()).toBe('0');
    expect(
      running.logLines.filter((line) => line.includes('"circuit"')).map((line) => JSON.parse(line).state),
    ).toEqual(['open', 'closed']);
  });

  test('47: one list that answers 500 again and again → the circuit stays closed, other lists are answered', async () => {
    atlas.list = error(500, 'UNEXPECTED_ERROR');
    for (let index = 0; index < 12; index++) expect((await get(single)).status).toBe(502);
    atlas.list = undefined;
    expect((await get(search)).status).toBe(200);
    expect(running.logLines.filter((line) => line.includes('"circuit"'))).toEqual([]);
  });

  test.each([
    [400, 'INVALID_ATTRIBUTE'],
    [403, 'ACCESS_FORBIDDEN'],
    [404, 'RESOURCE_NOT_FOUND'],
  ])('44: %i %s → passed on with its own code, and not retried', async (status, code) => {
    atlas.list = error(status, code);
    const refused = await get(single);
    expect([refused.status, json(refused).errorCode, refused.headers['x-error-code']]).toEqual([
      status,
      code,
      code,
    ]);
    expect(atlas.received.lists).toBe(1);
  });

  test.each([
    ['☂', {}],
    ['A'.repeat(65), {}],
    ['a code', { 'X-Error-Code': 'a header' }],
    ['A\r\nSet-Cookie: a=b', { 'X-Error-Code': '\u00e9' }],
  ])('44: a refusal whose code is %j → passed on without a code in its headers', async (code, headers) => {
    atlas.list = error(404, code, headers);
    const refused = await get(single);
    expect([refused.status, json(refused).errorCode]).toEqual([404, code]);
    expect(refused.headers).not.toHaveProperty('x-error-code');
  });
});

describe('a connection that is not established', () => {
  const children: ChildProcess[] = [];
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
  });

  test('33: a name that does not exist → 502 UPSTREAM_UNREACHABLE', async () => {
    const running = await startGateway({ origin: 'https://nowhere.invalid' });
    expect(json(await running.get(linksOf(single)))).toMatchObject({
      error: 502,
      errorCode: 'UPSTREAM_UNREACHABLE',
    });
    await running.stop();
  });

  test('34: a connection that hangs → 504 at the deadline', async () => {
    // The process behind the listener does not accept: once the backlog is full, further connections are never established.
    const script =
      'const s=require("net").createServer().listen({port:0,host:"127.0.0.1",backlog:1},()=>{console.log(s.address().port);Atomics.wait(new Int32Array(new SharedArrayBuffer(4)),0,0,60000)})';
    const child = spawn(process.execPath, ['-e', script]);
    children.push(child);
    const port = await new Promise<number>((resolve) =>
      child.stdout.once('data', (text) => resolve(Number(text))),
    );
    const clock = createFakeClock();
    const running = await startGateway({ clock, origin: `http://127.0.0.1:${port}` });
    const filling = Array.from({ length: 8 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
    await expect.poll(() => filling.filter(({ connecting }) => !connecting).length).toBeGreaterThan(0);
    const reply = await settled(clock, running.get(linksOf(single)), 200);
    for (const socket of filling) socket.destroy();
    expect([reply.status, json(reply).errorCode]).toEqual([504, 'UPSTREAM_TIMEOUT']);
    await running.stop();
  });

  test('34: a TLS handshake that hangs → 504 at the deadline', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const clock = createFakeClock();
    const running = await startGateway({
      clock,
      origin: `https://127.0.0.1:${(silent.address() as AddressInfo).port}`,
    });
    const reply = await settled(clock, running.get(linksOf(single)), 200);
    expect([reply.status, json(reply).errorCode]).toEqual([504, 'UPSTREAM_TIMEOUT']);
    await running.stop();
    silent.close();
  });
});

const noOpenssl = spawnSync('openssl', ['version']).error !== undefined;
if (noOpenssl)
  process.stderr.write('skipped: openssl is not installed, so no certificates are made for row 41\n');

describe('a certificate', () => {
  let folder: string;
  const openssl = (...args: string[]) => {
    const { status, stderr } = spawnSync('openssl', args, { cwd: folder });
    if (status !== 0) throw new Error(stderr.toString());
  };
  const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  /** A certificate and its key, signed by an authority. */
  function certify(
    name: string,
    authority: string,
    host: string,
    times: string[],
  ): { cert: Buffer; key: Buffer } {
    openssl(
      'req',
      ...KEY,
      '-subj',
      '/CN=atlas',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-addext',
      `subjectAltName=${host}`,
    );
    spawnSync(
      'sh',
      [
        '-c',
        `rm -rf ${name}.db && mkdir ${name}.db && touch ${name}.db/index && echo 01 > ${name}.db/serial && printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=${name}.db/index\\nserial=${name}.db/serial\\nnew_certs_dir=${name}.db\\ndefault_md=sha256\\npolicy=p\\ncopy_extensions=copy\\n[p]\\ncommonName=supplied\\n' > ${name}.cnf`,
      ],
      { cwd: folder },
    );
    openssl(
      'ca',
      '-batch',
      '-config',
      `${name}.cnf`,
      '-cert',
      `${authority}.pem`,
      '-keyfile',
      `${authority}.key`,
      '-in',
      `${name}.csr`,
      '-out',
      `${name}.pem`,
      '-notext',
      ...times,
    );
    return {
      cert: readFileSync(join(folder, `${name}.pem`)),
      key: readFileSync(join(folder, `${name}.key`)),
    };
  }
  const authority = (name: string) =>
    openssl(
      'req',
      '-x509',
      ...KEY,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
    );
  const NOW = ['-days', '1'];

  beforeAll(() => {
    if (noOpenssl) return;
    folder = makeFolder();
    authority('known');
    authority('unknown');
  });
  afterAll(removeFolders);

  test.skipIf(noOpenssl).each([
    ['that is good', () => certify('good', 'known', 'IP:127.0.0.1', NOW), 200, undefined],
    [
      'that has ended',
      () =>
        certify('ended', 'known', 'IP:127.0.0.1', [
          '-startdate',
          '20200101000000Z',
          '-enddate',
          '20210101000000Z',
        ]),
      502,
      'UPSTREAM_TLS',
    ],
    ['for another host', () => certify('other', 'known', 'DNS:other.example', NOW), 502, 'UPSTREAM_TLS'],
    [
      'of an unknown authority',
      () => certify('unauthenticated', 'unknown', 'IP:127.0.0.1', NOW),
      502,
      'UPSTREAM_TLS',
    ],
    [
      'signed by itself',
      () => ({
        cert: readFileSync(join(folder, 'unknown.pem')),
        key: readFileSync(join(folder, 'unknown.key')),
      }),
      502,
      'UPSTREAM_TLS',
    ],
    ['that is none: plain HTTP', () => undefined, 502, 'UPSTREAM_TLS'],
  ])('41: %s → 200 if it is valid, else 502 UPSTREAM_TLS', async (_what, make, status, code) => {
    const atlas = await startHostile(make());
    const built = await serveBuilt(builtConfiguration(atlas.origin.replace('http:', 'https:')), {
      env: { NODE_EXTRA_CA_CERTS: join(folder, 'known.pem') },
    });
    const reply = await ask(built.origin, linksOf(single), { headers: { accept: ACCEPT } });
    built.child.kill('SIGINT');
    expect(await built.ended).toBe(0);
    await atlas.close();
    expect([reply.status, json(reply).errorCode]).toEqual([status, code]);
    expect(code === undefined || atlas.received.lists + atlas.received.tokens === 0).toBe(true);
  });
});
