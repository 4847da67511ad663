import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { ask, CALLER_KEY, CALLER_SECRET, linksOf, type Running, startGateway } from '../support/running.ts';

const { orders } = SAMPLE_PROJECTS;
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

/** The fields of the log lines with this message, oldest first. */
const linesOf = ({ logLines }: Running, message: string): Record<string, unknown>[] =>
  logLines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === message);
const lastLineOf = (running: Running, message: string) => linesOf(running, message).at(-1);

describe.each([true, false])('a request is found by what it sent; hit path: %s', (hitPath) => {
  let running: Running;
  beforeAll(async () => {
    running = await startGateway({
      hitPath,
      config: { listen: { port: 0, trustedProxies: ['127.0.0.0/8'] } },
    });
    await running.get(linksOf(orders));
  });
  afterAll(() => running.stop());

  test.each([
    ['a hit', linksOf(orders)],
    ['a miss', linksOf(orders, '?pageNum=7')],
    ['an unknown path', '/api/atlas/v2/nothing'],
    ['a refused target', '/api/../x'],
    ['a token request', '/api/oauth/token'],
  ])('%s keeps a valid id, and is logged with client, user agent and trace', async (_name, path) => {
    const reply = await running.get(path, {
      'x-request-id': 'team.orders_7-a',
      traceparent: `00-${TRACE}-00f067aa0ba902b7-00`,
      'user-agent': 'curl/8.5.0',
      'x-forwarded-for': '198.51.100.1, 203.0.113.9',
    });
    expect(reply.headers['x-request-id']).toBe('team.orders_7-a');
    expect(lastLineOf(running, 'request')).toMatchObject({
      requestId: 'team.orders_7-a',
      traceId: TRACE,
      clientIp: '203.0.113.9',
      userAgent: 'curl/8.5.0',
    });
  });

  test('what is malformed is ignored, and neither echoed nor logged unescaped', async () => {
    for (const path of [linksOf(orders), '/api/atlas/v2/nothing', '/api/oauth/token']) {
      const reply = await running.get(path, {
        'x-request-id': '<script>',
        traceparent: '00-<script>-00f067aa0ba902b7-01',
        'user-agent': 'caf\u00e9',
        'x-forwarded-for': '<script>',
      });
      expect(reply.headers['x-request-id']).toMatch(/^[\w-]{8}-\d+$/);
      const line = lastLineOf(running, 'request') ?? {};
      expect(line).toMatchObject({ clientIp: '127.0.0.1', userAgent: 'caf%E9' });
      expect(line).not.toHaveProperty('traceId');
      expect(`${JSON.stringify([reply.headers, line])}${reply.text}`).not.toContain('<script>');
    }
  });

  test('nothing of it reaches Atlas', async () => {
    running.simulator.clearRequests();
    await running.get(linksOf(SAMPLE_PROJECTS.search), {
      'x-request-id': 'canary-id',
      traceparent: `00-${TRACE}-00f067aa0ba902b7-01`,
      'user-agent': 'canary-agent',
      'x-forwarded-for': '203.0.113.9',
    });
    expect(running.upstream()).toHaveLength(1);
    expect(JSON.stringify(running.simulator.requests)).not.toMatch(/canary|4bf92f35|203\.0\.113/);
  });
});

describe('log lines for an investigation', () => {
  let running: Running;
  beforeAll(async () => {
    running = await startGateway();
  });
  afterAll(() => running.stop());

  test('a token request has its duration and size', async () => {
    const form = new URLSearchParams({ grant_type: 'client_credentials' }).toString();
    const reply = await ask(running.origin, '/api/oauth/token', {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(CALLER_KEY.replace(`_${CALLER_SECRET}`, `:${CALLER_SECRET}`)).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: form,
    });
    expect(reply.status).toBe(200);
    const { durationMs, ...line } = lastLineOf(running, 'request') ?? {};
    expect(line).toMatchObject({ status: 200, caller: 'team-orders', bytes: reply.body.length });
    expect(durationMs).toBeGreaterThan(0);
  });

  test('a purge has its scope, softness and origin', async () => {
    const purge = (body: object, headers: Record<string, string> = {}) =>
      ask(running.admin, '/cache/purge', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-request-id': 'purge-1', ...headers },
        body: JSON.stringify(body),
      });
    await running.get(linksOf(orders));
    expect((await purge({ project: orders.id, soft: true })).status).toBe(200);
    expect(lastLineOf(running, 'cache purged')).toMatchObject({
      project: orders.id,
      soft: true,
      origin: 'api',
      requestId: 'purge-1',
      clientIp: '127.0.0.1',
    });
    const browser = { 'sec-fetch-site': 'same-origin' };
    expect((await purge({ operation: 'listGroupClusters' }, browser)).status).toBe(200);
    expect(lastLineOf(running, 'cache purged')).toMatchObject({
      operation: 'listGroupClusters',
      soft: false,
      origin: 'status-page',
    });
  });

  test('the level and the trusted proxies apply without a restart', async () => {
    const forwarded = { 'x-forwarded-for': '203.0.113.9' };
    await running.get(linksOf(orders), forwarded);
    expect(lastLineOf(running, 'request')).toMatchObject({ clientIp: '127.0.0.1' });
    running.reload({ log: { level: 'warn' }, listen: { port: 0, trustedProxies: ['127.0.0.1'] } });
    const before = linesOf(running, 'request').length;
    await running.get(linksOf(orders), forwarded);
    expect(linesOf(running, 'request')).toHaveLength(before);
    await running.get('/api/atlas/v2/nothing', forwarded);
    expect(lastLineOf(running, 'request')).toMatchObject({ status: 501, clientIp: '203.0.113.9' });
    running.reload({ log: { level: 'debug' } });
    await running.get(linksOf(SAMPLE_PROJECTS.search));
    expect(lastLineOf(running, 'upstream call')).toMatchObject({ level: 'debug', code: '200' });
    expect(lastLineOf(running, 'request')).toMatchObject({ status: 200, clientIp: '127.0.0.1' });
  });
});

test('a shutdown is logged from the signal to the end', async () => {
  const running = await startGateway();
  await running.stop();
  expect(linesOf(running, 'shutdown')).toEqual([
    expect.objectContaining({ level: 'info', phase: 'begun', inFlight: 0, delayMs: 0, deadlineMs: 15_000 }),
    expect.objectContaining({ level: 'info', phase: 'drained', inFlight: 0 }),
    expect.objectContaining({ level: 'info', phase: 'stopped', inFlight: 0 }),
  ]);
});
