import { expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { ask, linksOf, startGateway } from '../support/running.ts';

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
      .filter((line) => line.startsWith(`atlas_gateway_request_duration_seconds_bucket{${labels}`))
      .map((line) => Number(line.split(' ').at(-1)));
  const hits = bucketsOf(`operation="${operation}",cache="hit"`);
  expect(hits.length).toBeGreaterThan(10);
  expect(hits).toEqual([...hits].sort((a, b) => a - b));
  expect(hits.at(-1)).toBe(2);
  expect(text).toContain(
    `atlas_gateway_request_duration_seconds_count{operation="${operation}",cache="hit"} 2`,
  );
});

test('the wait for a connection to Atlas is measured by class, and the queue is exported', async () => {
  const running = await startGateway();
  await running.get(linksOf(SAMPLE_PROJECTS.orders));
  const { text } = await ask(running.admin, '/metrics');
  await running.stop();
  expect(text).toContain('atlas_gateway_upstream_queue_seconds_count{class="first-page"} 1');
  expect(text).toContain('atlas_gateway_upstream_queued 0');
});
