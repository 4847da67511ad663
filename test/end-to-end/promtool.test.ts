import { spawn, spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { ask, linksOf, startGateway } from '../support/running.ts';

const missing = spawnSync('promtool', ['--version']).error !== undefined;
if (missing)
  process.stderr.write('skipped: promtool is not installed, so the metrics are not checked with it\n');

test.skipIf(missing)('promtool finds nothing wrong with the metrics', async () => {
  const running = await startGateway();
  await running.get(linksOf(SAMPLE_PROJECTS.orders));
  await running.get(linksOf(SAMPLE_PROJECTS.hidden));
  const { text } = await ask(running.admin, '/metrics');
  await running.stop();
  const promtool = spawn('promtool', ['check', 'metrics']);
  let said = '';
  for (const stream of [promtool.stdout, promtool.stderr]) {
    stream.on('data', (chunk) => {
      said += chunk;
    });
  }
  promtool.stdin.end(text);
  const code = await new Promise((resolve) => promtool.on('close', resolve));
  // What is not ours is not ours to name: the Node process metrics of prom-client.
  const ours = said.split('\n').filter((line) => line.startsWith('atlas_'));
  expect(ours).toEqual([]);
  expect([0, 3]).toContain(code);
});
