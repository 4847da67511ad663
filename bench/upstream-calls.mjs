// Counts the upstream calls per thousand requests through the gateway, and through nginx with a cache keyed by URL.
// Each runs in front of a simulated Atlas, with the same freshness lifetime.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { compose } from '../dist/compose/gateway.js';
import { configSchema } from '../dist/config/schema.js';
import { createSystemClock } from '../dist/lib/clock.js';
import { createSystemRandom } from '../dist/lib/random.js';
import { createSimulator } from '../dist/simulator/server.js';
import { SAMPLE_CREDENTIALS } from '../dist/simulator/world.js';
import { readOptions } from './lib/options.mjs';
import { createReport } from './lib/report.mjs';
import { table } from './lib/table.mjs';

const options = readOptions(
  'usage: npm run bench:upstream -- [flags]\n  --seconds N  of each workload (60)',
  {
    seconds: { type: 'string' },
  },
);
const report = createReport(options);
const SECONDS = Number(options.seconds ?? (options.short ? 1 : 60));
const FRESH_SECONDS = 30;
const REQUESTS_PER_SECOND = 100;
const PROJECTS = 20;
const NGINX_PORT = 18_099;

const clock = createSystemClock();
const random = createSystemRandom();
const agent = new Agent({ keepAlive: true });
const { clientId, clientSecret } = SAMPLE_CREDENTIALS.serviceAccount;

/** A seeded generator (mulberry32), so that every run makes the same choices. */
function createChoices(seed) {
  let state = seed;
  return (count) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % count;
  };
}

const projects = Array.from({ length: PROJECTS }, (_none, index) => ({
  id: `b${String(index).padStart(23, '0')}`,
  name: `bench-${index}`,
  orgId: '5f0a1b2c3d4e5f6071829301',
  connections: (index * 83) % 1_500,
  visible: true,
}));

/** Typical requests of a company: Go SDK, curl, MCP server, dashboards with various page sizes, tools that cannot read headers. */
const SHAPES = [
  () => ['2023-02-01', '?itemsPerPage=100&pageNum=1'],
  () => ['2023-02-01', '?itemsPerPage=100&pageNum=2'],
  () => ['2023-10-01', '?pretty=true'],
  () => ['2025-03-12', ''],
  (choose) => ['2023-02-01', `?itemsPerPage=${1 + choose(500)}`],
  (choose) => ['2023-02-01', `?pageNum=${1 + choose(3)}&itemsPerPage=${[10, 20, 50, 200, 500][choose(5)]}`],
  (choose) => ['2023-10-01', `?pretty=true&itemsPerPage=${[25, 250][choose(2)]}`],
  () => ['2023-02-01', '?envelope=true'],
];

function get(origin, path, headers) {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, headers, agent }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode));
    })
      .on('error', reject)
      .end();
  });
}

async function startSimulator() {
  const simulator = createSimulator({ projects: [...projects, ...refreshed] }, { clock, random });
  return { simulator, origin: await simulator.listen(0) };
}

async function startGateway() {
  const { simulator, origin: atlas } = await startSimulator();
  const config = configSchema.parse({
    listen: { port: 0 },
    admin: { port: 0 },
    upstream: { origin: atlas },
    credentials: [
      { name: 'bench', serviceAccount: { clientId: { env: 'ID' }, clientSecret: { env: 'SECRET' } } },
    ],
    anonymous: { projects: 'all', operations: ['lists', 'reads'] },
    cache: { fresh: `${FRESH_SECONDS}s`, staleWhileRevalidate: '0s' },
  });
  const secretOf = ({ env }) => (env === 'ID' ? clientId : clientSecret);
  const log = { destination: { write() {} }, people: false, colorize: false };
  const gateway = compose(
    { config, secretOf, build: { version: 'bench', node: process.version }, log },
    { clock, random },
  );
  const { publicOrigin } = await gateway.start();
  return {
    simulator,
    origin: publicOrigin,
    stop: () => gateway.stop({ immediate: true }).then(() => simulator.close()),
  };
}

async function startNginx() {
  const { simulator, origin: atlas } = await startSimulator();
  const answer = await fetch(`${atlas}/api/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  const { access_token: token } = await answer.json();
  const folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-bench-'));
  writeFileSync(
    join(folder, 'nginx.conf'),
    `user ${userInfo().username}; daemon off; pid ${folder}/pid; error_log stderr crit; worker_processes 1;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b; fastcgi_temp_path ${folder}/c; uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e;
  proxy_cache_path ${folder}/cache keys_zone=lists:10m max_size=64m;
  server {
    listen 127.0.0.1:${NGINX_PORT};
    location / {
      proxy_pass ${atlas};
      proxy_set_header Authorization "Bearer ${token}";
      proxy_cache lists;
      proxy_cache_key "$request_uri $http_accept";
      proxy_cache_valid 200 ${FRESH_SECONDS}s;
      proxy_cache_lock on;
    }
  }
}
`,
  );
  const nginx = spawn('nginx', ['-c', join(folder, 'nginx.conf'), '-e', 'stderr'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  nginx.on('error', () => {
    process.stderr.write('nginx is not installed; it is what the gateway is compared with\n');
    process.exit(1);
  });
  const origin = `http://127.0.0.1:${NGINX_PORT}`;
  for (let tries = 0; ; tries++) {
    try {
      await get(origin, '/', {});
      break;
    } catch (error) {
      if (tries > 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  const stop = async () => {
    nginx.kill('SIGTERM');
    await new Promise((resolve) => nginx.on('close', resolve));
    await simulator.close();
    rmSync(folder, { recursive: true });
  };
  return { simulator, origin, stop };
}

/** Requests and upstream calls of a run. */
async function run(name, { simulator, origin, stop }) {
  const choose = createChoices(1);
  simulator.clearRequests();
  const pending = [];
  const statuses = new Map();
  const total = SECONDS * REQUESTS_PER_SECOND;
  const startedAt = clock.now();
  for (let index = 0; index < total; index++) {
    const dueMs = (index * 1_000) / REQUESTS_PER_SECOND - (clock.now() - startedAt);
    if (dueMs > 1) await new Promise((resolve) => setTimeout(resolve, dueMs));
    const [version, query] = SHAPES[choose(SHAPES.length)](choose);
    const path = `/api/atlas/v2/groups/${projects[choose(PROJECTS)].id}/streams/privateLinkConnections${query}`;
    pending.push(
      get(origin, path, { accept: `application/vnd.atlas.${version}+json` }).then((status) =>
        statuses.set(status, (statuses.get(status) ?? 0) + 1),
      ),
    );
    if (process.stderr.isTTY && index % REQUESTS_PER_SECOND === 0)
      process.stderr.write(`\r${name}: ${index} of ${total}`);
  }
  await Promise.all(pending);
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  const calls = simulator.requests.filter(({ target }) => target.startsWith('/api/atlas/')).length;
  await stop();
  if (statuses.size !== 1 || !statuses.has(200))
    process.stderr.write(`${name}: not all answers were 200: ${JSON.stringify([...statuses])}\n`);
  return { name, requests: total, calls };
}

/** One list and fifty of its elements, as Terraform refreshes the resources of a project. */
const ELEMENTS = 50;
const refreshed = projects.map((project, index) => ({
  ...project,
  id: `c${String(index).padStart(23, '0')}`,
  connections: ELEMENTS,
}));

function getJson(origin, path, headers) {
  return fetch(`${origin}${path}`, { headers }).then((response) => response.json());
}

/** Upstream calls per project of two refreshes in a row. */
async function refreshTwice(name, { simulator, origin, stop }) {
  const headers = { accept: 'application/vnd.atlas.2023-02-01+json' };
  const statuses = new Map();
  simulator.clearRequests();
  for (let time = 0; time < 2; time++)
    for (const { id } of refreshed) {
      const list = `/api/atlas/v2/groups/${id}/streams/privateLinkConnections`;
      const { results } = await getJson(origin, list, headers);
      for (const { _id: element } of results) {
        const status = await get(origin, `${list}/${element}`, headers);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    }
  const calls = simulator.requests.filter(({ target }) => target.startsWith('/api/atlas/')).length;
  await stop();
  if (statuses.get(200) !== 2 * PROJECTS * ELEMENTS)
    process.stderr.write(
      `${name}: not all elements were answered with 200: ${JSON.stringify([...statuses])}\n`,
    );
  return { name, requests: 2 * PROJECTS * (ELEMENTS + 1), calls };
}

const results = [
  await run('atlas-gateway', await startGateway()),
  await run('nginx, keyed on the URL', await startNginx()),
];
const refreshes = [
  await refreshTwice('atlas-gateway', await startGateway()),
  await refreshTwice('nginx, keyed on the URL', await startNginx()),
];
agent.destroy();
const perThousand = ({ calls, requests }) => (calls * 1_000) / requests;
report.printSetup(
  'upstream-setup',
  `${PROJECTS} projects, ${SHAPES.length} kinds of request, ${SECONDS} seconds at ${REQUESTS_PER_SECOND} requests a second, fresh for ${FRESH_SECONDS} seconds; then two refreshes of a list and ${ELEMENTS} of its elements in each of ${PROJECTS} projects.`,
);
report.print(
  'upstream',
  table(
    ['in front of Atlas', 'workload', 'requests', 'calls to Atlas', 'calls per thousand requests'],
    [
      ...results.map((one) => ({ ...one, workload: 'mixed pages' })),
      ...refreshes.map((one) => ({ ...one, workload: 'lists and their elements' })),
    ].map(({ name, workload, requests, calls }) => [
      name,
      workload,
      requests,
      calls,
      perThousand({ calls, requests }).toFixed(1),
    ]),
  ),
  'Calls to Atlas',
);
report.keep('upstream', { results, refreshes });
report.end();
