import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import type { LogEvent } from '../../src/observability/log.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { isInstalled } from '../support/prometheus.ts';
import { ask, CALLER_KEY, linksOf, startGateway } from '../support/running.ts';

test('cache usage is exported for the fifty largest projects, by id', async () => {
  const projects = Array.from({ length: 60 }, (_none, index) => ({
    id: `64b7c0ffee00000000b${index.toString(16).padStart(5, '0')}`,
    name: `project-${index}`,
    orgId: '5f0a1b2c3d4e5f6071829301',
    connections: index,
    visible: true,
  }));
  const running = await startGateway({ simulator: { projects } });
  // Lists across projects have no project id.
  await running.get('/api/atlas/v2/groups');
  await Promise.all(projects.map((project) => running.get(linksOf(project))));
  const { text } = await ask(running.admin, '/metrics');
  await running.stop();
  const valuesOf = (metric: string) =>
    new Map(
      [...text.matchAll(new RegExp(`^${metric}\\{project="([^"]+)"\\} (\\d+)$`, 'gm'))].map(
        ([, id, value]) => [id, Number(value)],
      ),
    );
  const bytes = valuesOf('atlas_gateway_cache_project_bytes');
  expect([...bytes.keys()]).toEqual(
    projects
      .slice(10)
      .map(({ id }) => id)
      .reverse(),
  );
  expect([...bytes.values()].every((value) => value > 0)).toBe(true);
  expect([...valuesOf('atlas_gateway_cache_project_listings').values()]).toEqual(Array(50).fill(1));
});

test('requests are counted by operation, caller, status and outcome, and their durations in cumulative buckets', async () => {
  const running = await startGateway();
  for (let times = 0; times < 3; times++) await running.get(linksOf(SAMPLE_PROJECTS.orders));
  await running.get('/api/atlas/v2/nothing');
  const { text } = await ask(running.admin, '/metrics');
  await running.stop();
  const operation = 'listGroupStreamPrivateLinkConnections';
  const counts = text.split('\n').filter((line) => line.startsWith('atlas_gateway_requests_total'));
  expect(counts.sort()).toEqual([
    `atlas_gateway_requests_total{operation="${operation}",caller="anonymous",code="200",cache="hit"} 2`,
    `atlas_gateway_requests_total{operation="${operation}",caller="anonymous",code="200",cache="miss"} 1`,
    'atlas_gateway_requests_total{operation="none",caller="anonymous",code="501",cache="none"} 1',
  ]);
  const bucketsOf = (labels: string) =>
    text
      .split('\n')
      .filter(
        (line) =>
          line.startsWith('atlas_gateway_request_duration_seconds_bucket{') && line.includes(`${labels}}`),
      )
      .map((line) => Number(line.split(' ').at(-1)));
  const hits = bucketsOf(`operation="${operation}",cache="hit"`);
  expect(hits.length).toBeGreaterThan(10);
  expect(hits).toEqual([...hits].sort((a, b) => a - b));
  expect(hits.at(-1)).toBe(2);
  expect(text).toContain(
    `atlas_gateway_request_duration_seconds_count{operation="${operation}",cache="hit"} 2`,
  );
});

describe('the text of a scrape', () => {
  const create = () =>
    createMetrics(
      {
        cacheBytes: () => 1_024,
        cacheListings: () => 1,
        cacheProjects: () => [{ project: SAMPLE_PROJECTS.orders.id, bytes: 1_024, entries: 1 }],
        requestedLists: () => [
          { project: SAMPLE_PROJECTS.orders.id, ageMs: 30_000, isOverdue: false },
          { project: SAMPLE_PROJECTS.orders.id, ageMs: 400_500, isOverdue: true },
        ],
        wall: () => 1_790_000_000_500,
        inFlight: () => 1,
        inFlightLimit: 100,
        logLinesDropped: () => 3,
        cacheLimitBytes: 4_096,
        budget: () => [{ credential: 'main', endpointSet: 'clusters', remaining: 1.5, capacity: 10 }],
        sharedConnected: () => true,
        upstreamQueued: () => 2,
        loads: () => ({ waiting: 1, loading: 4 }),
        coolingDown: () => ({ list: 3, page: 1 }),
        circuits: () => [{ credential: 'main', open: true }],
        expiries: () => [{ name: 'main', expiresAt: 1_800_000_000_000 }],
        privateLinks: () => [
          { project: 'p', provider: 'aws', vendor: 'say "s3"', state: 'DONE', connections: 2 },
        ],
      },
      { version: '0.0.0', node: 'v20.19.0' },
    );
  const request = {
    type: 'answered',
    requestId: 'r-1',
    traceId: undefined,
    clientIp: undefined,
    userAgent: undefined,
    method: 'GET',
    caller: 'team-orders',
    path: undefined,
    operation: 'listGroupClusters',
    project: undefined,
    status: 200,
    cache: 'hit',
    endedAt: 0,
    durationMs: 3,
    bytes: 10,
    upstreamCalls: 0,
    errorCode: undefined,
    reason: undefined,
  } as const;
  const events: readonly LogEvent[] = [
    request,
    { ...request, caller: undefined, operation: undefined, status: 501, cache: 'none' },
    { type: 'partial-response', operation: 'listGroupClusters' },
    { type: 'evicted', reason: 'capacity' },
    {
      type: 'upstream-exchange',
      operation: 'listGroupClusters',
      credential: 'main',
      code: '200',
      durationMs: 7,
    },
    {
      type: 'upstream-exchange',
      operation: 'listGroupClusters',
      credential: 'backup',
      code: 'UPSTREAM_TIMEOUT',
      durationMs: 10_000,
    },
    {
      type: 'caller-call',
      caller: 'team-orders',
      operation: 'listGroupClusters',
      endpointSet: 'clusters',
    },
    { type: 'trace-export', outcome: 'failed', spans: 12 },
    { ...request, status: 502, errorCode: 'UPSTREAM_FAILED', cache: 'miss' },
    { ...request, status: 504, errorCode: 'NOT_CACHED', cache: 'none' },
    { type: 'credential-renewal', credential: 'main', outcome: 'renewed' },
    { type: 'config-reload', outcome: 'applied', problems: [] },
    { type: 'shared-exchange', operation: 'read', outcome: 'hit', durationMs: 1 },
    { type: 'upstream-retry', reason: 'timeout' },
    { type: 'upstream-queued', loadClass: 'first-page', queuedMs: 3 },
    { type: 'deprecated', operation: 'listGroupClusters', caller: 'team-orders', version: '2023-01-01' },
  ];
  test('what alerts count exists at 0, so that they see the first failure', async () => {
    const { text } = await create().scrape('prometheus');
    const lines = text.split('\n');
    for (const outcome of ['renewed', 'refused', 'failed', 'rotated', 'kept'])
      expect(lines).toContain(
        `atlas_gateway_credential_renewals_total{credential="main",outcome="${outcome}"} 0`,
      );
    for (const code of [500, 502, 503, 504])
      expect(lines).toContain(`atlas_gateway_request_errors_total{code="${code}"} 0`);
  });

  async function scrape() {
    const metrics = create();
    for (const event of events) metrics.observe(event);
    return (await metrics.scrape('prometheus')).text;
  }

  test.skipIf(!isInstalled('promtool', 'the text of a scrape is not checked with it'))(
    'has no fault that promtool finds',
    async () => {
      const { stdout, stderr, status } = spawnSync('promtool', ['check', 'metrics'], {
        input: await scrape(),
        encoding: 'utf8',
      });
      expect([status, `${stdout}${stderr}`]).toEqual([0, '']);
    },
  );

  test('is OpenMetrics on demand: no counter keeps its suffix but in its samples, and an end mark', async () => {
    const metrics = create();
    for (const event of events) metrics.observe(event);
    const { text: before } = await metrics.scrape('prometheus');
    const { contentType, text } = await metrics.scrape('openmetrics');
    expect(contentType).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    const lines = text.split('\n');
    expect(lines.slice(-2)).toEqual(['# EOF', '']);
    expect(lines.slice(0, -1)).not.toContain('');
    expect(lines).toContain('# TYPE atlas_gateway_requests counter');
    expect(lines).toContain('# TYPE atlas_gateway_cache_bytes gauge');
    expect(lines.filter((line) => /^# TYPE \S+_total /.test(line))).toEqual([]);
    const samplesOf = (scraped: string) => scraped.split('\n').filter((line) => line.startsWith('atlas_'));
    expect(samplesOf(text)).toEqual(samplesOf(before));
  });

  test('is the same for a second scrape', async () => {
    const metrics = create();
    for (const event of events) metrics.observe(event);
    const ours = async () =>
      (await metrics.scrape('prometheus')).text.split('\n').filter((line) => line.startsWith('atlas_'));
    expect(await ours()).toEqual(await ours());
  });

  test('counts each request once, under labels from configuration and catalog', async () => {
    const text = await scrape();
    for (const line of [
      'atlas_gateway_requests_total{operation="listGroupClusters",caller="team-orders",code="200",cache="hit"} 1',
      'atlas_gateway_requests_total{operation="none",caller="none",code="501",cache="none"} 1',
      'atlas_gateway_request_duration_seconds_bucket{le="0.0025",operation="listGroupClusters",cache="hit"} 0',
      'atlas_gateway_request_duration_seconds_bucket{le="0.005",operation="listGroupClusters",cache="hit"} 1',
      'atlas_gateway_request_duration_seconds_sum{operation="listGroupClusters",cache="hit"} 0.003',
      'atlas_gateway_log_lines_dropped_total 3',
      'atlas_gateway_loads{state="waiting"} 1',
      'atlas_gateway_loads{state="loading"} 4',
      'atlas_gateway_partial_responses_total{operation="listGroupClusters"} 1',
      'atlas_gateway_cooling_down{kind="list"} 3',
      'atlas_gateway_cooling_down{kind="page"} 1',
      'atlas_gateway_request_errors_total{code="502"} 1',
      'atlas_gateway_request_errors_total{code="504"} 0',
      `atlas_gateway_cache_oldest_age_seconds{project="${SAMPLE_PROJECTS.orders.id}"} 400.5`,
      'atlas_gateway_cache_overdue_listings 1',
      'atlas_gateway_caller_upstream_requests_total{caller="team-orders",operation="listGroupClusters"} 1',
      'atlas_gateway_operation_info{operation="listGroupClusters",endpoint_set="clusters"} 1',
      'atlas_gateway_upstream_last_success_timestamp_seconds{credential="main"} 1790000000.5',
      'atlas_gateway_upstream_request_duration_seconds_count{operation="listGroupClusters",credential="main",outcome="success"} 1',
      'atlas_gateway_upstream_request_duration_seconds_count{operation="listGroupClusters",credential="backup",outcome="timeout"} 1',
      'atlas_gateway_trace_spans_total{outcome="failed"} 12',
      'atlas_gateway_trace_spans_total{outcome="sent"} 0',
    ])
      expect(text.split('\n')).toContain(line);
  });
});

test('the wait for a connection to Atlas is measured by class, and the queue is exported', async () => {
  const running = await startGateway();
  await running.get(linksOf(SAMPLE_PROJECTS.orders));
  const { text } = await ask(running.admin, '/metrics');
  await running.stop();
  expect(text).toContain('atlas_gateway_upstream_queue_seconds_count{class="first-page"} 1');
  for (const other of ['walk', 'new-walk', 'background'])
    expect(text).toContain(`atlas_gateway_upstream_queue_seconds_count{class="${other}"} 0`);
  expect(text).toContain('atlas_gateway_upstream_queued 0');
  for (const state of ['waiting', 'loading'])
    expect(text).toContain(`atlas_gateway_loads{state="${state}"} 0`);
  expect(text).toContain(
    'atlas_gateway_partial_responses_total{operation="listGroupStreamPrivateLinkConnections"} 0',
  );
});

test.each([
  [undefined, 'text/plain'],
  ['*/*', 'text/plain'],
  ['text/html', 'text/plain'],
  ['application/openmetrics-text', 'application/openmetrics-text'],
  [
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.4,*/*;q=0.1',
    'application/openmetrics-text',
  ],
  ['text/plain;q=0.9,application/openmetrics-text;q=0.1', 'text/plain'],
])('a scrape that accepts %s gets %s', async (accept, type) => {
  const running = await startGateway();
  const { headers } = await ask(running.admin, '/metrics', {
    headers: accept === undefined ? {} : { accept },
  });
  await running.stop();
  expect(headers['content-type']?.split(';')[0]).toBe(type);
  expect(headers['vary']).toContain('Accept');
});

test('calls are counted by the caller that caused them, and contact with Atlas by credential', async () => {
  const running = await startGateway();
  await running.get(linksOf(SAMPLE_PROJECTS.orders), { authorization: `Bearer ${CALLER_KEY}` });
  await running.get(linksOf(SAMPLE_PROJECTS.search));
  await running.get(linksOf(SAMPLE_PROJECTS.search));
  const { text } = await ask(running.admin, '/metrics');
  await running.stop();
  const operation = 'listGroupStreamPrivateLinkConnections';
  const lines = text.split('\n');
  for (const caller of ['team-orders', 'anonymous'])
    expect(lines).toContain(
      `atlas_gateway_caller_upstream_requests_total{caller="${caller}",operation="${operation}"} 1`,
    );
  const [, at] =
    /^atlas_gateway_upstream_last_success_timestamp_seconds\{credential="sample"\} (\S+)$/m.exec(text) ?? [];
  expect(Math.abs(Number(at) - Date.now() / 1_000)).toBeLessThan(60);
  expect(lines).toContain('atlas_gateway_cache_overdue_listings 0');
});
