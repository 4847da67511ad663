import { expect, test } from 'vitest';
import { ask, linksOf, startGateway } from '../support/running.ts';

test('what projects hold is told of the fifty that hold most, by their ids', async () => {
  const projects = Array.from({ length: 60 }, (_none, index) => ({
    id: `64b7c0ffee00000000b${index.toString(16).padStart(5, '0')}`,
    name: `project-${index}`,
    orgId: '5f0a1b2c3d4e5f6071829301',
    connections: index,
    visible: true,
  }));
  const running = await startGateway({ simulator: { projects } });
  // A list across projects belongs to none.
  await running.get('/api/atlas/v2/groups');
  await Promise.all(projects.map((project) => running.get(linksOf(project))));
  const { text } = await ask(running.admin, '/metrics');
  await running.stop();
  const told = (metric: string) =>
    new Map(
      [...text.matchAll(new RegExp(`^${metric}\\{project="([^"]+)"\\} (\\d+)$`, 'gm'))].map(
        ([, id, value]) => [id, Number(value)],
      ),
    );
  const bytes = told('atlas_gateway_cache_project_bytes');
  expect([...bytes.keys()]).toEqual(
    projects
      .slice(10)
      .map(({ id }) => id)
      .reverse(),
  );
  expect([...bytes.values()].every((value) => value > 0)).toBe(true);
  expect([...told('atlas_gateway_cache_project_listings').values()]).toEqual(Array(50).fill(1));
});
