import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { Agent, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { builtConfiguration, makeFolder, removeFolders, serveBuilt } from '../support/built.ts';
import { createFakeClock, settled } from '../support/fake-clock.ts';
import { ACCEPT, ask, json, linksOf, startGateway, startSimulator } from '../support/running.ts';
import { isRunnableByAll } from '../support/shell.ts';

const { orders, payments, single } = SAMPLE_PROJECTS;
const HEADERS = { accept: ACCEPT };

afterAll(removeFolders);

test('66: more concurrent requests than allowed → 503 OVERLOADED with Retry-After; hits and probes are answered', async () => {
  const clock = createFakeClock();
  const running = await startGateway({ clock, config: { listen: { port: 0, maxInFlight: 20 } } });
  await running.get(linksOf(orders));
  running.simulator.faults.add({ target: 'privateLink', wire: 'hang' });
  const waiting = Array.from({ length: 20 }, () => running.get(linksOf(single)));
  await expect
    .poll(async () => JSON.parse((await ask(running.admin, '/status.json')).text).inFlight)
    .toBe(20);
  const refused = await running.get(linksOf(orders));
  expect([refused.status, json(refused).errorCode, refused.headers['retry-after']]).toEqual([
    503,
    'OVERLOADED',
    '1',
  ]);
  expect((await ask(running.admin, '/healthz')).status).toBe(200);
  expect((await ask(running.admin, '/readyz')).status).toBe(200);
  expect((await ask(running.admin, '/metrics')).text).toContain('atlas_gateway_requests_in_flight 20');
  const replies = await settled(clock, Promise.all(waiting), 200);
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([504]));
  expect((await running.get(linksOf(orders))).status).toBe(200);
  await running.stop();
});

test('67: SIGTERM under load → not ready, every request answered, exit 0', async () => {
  const { simulator, atlas } = await startSimulator();
  const built = await serveBuilt(builtConfiguration(atlas, 'drain: { delay: 1500ms, deadline: 5s }'));
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  let going = true;
  const results: (number | string)[] = [];
  const get = (path: string, kept: boolean) =>
    new Promise<number | string>((resolve) => {
      const { hostname, port } = new URL(built.origin);
      const asked = httpRequest(
        { hostname, port, path, headers: HEADERS, agent: kept ? agent : false },
        (reply) => {
          reply.resume();
          reply.on('end', () => resolve(reply.statusCode ?? 0));
          reply.on('error', ({ message }) => resolve(message));
        },
      );
      asked.on('error', ({ message }) => resolve(message));
      asked.end();
    });
  const clients = Array.from({ length: 8 }, async (_none, index) => {
    while (going) results.push(await get(linksOf(index % 3 === 0 ? payments : orders), index % 2 === 0));
  });
  await expect.poll(() => results.length, { timeout: 10_000 }).toBeGreaterThan(50);
  simulator.faults.add({ target: single.id, delayMs: 1_200 });
  const slow = get(linksOf(single), true);
  await expect.poll(() => simulator.requests.length).toBeGreaterThan(2);
  built.child.kill('SIGTERM');
  await expect.poll(async () => (await ask(built.admin, '/readyz')).status).toBe(503);
  const last = await ask(built.origin, linksOf(orders), { headers: HEADERS });
  expect([last.status, last.headers['connection']]).toEqual([200, 'close']);
  // Load balancers have noticed and send no more requests.
  going = false;
  await Promise.all(clients);
  expect(new Set(results)).toEqual(new Set([200]));
  expect(await slow).toBe(200);
  expect(await built.ended).toBe(0);
  agent.destroy();
  await simulator.close();
});

test('68: SIGTERM while Atlas hangs → exit 0 at the deadline', async () => {
  const { simulator, atlas } = await startSimulator();
  const built = await serveBuilt(
    builtConfiguration(atlas, 'drain: { delay: 0s, deadline: 500ms }').replace('timeout: 2s', 'timeout: 60s'),
  );
  simulator.faults.add({ target: '', wire: 'hang' });
  const hanging = ask(built.origin, linksOf(orders), { headers: HEADERS }).catch(() => 'closed');
  await expect.poll(() => simulator.requests.length).toBe(1);
  const before = performance.now();
  built.child.kill('SIGTERM');
  expect(await built.ended).toBe(0);
  expect(performance.now() - before).toBeLessThan(5_000);
  expect(await hanging).toBe('closed');
  await simulator.close();
});

test('68: a second signal → immediate exit 1', async () => {
  const { simulator, atlas } = await startSimulator();
  const built = await serveBuilt(builtConfiguration(atlas, 'drain: { delay: 60s, deadline: 60s }'));
  built.child.kill('SIGTERM');
  await expect.poll(async () => (await ask(built.admin, '/readyz')).status).toBe(503);
  built.child.kill('SIGTERM');
  expect(await built.ended).toBe(1);
  await simulator.close();
});

test('69: an invalid configuration → exit 2 with file, line and remedy', () => {
  const path = join(makeFolder(), 'gateway.yaml');
  writeFileSync(path, 'listen: { port: 0 }\ncredentials: []\ncache:\n  maxBytes: 64MBs\n');
  const { status, stderr } = spawnSync(
    process.execPath,
    ['bin/atlas-gateway.js', 'serve', '--config', path],
    {
      env: {},
    },
  );
  expect(status).toBe(2);
  expect(stderr.toString()).toContain(
    `gateway.yaml:4 cache.maxBytes: '64MBs' is not a valid size; use e.g. 64MiB or 67108864`,
  );
});

test('70: a port that is in use → exit 1 and a message that names the setting', async () => {
  const { simulator, atlas } = await startSimulator();
  const path = join(makeFolder(), 'gateway.yaml');
  writeFileSync(
    path,
    builtConfiguration(atlas).replace('listen: { port: 0 }', `listen: { port: ${new URL(atlas).port} }`),
  );
  const child = spawn(process.execPath, ['bin/atlas-gateway.js', 'serve', '--config', path], {
    env: { ID: 'a', SECRET: 'a-secret-of-22-letters' },
  });
  let told = '';
  child.stderr.on('data', (chunk) => {
    told += chunk;
  });
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(1);
  expect(told).toMatch(
    /Port \d+ on 127\.0\.0\.1 is in use: stop the process that listens there, or set listen\.port/,
  );
  await simulator.close();
});

/** Makes a tree read-only. */
function makeReadOnly(path: string): void {
  const { mode } = statSync(path);
  if (statSync(path).isDirectory()) for (const name of readdirSync(path)) makeReadOnly(join(path, name));
  chmodSync(path, mode & 0o555);
}

test('70: a read-only tree, another user id, a folder that cannot be written → runs', {
  timeout: 40_000,
}, async () => {
  const { simulator, atlas } = await startSimulator();
  const root = join(makeFolder(), 'image');
  chmodSync(join(root, '..'), 0o755);
  mkdirSync(root);
  for (const path of ['bin', 'package.json']) cpSync(path, join(root, path), { recursive: true });
  makeReadOnly(root);
  const built = await serveBuilt(builtConfiguration(atlas), {
    main: join(root, 'bin/atlas-gateway.js'),
    cwd: root,
    ...(process.getuid?.() === 0 && isRunnableByAll(process.execPath) ? { uid: 65_532 } : {}),
  });
  expect((await ask(built.origin, linksOf(orders), { headers: HEADERS })).status).toBe(200);
  built.child.kill('SIGINT');
  expect(await built.ended).toBe(0);
  spawnSync('chmod', ['-R', 'u+w', root]);
  await simulator.close();
});

test('73: a credential whose secret expires soon → a metric, and a daily log line', async () => {
  const clock = createFakeClock(Date.UTC(2026, 7, 10, 12));
  const credential = {
    name: 'sample',
    serviceAccount: { clientId: { env: 'ID' }, clientSecret: { env: 'SECRET' } },
    expires: '2026-08-15',
  };
  const running = await startGateway({ clock, config: { credentials: [credential] } });
  expect((await ask(running.admin, '/metrics')).text).toContain(
    `atlas_gateway_credential_expiry_timestamp_seconds{credential="sample"} ${Date.UTC(2026, 7, 15) / 1_000}`,
  );
  const told = () =>
    running.logLines
      .filter((line) => line.includes('ends soon'))
      .map((line) => {
        const { level, daysLeft } = JSON.parse(line);
        return [level, daysLeft];
      });
  expect(told()).toEqual([['warn', 4]]);
  await clock.advance(2 * 86_400_000);
  expect(told()).toEqual([
    ['warn', 4],
    ['error', 3],
    ['error', 2],
  ]);
  await running.stop();
});

test('74: a rate limit that runs low → freshness is extended, shown in Cache-Status, and the budget is a metric', async () => {
  const clock = createFakeClock();
  const limits = { streams: { capacity: 10, refill: 1, perMs: 60_000 } };
  const running = await startGateway({ clock, simulator: { limits } });
  await running.get(linksOf(orders));
  for (let index = 0; index < 8; index++) await running.get(linksOf(orders), { 'cache-control': 'no-cache' });
  expect((await ask(running.admin, '/metrics')).text).toContain(
    'atlas_gateway_upstream_budget_remaining{credential="sample",endpoint_set="streams"} 1',
  );
  const asked = running
    .upstream()
    .filter((target) => target.includes(orders.id) && !target.includes('rateLimits')).length;
  await clock.advance(40_000);
  const extendFreshness = await running.get(linksOf(orders));
  expect(extendFreshness.headers['cache-status']).toMatch(/^atlas-gateway; hit; ttl=\d+; detail=stretched$/);
  await clock.advance(80_000);
  // Later, the stale list is served, and no refresh uses the budget left for waiting requests.
  expect((await running.get(linksOf(orders))).headers['cache-status']).toMatch(/hit; ttl=-\d+$/);
  expect(
    running.upstream().filter((target) => target.includes(orders.id) && !target.includes('rateLimits')),
  ).toHaveLength(asked);
  await running.stop();
});

const noPromtool = spawnSync('promtool', ['--version']).error !== undefined;
if (noPromtool)
  process.stderr.write('skipped: promtool is not installed, so the metrics are not checked with it\n');

test.skipIf(noPromtool)(
  '71: the metrics after all kinds of faults → promtool finds no problems',
  async () => {
    const clock = createFakeClock();
    const running = await startGateway({ clock, config: { callers: [], anonymous: { projects: 'all' } } });
    await running.get(linksOf(orders));
    await running.get(linksOf(SAMPLE_PROJECTS.hidden));
    await running.get('/nowhere');
    await running.get(linksOf(orders), { authorization: 'Bearer nonsense' });
    for (const fault of [
      { status: 503 },
      { status: 429 },
      { wire: 'reset' as const },
      { status: 200, body: '<' },
    ]) {
      running.simulator.faults.clear();
      running.simulator.faults.add({ target: '', ...fault });
      await clock.advance(600_000);
      await settled(clock, running.get(linksOf(single)), 100);
    }
    const { text } = await ask(running.admin, '/metrics');
    await running.stop();
    const promtool = spawn('promtool', ['check', 'metrics']);
    let told = '';
    for (const stream of [promtool.stdout, promtool.stderr]) {
      stream.on('data', (chunk) => {
        told += chunk;
      });
    }
    promtool.stdin.end(text);
    const code = await new Promise((resolve) => promtool.on('close', resolve));
    // The gateway does not control the names of prom-client's Node.js process metrics.
    expect(told.split('\n').filter((line) => line.startsWith('atlas_'))).toEqual([]);
    expect([0, 3]).toContain(code);
  },
);
