import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { builtConfiguration, makeFolder, removeFolders, serveBuilt } from '../support/built.ts';
import { ACCEPT, ask, linksOf, startGateway, startSimulator } from '../support/running.ts';

const { orders } = SAMPLE_PROJECTS;
const HEADERS = { accept: ACCEPT };

/** A gateway in front of `atlas` that persists its lists in `folder`. */
const startWithFile = (atlas: string, folder: string, encryptionKey = 'k'.repeat(40)) =>
  startGateway({
    origin: atlas,
    files: { key: encryptionKey },
    config: { cache: { snapshot: { path: join(folder, 'cache'), encryptionKey: { file: 'key' } } } },
  });

afterAll(removeFolders);

test('72: a restart while Atlas is down → cached lists are served with their Age', async () => {
  const { simulator, atlas } = await startSimulator();
  const folder = makeFolder();
  writeFileSync(join(folder, 'key'), 'k'.repeat(40), { mode: 0o600 });
  const taken = await serveBuilt(builtConfiguration(atlas));
  const { port } = new URL(taken.origin);
  taken.child.kill('SIGINT');
  await taken.ended;
  const snapshot = `cache: { fresh: 1s, snapshot: { path: '${folder}/cache', encryptionKey: { file: '${folder}/key' } } }`;
  const configuration = builtConfiguration(atlas, snapshot).replace('port: 0', `port: ${port}`);
  const first = await serveBuilt(configuration);
  const before = await ask(first.origin, linksOf(orders), { headers: HEADERS });
  first.child.kill('SIGINT');
  expect(await first.ended).toBe(0);
  expect(statSync(join(folder, 'cache')).mode & 0o777).toBe(0o600);
  await simulator.close();
  const second = await serveBuilt(configuration);
  const after = await ask(second.origin, linksOf(orders), { headers: HEADERS });
  expect([after.status, after.text]).toEqual([200, before.text]);
  await expect.poll(() => second.output()).toContain('"outcome":"restored"');
  // A purge also removes lists from the file: after a kill right afterwards, they are not restored.
  await ask(second.admin, '/cache/purge', { method: 'POST', body: '{}' });
  second.child.kill('SIGKILL');
  await second.ended;
  const third = await serveBuilt(configuration);
  expect((await ask(third.origin, linksOf(orders), { headers: HEADERS })).status).toBe(502);
  third.child.kill('SIGINT');
  expect(await third.ended).toBe(0);
});

test.each([
  ['another key', 'x'.repeat(40), undefined],
  ['a damaged file', undefined, 'atlas-gateway cache 2\ndamaged, and long enough to be read as one of ours'],
  ['a file of something else', undefined, 'hello'],
])('72: %s → a warning, and an empty cache', async (_what, key, content) => {
  const { simulator, atlas } = await startSimulator();
  const folder = makeFolder();
  const first = await startWithFile(atlas, folder);
  await first.get(linksOf(orders));
  await first.stop();
  if (content !== undefined) writeFileSync(join(folder, 'cache'), content);
  const second = await startWithFile(atlas, folder, key);
  expect(second.logLines.join('')).toContain('"outcome":"not-read"');
  expect((await second.get(linksOf(orders))).headers['cache-status']).toContain('fwd=miss');
  await second.stop();
  await simulator.close();
});

test('72: a purge of one operation → its lists are not in the file either', async () => {
  const { simulator, atlas } = await startSimulator();
  const folder = makeFolder();
  const first = await startWithFile(atlas, folder);
  await first.get(linksOf(orders));
  const clusters = `/api/atlas/v2/groups/${orders.id}/clusters`;
  await first.get(clusters, { accept: 'application/vnd.atlas.2024-08-05+json' });
  const operation = 'listGroupStreamPrivateLinkConnections';
  await ask(first.admin, '/cache/purge', { method: 'POST', body: JSON.stringify({ operation }) });
  await first.stop();
  const second = await startWithFile(atlas, folder);
  expect(second.logLines.join('')).toContain('"outcome":"restored","listings":1');
  await second.stop();
  await simulator.close();
});
