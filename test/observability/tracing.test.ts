import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { CALLER_KEY, CALLER_SECRET, linksOf, type Running, startGateway } from '../support/running.ts';

const { orders } = SAMPLE_PROJECTS;
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const OPERATION = 'listGroupStreamPrivateLinkConnections';

interface ExportedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
}

/** A collector that keeps the spans it is sent, as OTLP encodes them in JSON. */
interface Collector {
  readonly endpoint: string;
  readonly spans: ExportedSpan[];
  readonly bodies: string[];
  readonly paths: string[];
}

interface Export {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly ExportedSpan[] }[];
  }[];
}

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening');
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return `http://127.0.0.1:${address.port}`;
}

async function startCollector(): Promise<Collector> {
  const spans: ExportedSpan[] = [];
  const bodies: string[] = [];
  const paths: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      const { resourceSpans }: Export = JSON.parse(body);
      bodies.push(body);
      paths.push(request.url ?? '');
      for (const { scopeSpans } of resourceSpans) for (const scope of scopeSpans) spans.push(...scope.spans);
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  return { endpoint: await listen(server), spans, bodies, paths };
}

const valuesOf = ({ attributes }: ExportedSpan) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

const named = (spans: readonly ExportedSpan[], name: string) => spans.filter((span) => span.name === name);

const traced = (endpoint: string, sampleRatio = 1): Promise<Running> =>
  startGateway({ config: { tracing: { endpoint, sampleRatio } } });

const KIND = { internal: 1, server: 2, client: 3 };

describe('a traced request', () => {
  test('is a span within that of its client, with spans for cache, load and each call to Atlas', async () => {
    const collector = await startCollector();
    const running = await traced(collector.endpoint, 0);
    const reply = await running.get(linksOf(orders), {
      authorization: `Bearer ${CALLER_KEY}`,
      traceparent: `00-${TRACE}-${SPAN}-01`,
      'x-request-id': 'req-1',
    });
    expect(reply.status).toBe(200);
    await running.stop();
    expect(collector.paths).toEqual(['/v1/traces']);
    const [server] = named(collector.spans, `GET ${OPERATION}`).filter(({ kind }) => kind === KIND.server);
    const [cache] = named(collector.spans, 'cache');
    const [load] = named(collector.spans, 'load');
    const calls = collector.spans.filter(({ kind }) => kind === KIND.client);
    expect(collector.spans).toHaveLength(3 + calls.length);
    expect(collector.spans.every(({ traceId }) => traceId === TRACE)).toBe(true);
    expect([server?.parentSpanId, cache?.parentSpanId, load?.parentSpanId]).toEqual([
      SPAN,
      server?.spanId,
      cache?.spanId,
    ]);
    expect(calls.map(({ parentSpanId }) => parentSpanId)).toEqual([load?.spanId]);
    expect(server && valuesOf(server)).toEqual({
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'atlas_gateway.request_id': 'req-1',
      'atlas_gateway.caller': 'team-orders',
      'atlas_gateway.operation': OPERATION,
      'atlas_gateway.project': orders.id,
      'atlas_gateway.cache': 'miss',
      'atlas_gateway.upstream_calls': 1,
    });
    expect(cache && valuesOf(cache)).toMatchObject({ 'atlas_gateway.cache': 'miss' });
    expect(calls[0] && valuesOf(calls[0])).toMatchObject({
      'http.response.status_code': 200,
      'atlas_gateway.credential': 'sample',
    });
  });

  test.each([
    ['a document', `/api/atlas/v2/groups/${orders.id}/settings`, 1],
    ['an element of a list', `/api/atlas/v2/groups/${orders.id}`, 1],
    ['a project by its name, which is looked up first', `/api/atlas/v2/groups/byName/${orders.name}`, 2],
  ])('has a load with a call for %s', async (_title, path, loads) => {
    const collector = await startCollector();
    const running = await startGateway({
      config: {
        tracing: { endpoint: collector.endpoint, sampleRatio: 1 },
        anonymous: { projects: [orders.id], operations: ['reads'] },
      },
    });
    const { status, text } = await running.get(path);
    await running.stop();
    expect(status, text).toBe(200);
    const calls = collector.spans.filter(({ kind }) => kind === KIND.client);
    const loadIds = named(collector.spans, 'load').map(({ spanId }) => spanId);
    expect(loadIds).toHaveLength(loads);
    expect(calls.map(({ parentSpanId }) => parentSpanId)).toEqual(loadIds);
  });

  test('has no secret in any attribute, whatever it sent', async () => {
    const collector = await startCollector();
    const running = await traced(collector.endpoint);
    const canaries = {
      authorization: `Bearer ${CALLER_KEY}`,
      'user-agent': 'canaryagent',
      cookie: 'canarycookie',
    };
    await running.get(linksOf(orders, '?canaryparameter=1'), canaries);
    await running.get(linksOf(orders), canaries);
    await running.get('/api/atlas/v2/canarypath', canaries);
    await running.stop();
    expect(collector.spans.length).toBeGreaterThan(4);
    const sent = collector.bodies.join('');
    expect(sent).not.toContain(CALLER_SECRET);
    expect(sent).not.toMatch(/canary(agent|cookie|parameter|path)|Bearer/);
  });

  test('has its trace id in its log line', async () => {
    const collector = await startCollector();
    const running = await traced(collector.endpoint);
    await running.get(linksOf(orders));
    const line: Record<string, unknown> = JSON.parse(running.logLines.at(-1) ?? '{}');
    await running.stop();
    expect(named(collector.spans, 'cache').map(({ traceId }) => traceId)).toEqual([line['traceId']]);
  });
});

test('what a client does not record, and a ratio of 0, leave no span', async () => {
  const collector = await startCollector();
  const always = await traced(collector.endpoint);
  await always.get(linksOf(orders), { traceparent: `00-${TRACE}-${SPAN}-00` });
  await always.stop();
  const never = await traced(collector.endpoint, 0);
  await never.get(linksOf(orders));
  await never.stop();
  expect(collector.spans).toEqual([]);
});

describe('a client that is not authenticated', () => {
  const strangers: readonly [string, string, Record<string, string>][] = [
    ['anonymous', linksOf(orders), {}],
    ['with a wrong key', linksOf(orders), { authorization: `Bearer agw_CanaryKey001_${'x'.repeat(43)}` }],
    ['whose request is malformed', `/api/../${linksOf(orders)}`, { authorization: `Bearer ${CALLER_KEY}` }],
  ];
  const traceparent = `00-${TRACE}-${SPAN}-01`;

  test('does not decide that its requests are recorded', async () => {
    const collector = await startCollector();
    const running = await traced(collector.endpoint, 0);
    for (const [, path, headers] of strangers) await running.get(path, { ...headers, traceparent });
    await running.stop();
    expect(collector.spans).toEqual([]);
  });

  test.each(strangers)('%s → recorded within its trace, as the ratio says', async (_title, path, headers) => {
    const collector = await startCollector();
    const running = await traced(collector.endpoint);
    await running.get(path, { ...headers, traceparent });
    await running.stop();
    const servers = collector.spans.filter(({ kind }) => kind === KIND.server);
    expect(servers.map(({ traceId, parentSpanId }) => [traceId, parentSpanId])).toEqual([[TRACE, SPAN]]);
  });
});

test('the span of a request lasts as long as its log line says, authentication included', async () => {
  const collector = await startCollector();
  const running = await traced(collector.endpoint);
  await running.get(linksOf(orders), { authorization: `Bearer ${CALLER_KEY}` });
  const line: Record<string, unknown> = JSON.parse(running.logLines.at(-1) ?? '{}');
  await running.stop();
  const [server] = collector.spans.filter(({ kind }) => kind === KIND.server);
  const nanoseconds = BigInt(server?.endTimeUnixNano ?? 0) - BigInt(server?.startTimeUnixNano ?? 0);
  const lastedMs = Number(nanoseconds) / 1_000_000;
  expect(lastedMs).toBeGreaterThanOrEqual(Math.floor(Number(line['durationMs'])));
  expect(lastedMs).toBeLessThan(Number(line['durationMs']) + 50);
});

describe('a collector in trouble does not delay an answer or the shutdown', () => {
  const troubles: readonly [string, () => Promise<string>][] = [
    ['hangs', () => listen(createServer(() => undefined))],
    ['answers 400', () => listen(createServer((_request, response) => response.writeHead(400).end()))],
    ['is not there', async () => 'http://127.0.0.1:1'],
  ];

  test.each(troubles)(
    'that %s',
    async (_name, start) => {
      const running = await traced(await start());
      const replies = await Promise.all(
        Array.from({ length: 700 }, (_none, index) =>
          running.get(linksOf(orders, `?pageNum=${(index % 3) + 1}`)),
        ),
      );
      expect(replies.every(({ status }) => status === 200)).toBe(true);
      const startedAt = performance.now();
      await running.stop();
      expect(performance.now() - startedAt).toBeLessThan(4_000);
    },
    15_000,
  );

  test('is reported in a log line once', async () => {
    const running = await traced(
      await listen(createServer((_request, response) => response.writeHead(400).end())),
    );
    for (let times = 0; times < 3; times++) await running.get(linksOf(orders));
    await running.stop();
    const lines = running.logLines
      .map((line) => JSON.parse(line))
      .filter(({ msg }) => msg === 'trace export');
    expect(lines).toEqual([expect.objectContaining({ level: 'warn', outcome: 'failed' })]);
  });
});
