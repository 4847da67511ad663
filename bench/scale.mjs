// Measures upstream calls and hit latency with 1, 2 and 4 gateway processes on the same workload, with separate caches and with a shared
// tier. A simulated Atlas counts the requests. Requires redis-server.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSystemClock } from '../dist/lib/clock.js';
import { createSystemRandom } from '../dist/lib/random.js';
import { createSimulator } from '../dist/simulator/server.js';
import { SAMPLE_CREDENTIALS } from '../dist/simulator/world.js';
import { readOptions } from './lib/options.mjs';
import { createReport } from './lib/report.mjs';
import { table } from './lib/table.mjs';

const options = readOptions('usage: npm run bench:scale -- [flags]\n  --seconds N  of each workload (10)', {
  seconds: { type: 'string' },
});
const report = createReport(options);
const SECONDS = Number(options.seconds ?? (options.short ? 1 : 10));
const GATEWAYS = options.short ? [1, 2] : [1, 2, 4];
const FRESH_SECONDS = 3;
const REQUESTS_PER_SECOND = 200;
const PROJECTS = 20;
const ACCEPT = 'application/vnd.atlas.2023-02-01+json';

const { clientId, clientSecret } = SAMPLE_CREDENTIALS.serviceAccount;
const projects = Array.from({ length: PROJECTS }, (_none, index) => ({
  id: `c${String(index).padStart(23, '0')}`,
  name: `scale-${index}`,
  orgId: '5f0a1b2c3d4e5f6071829301',
  connections: (index * 83) % 1_500,
  visible: true,
}));
const agent = new Agent({ keepAlive: true });
const folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-scale-'));

function get(target) {
  return new Promise((resolve, reject) => {
    const asked = request(target, { headers: { accept: ACCEPT }, agent }, (response) => {
      response.resume();
      response.on('end', () =>
        resolve({ status: response.statusCode, cacheStatus: response.headers['cache-status'] ?? '' }),
      );
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end();
  });
}

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** Resolves to the output of a process once it matches `pattern`. */
const waitFor = (child, pattern) =>
  new Promise((resolve, reject) => {
    let told = '';
    child.on('error', reject);
    child.stdout.on('data', (chunk) => {
      if (told.length < 10_000) told += chunk;
      if (pattern.test(told)) resolve(told);
    });
  });

async function startGateway(atlas, redisPort) {
  const path = join(folder, 'gateway.yaml');
  const shared = `  shared: { url: { env: REDIS_URL }, encryptionKey: { env: KEY } }\n`;
  writeFileSync(
    path,
    `listen: { port: 0, publicUrl: 'http://gateway.bench' }
admin: { port: 0 }
upstream: { origin: '${atlas}' }
credentials:
  - name: bench
    serviceAccount: { clientId: { env: ID }, clientSecret: { env: SECRET } }
anonymous: { projects: all, organizations: all }
cache:
  fresh: ${FRESH_SECONDS}s
${redisPort === undefined ? '' : shared}`,
  );
  const env = {
    PATH: process.env.PATH,
    ID: clientId,
    SECRET: clientSecret,
    REDIS_URL: `redis://127.0.0.1:${redisPort}`,
    KEY: 'a key that only this measurement encrypts with',
  };
  const child = spawn(process.execPath, ['bin/atlas-gateway.js', 'serve', '--config', path], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const told = await waitFor(child, /listening on/);
  return { child, origin: told.match(/http:\/\/[\d.:]+/)[0] };
}

async function startRedis() {
  const port = await freePort();
  const child = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await waitFor(child, /Ready to accept connections/);
  return { child, port };
}

const stop = ({ child }, signal = 'SIGTERM') =>
  new Promise((resolve) => {
    child.on('close', resolve);
    child.kill(signal);
  });

const part = (numbers, share) =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length * share)] ?? Number.NaN;

async function measure(count, withTier) {
  const simulator = createSimulator(
    { projects },
    { clock: createSystemClock(), random: createSystemRandom() },
  );
  const atlas = await simulator.listen(0);
  const redis = withTier ? await startRedis() : undefined;
  const gateways = [];
  for (let index = 0; index < count; index++) gateways.push(await startGateway(atlas, redis?.port));
  simulator.clearRequests();
  const hits = [];
  const others = new Set();
  const under = [];
  const begunAt = performance.now();
  // Open loop at a fixed rate, independent of the response times, so that more gateways share the same number of requests.
  for (let sent = 0; sent < SECONDS * REQUESTS_PER_SECOND; sent++) {
    const waitMs = begunAt + (sent * 1_000) / REQUESTS_PER_SECOND - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const { origin } = gateways[sent % count];
    const { id } = projects[Math.floor(sent / count) % PROJECTS];
    const sentAt = performance.now();
    under.push(
      get(`${origin}/api/atlas/v2/groups/${id}/streams/privateLinkConnections?itemsPerPage=100`).then(
        ({ status, cacheStatus }) => {
          if (status !== 200) others.add(status);
          if (cacheStatus.includes('; hit;')) hits.push(performance.now() - sentAt);
        },
      ),
    );
  }
  await Promise.all(under);
  const calls = simulator.requests.filter(({ target }) => target.startsWith('/api/atlas/')).length;
  const tokens = simulator.requests.filter(({ target }) => target === '/api/oauth/token').length;
  for (const gateway of gateways) await stop(gateway);
  if (redis !== undefined) await stop(redis);
  await simulator.close();
  return { count, withTier, calls, tokens, hits, others };
}

const rows = [];
for (const withTier of [false, true]) for (const count of GATEWAYS) rows.push(await measure(count, withTier));
agent.destroy();
rmSync(folder, { recursive: true });

report.printSetup(
  'scale-setup',
  `${PROJECTS} projects, ${SECONDS} seconds at ${REQUESTS_PER_SECOND} requests a second in all, fresh for ${FRESH_SECONDS} seconds.`,
);
report.print(
  'scale',
  table(
    ['gateways', 'shared tier', 'calls to Atlas', 'tokens', 'hits', 'p50 of a hit, ms', 'p99, ms'],
    rows.map(({ count, withTier, calls, tokens, hits }) => [
      count,
      withTier ? 'yes' : 'no',
      calls,
      tokens,
      hits.length,
      part(hits, 0.5).toFixed(2),
      part(hits, 0.99).toFixed(2),
    ]),
  ),
  'Several gateways',
);
report.end();
const wrong = new Set(rows.flatMap(({ others }) => [...others]));
if (wrong.size > 0) report.tell(`Not all answers were 200: ${[...wrong].join(', ')}`);
process.exitCode = wrong.size > 0 ? 1 : 0;
