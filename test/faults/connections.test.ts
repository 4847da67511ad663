import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request as httpRequest, type RequestListener, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createListener, type Listener } from '../../src/server/listener.ts';
import { createResponseWriter } from '../../src/server/write-response.ts';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { builtConfiguration, removeFolders, serveBuilt } from '../support/built.ts';
import { createCertificate } from '../support/certificate.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { open, raw } from '../support/raw.ts';
import { ACCEPT, ask, linksOf, type Running, startGateway, startSimulator } from '../support/running.ts';

const { orders, single } = SAMPLE_PROJECTS;
const noOpenssl = spawnSync('openssl', ['version']).error !== undefined;
if (noOpenssl) process.stderr.write('skipped: openssl is not installed, so no TLS connections are made\n');

afterAll(removeFolders);

/** Resolves to everything received once the socket is closed. */
function received(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
  });
}

describe('protocol upgrades', () => {
  const OFFERS = [
    ['h2c', 'Upgrade, HTTP2-Settings', 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n'],
    [
      'websocket',
      'keep-alive, Upgrade',
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n',
    ],
    ['TLS/1.2', 'upgrade', ''],
    ['h2c, websocket, nonsense/9', 'Upgrade', ''],
  ].map(([protocol, connection, more]) => `Upgrade: ${protocol}\r\nConnection: ${connection}\r\n${more}`);
  const ANSWERS = /HTTP\/1\.1 \d+/g;
  const listeners = ['http', 'admin', ...(noOpenssl ? [] : ['https'])];
  const running = new Map<string, Running>();
  beforeAll(async () => {
    running.set('http', await startGateway());
    if (noOpenssl) return;
    running.set(
      'https',
      await startGateway({
        config: { listen: { port: 0, tls: { cert: { file: 'cert' }, key: { file: 'key' } } } },
        files: { ...createCertificate() },
      }),
    );
  });
  afterAll(async () => {
    for (const one of running.values()) await one.stop();
  });
  function originOf(listener: string): string {
    const origin = listener === 'admin' ? running.get('http')?.admin : running.get(listener)?.origin;
    if (origin === undefined) throw new Error(`${listener} does not listen`);
    return origin;
  }
  const requestFor = (listener: string, more: string) =>
    `GET ${listener === 'admin' ? '/status.json' : linksOf(orders)} HTTP/1.1\r\nHost: localhost\r\nAccept: ${ACCEPT}\r\n${more}\r\n`;

  test.each(listeners)('91: they are ignored on the %s listener → answered as HTTP/1.1', async (listener) => {
    for (const proposeSecrets of OFFERS) {
      const answer = await raw(originOf(listener), requestFor(listener, proposeSecrets));
      expect(answer.match(ANSWERS)).toEqual(['HTTP/1.1 200']);
      expect(answer).not.toMatch(/^upgrade:/im);
    }
  });

  test.each(listeners)(
    '91: a request after one on the %s listener → is not lost silently: the connection is closed',
    async (listener) => {
      const plain = requestFor(listener, '');
      for (const proposeSecrets of OFFERS) {
        const offering = requestFor(listener, proposeSecrets);
        const two = await raw(originOf(listener), offering + plain);
        expect(two.match(ANSWERS)).toEqual(['HTTP/1.1 200']);
        expect(two).toMatch(/\r\nconnection: close\r\n/i);
        const three = await raw(originOf(listener), plain + offering + plain);
        expect(three.match(ANSWERS)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200']);
      }
    },
  );

  test.each(listeners)(
    '91: with a body on the %s listener → treated as without the offer',
    async (listener) => {
      const path = listener === 'admin' ? '/cache/purge' : '/api/oauth/token';
      const body = listener === 'admin' ? '{}' : 'grant_type=client_credentials';
      for (const framed of [
        `Content-Length: ${body.length}\r\n\r\n${body}`,
        `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
      ]) {
        const post = (more: string) =>
          raw(originOf(listener), `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${more}${framed}`);
        const expected = (await post('Connection: close\r\n')).match(ANSWERS);
        expect(expected).toHaveLength(1);
        for (const proposeSecrets of OFFERS)
          expect((await post(proposeSecrets)).match(ANSWERS)).toEqual(expected);
      }
    },
  );

  test('91: CONNECT pipelined after a pending request → no response out of order', async () => {
    const { origin, simulator } = running.get('http') ?? expect.unreachable();
    simulator.faults.add({ target: single.id, delayMs: 300, times: 1 });
    const asked = `GET ${linksOf(single)} HTTP/1.1\r\nHost: localhost\r\nAccept: ${ACCEPT}\r\n\r\n`;
    expect(await raw(origin, `${asked}CONNECT atlas:443 HTTP/1.1\r\nHost: atlas\r\n\r\n`)).not.toContain(
      '405',
    );
    expect(await raw(origin, 'CONNECT atlas:443 HTTP/1.1\r\nHost: atlas\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 405 /,
    );
  });
});

/** A ClientHello record, cut after its first bytes. */
const HELLO_BEGUN = Buffer.from('160301020001000001fc0303', 'hex');

describe.skipIf(noOpenssl)('TLS handshakes', () => {
  let running: Running;
  beforeAll(async () => {
    running = await startGateway({
      config: { listen: { port: 0, tls: { cert: { file: 'cert' }, key: { file: 'key' } } } },
      files: { ...createCertificate() },
    });
  });
  afterAll(() => running.stop());

  test('92: silent, cut and dripping ones, and silence after one → closed after 10 s', {
    timeout: 40_000,
  }, async () => {
    const { port } = new URL(running.origin);
    const startedAt = performance.now();
    const ended = async (socket: Socket) => {
      expect(await received(socket)).toBe('');
      return performance.now() - startedAt;
    };
    const silent = connect(Number(port), '127.0.0.1');
    const cut = connect(Number(port), '127.0.0.1', () => cut.write(HELLO_BEGUN));
    const dripping = connect(Number(port), '127.0.0.1', () => dripping.write(HELLO_BEGUN));
    const drip = setInterval(() => dripping.write('\0'), 500);
    const finished = received(open(running.origin));
    const closedAfter = await Promise.all([silent, cut, dripping].map(ended));
    clearInterval(drip);
    for (const ms of closedAfter) {
      expect(ms).toBeGreaterThan(5_000);
      expect(ms).toBeLessThan(20_000);
    }
    expect(await finished).toMatch(/^HTTP\/1\.1 408 /);
    expect(
      await raw(running.origin, 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'),
    ).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('92: more of them than allowed → the oldest are closed, others are served', {
    timeout: 40_000,
  }, async () => {
    const { port } = new URL(running.origin);
    const sockets: Socket[] = [];
    let closed = 0;
    // A few at a time: if the listen backlog overflows, the kernel retries handshakes only seconds later.
    for (let batch = 0; batch < 12; batch++) {
      const opened = Array.from({ length: 100 }, () => connect(Number(port), '127.0.0.1'));
      for (const socket of opened) {
        socket.on('error', () => undefined);
        socket.on('close', () => closed++);
      }
      await Promise.all(opened.map((socket) => once(socket, 'connect')));
      sockets.push(...opened);
    }
    await expect.poll(() => closed, { timeout: 8_000 }).toBeGreaterThanOrEqual(200);
    expect(closed).toBeLessThan(400);
    expect(
      await raw(running.origin, 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'),
    ).toMatch(/^HTTP\/1\.1 200 /);
    for (const socket of sockets) socket.destroy();
  });
});

describe('a drain', () => {
  const DELAY_MS = 5_000;
  const DEADLINE_MS = 15_000;
  const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const CLOSE = /\r\nconnection: close\r\n/i;
  const serving = {
    nextRequestId: () => 'r-0',
    onUnexpectedError: ({ kind }: { kind: string }) => expect.unreachable(kind),
  };
  const write = createResponseWriter(serving);
  const answer = (body: string) => ({
    status: 200,
    head: { headers: ['Content-Length', String(body.length)] },
    body: Buffer.from(body),
    text: body,
    requestId: 'r-1',
  });
  let clock: FakeClock;
  let listener: Listener;
  let origin: string;
  /** Requests in order of arrival; calling one sends its response. */
  let requests: { response: ServerResponse; answer: (body?: string) => void }[];
  async function listen(handler: RequestListener, tls?: { cert: string; key: string }) {
    clock = createFakeClock();
    const address = { section: 'listen', host: '127.0.0.1', port: 0 } as const;
    listener = createListener({ address, tls }, handler, { clock, ...serving });
    origin = await listener.listen();
  }
  /** A listener that responds with a cached head when the test triggers it. */
  function listenPatiently(tls?: { cert: string; key: string }) {
    requests = [];
    return listen((request, response) => {
      requests.push({ response, answer: (body = 'late') => write(request, response, answer(body)) });
    }, tls);
  }
  const arrived = (count: number) => expect.poll(() => requests.length).toBe(count);
  afterEach(async () => {
    const drained = listener.drain({ delayMs: 0, deadlineMs: 0 });
    await clock.advance(0);
    await drained;
  });

  test.each(noOpenssl ? ['http'] : ['http', 'https'])(
    '96: over %s, a request that began before it → Connection: close, and the drain ends with its answer',
    async (scheme) => {
      await listenPatiently(scheme === 'https' ? createCertificate() : undefined);
      const socket = open(origin);
      const all = received(socket);
      socket.write(REQUEST);
      await arrived(1);
      const drained = listener.drain({ delayMs: DELAY_MS, deadlineMs: DEADLINE_MS });
      await clock.advance(DELAY_MS);
      requests[0]?.answer();
      // The clock does not advance, so neither the deadline nor a connection timer can end the drain.
      await drained;
      expect(await all).toMatch(/^HTTP\/1\.1 200 /);
      expect(await all).toMatch(CLOSE);
    },
  );

  test('96: requests that began before it and are answered during its delay → Connection: close', async () => {
    await listenPatiently();
    const socket = open(origin);
    const all = received(socket);
    socket.write(REQUEST.repeat(3));
    await arrived(3);
    const drained = listener.drain({ delayMs: DELAY_MS, deadlineMs: DEADLINE_MS });
    for (const request of requests) request.answer();
    // Each of them is answered, and the last one closes.
    expect((await all).match(/HTTP\/1\.1 200 /g)).toHaveLength(3);
    expect((await all).match(new RegExp(CLOSE, 'gi'))).toHaveLength(1);
    await clock.advance(DELAY_MS);
    await drained;
  });

  test('96: a response whose head is already sent → complete, and the drain ends with it', async () => {
    await listenPatiently();
    const socket = open(origin);
    const all = received(socket);
    socket.write(REQUEST);
    await arrived(1);
    const response = requests[0]?.response ?? expect.unreachable();
    response.writeHead(200, { 'Content-Length': 8 });
    response.write('half');
    await expect.poll(() => socket.bytesRead).toBeGreaterThan(0);
    const drained = listener.drain({ delayMs: 0, deadlineMs: DEADLINE_MS });
    await clock.advance(0);
    response.end('half');
    await drained;
    expect(await all).toMatch(/halfhalf$/);
  });

  test('96: a response in transit to a slow reader → not truncated', async () => {
    const body = 'x'.repeat(20_000_000);
    await listen((request, response) => write(request, response, answer(body)));
    const socket = open(origin);
    socket.write(REQUEST);
    await new Promise((resolve) => socket.once('readable', resolve));
    const drained = listener.drain({ delayMs: 0, deadlineMs: DEADLINE_MS });
    await clock.advance(0);
    const all = await received(socket);
    expect(all.length).toBeGreaterThan(body.length);
    await drained;
  });

  test('96: idle connections, used and unused → served during the delay, closed immediately afterwards', async () => {
    await listenPatiently();
    const [used, busy, unused] = [open(origin), open(origin), open(origin)];
    const ends = [used, busy, unused].map(received);
    used.write(REQUEST);
    busy.write(REQUEST);
    await arrived(2);
    for (const request of requests) request.answer();
    await expect.poll(() => Math.min(used.bytesRead, busy.bytesRead)).toBeGreaterThan(0);
    const drained = listener.drain({ delayMs: DELAY_MS, deadlineMs: DEADLINE_MS });
    await clock.advance(DELAY_MS - 1);
    busy.write(REQUEST);
    await arrived(3);
    requests[2]?.answer();
    expect((await ends[1])?.match(CLOSE)).not.toBeNull();
    expect([used.readyState, unused.readyState]).toEqual(['open', 'open']);
    await clock.advance(1);
    await drained;
    expect(await ends[0]).toMatch(/^HTTP\/1\.1 200 /);
    expect(await ends[2]).toBe('');
  });

  test.skipIf(noOpenssl)('96: an unfinished TLS handshake → does not delay the shutdown', async () => {
    await listenPatiently(createCertificate());
    const socket = connect(Number(new URL(origin).port), '127.0.0.1', () => socket.write(HELLO_BEGUN));
    const all = received(socket);
    const other = open(origin);
    other.on('error', () => undefined);
    other.write(REQUEST);
    await arrived(1);
    other.destroy();
    await listener.drain({ delayMs: 0, deadlineMs: DEADLINE_MS });
    expect(await all).toBe('');
  });

  test('96: a response that never arrives → closed at the deadline', async () => {
    await listenPatiently();
    const socket = open(origin);
    const all = received(socket);
    socket.write(REQUEST);
    await arrived(1);
    let ended = false;
    const drained = listener.drain({ delayMs: 0, deadlineMs: DEADLINE_MS }).then(() => {
      ended = true;
    });
    await clock.advance(DEADLINE_MS - 1);
    expect(ended).toBe(false);
    await clock.advance(1);
    await drained;
    expect(await all).toBe('');
  });

  test('96: the admin listener: a request that began before it → Connection: close, and the gateway stops', async () => {
    await listenPatiently();
    const running = await startGateway();
    const socket = open(running.admin);
    const all = received(socket);
    socket.write('POST /cache/purge HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{');
    const idle = open(running.admin);
    const idleEnd = received(idle);
    idle.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await expect.poll(() => idle.bytesRead).toBeGreaterThan(0);
    const stopped = running.stop();
    expect(await idleEnd).toMatch(/^HTTP\/1\.1 200 /);
    socket.write('}');
    expect(await all).toMatch(/^HTTP\/1\.1 200 /);
    expect(await all).toMatch(CLOSE);
    await stopped;
  });
});

test('96: SIGTERM with requests in flight → Connection: close, and exit long before the deadline', async () => {
  const { simulator, atlas } = await startSimulator();
  const built = await serveBuilt(
    builtConfiguration(atlas, 'drain: { delay: 500ms, deadline: 60s }\ncache: { fresh: 1s }'),
  );
  const [agent, idle] = [new Agent({ keepAlive: true }), new Agent({ keepAlive: true })];
  const get = (origin: string, path: string, through = agent) =>
    new Promise<string>((resolve, reject) => {
      const { hostname, port } = new URL(origin);
      const asked = httpRequest(
        { hostname, port, path, headers: { accept: ACCEPT }, agent: through },
        (reply) => {
          reply.resume();
          reply.on('end', () => resolve(`${reply.statusCode} ${reply.headers.connection}`));
        },
      );
      asked.on('error', reject);
      asked.end();
    });
  // Leave connections of both listeners idle, and let a list become stale.
  expect(await get(built.origin, linksOf(orders), idle)).toBe('200 keep-alive');
  expect(await get(built.admin, '/metrics', idle)).toBe('200 keep-alive');
  await expect
    .poll(
      async () =>
        (await ask(built.origin, linksOf(orders), { headers: { accept: ACCEPT } })).headers['cache-status'],
      { timeout: 5_000 },
    )
    .toMatch(/ttl=-/);
  simulator.faults.add({ target: orders.id, wire: 'hang' });
  simulator.faults.add({ target: single.id, delayMs: 1_000 });
  const inFlight = Array.from({ length: 8 }, () => get(built.origin, linksOf(single)));
  await expect.poll(() => simulator.requests.length).toBeGreaterThan(2);
  const startedAt = performance.now();
  built.child.kill('SIGTERM');
  for (const outcome of await Promise.all(inFlight)) expect(outcome).toBe('200 close');
  expect(await built.ended).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(15_000);
  for (const one of [agent, idle]) one.destroy();
  await simulator.close();
});
