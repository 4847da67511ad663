// Minutes of mixed load on the built gateway, while the simulated Atlas changes its lists and injects all its faults, secrets are rotated
// and caches purged. Every body is compared with the content of the simulated Atlas at the time the listing was loaded.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSystemClock } from '../dist/lib/clock.js';
import { createSystemRandom } from '../dist/lib/random.js';
import { createSimulator } from '../dist/simulator/server.js';
import { SAMPLE_CREDENTIALS } from '../dist/simulator/world.js';
import { readOptions } from './lib/options.mjs';
import { createReport } from './lib/report.mjs';
import { createSweeps } from './lib/sweeps.mjs';
import { table } from './lib/table.mjs';

const options = readOptions(
  `usage: npm run bench:soak -- [flags]
  --minutes N      (10)
  --weather NAME   a preset of docs/simulator.md (real)`,
  { minutes: { type: 'string' }, weather: { type: 'string', default: 'real' } },
);
const MINUTES = Number(options.minutes ?? (options.short ? 0.1 : 10));
const WEATHER = options.weather;
const CLIENTS = 24;
const PROJECTS = 40;
const SWEPT_PROJECTS = 3;
const SWEEPERS = 3;
/** A load may take up to `upstream.timeout`, and its content may date from its beginning. */
const LOAD_MS = 3_000;
/** Tolerance: `Age` has a resolution of a second, and two processes read the clock. */
const SLACK_MS = 1_500;
const ACCEPT = 'application/vnd.atlas.2023-02-01+json';

const output = createReport(options);
const random = createSystemRandom();
const choose = (count) => Math.floor(random.fraction() * count);
const projectAt = (index) => ({
  id: `50a${index.toString(16).padStart(21, '0')}`,
  name: `soak-${index}`,
  orgId: '5f0a1b2c3d4e5f6071829301',
  connections: 0,
  visible: true,
});
const projects = Array.from({ length: PROJECTS }, (_none, index) => projectAt(index));
/** Their lists are read from the first page to the last; nothing purges them. */
const sweptProjects = Array.from({ length: SWEPT_PROJECTS }, (_none, index) => projectAt(PROJECTS + index));
const addressOf = ({ id }) => `/api/atlas/v2/groups/${id}/streams/privateLinkConnections`;
const itemOf = ({ id }, version, index) => ({
  _id: `${id.slice(0, 8)}${version.toString(16).padStart(8, '0')}${index.toString(16).padStart(8, '0')}`,
  name: `item "${index}" of </${version}> é`,
  provider: 'AWS',
  size: index * 1_000_003,
  vendor: createHash('md5').update(`${id}/${version}/${index}`).digest('hex'),
});

const folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-soak-'));
const simulator = createSimulator(
  { projects: [...projects, ...sweptProjects] },
  { clock: createSystemClock(), random },
);
const atlas = await simulator.listen(0);
await fetch(`${atlas}/simulator/weather`, { method: 'POST', body: JSON.stringify({ preset: WEATHER }) });
/** The contents of each list over time. */
const histories = new Map(projects.map((project) => [project.id, []]));
function change(project) {
  const history = histories.get(project.id);
  const version = history.length;
  const count = [0, 3, 40, 120, 499, 500, 501, 1_300][choose(8)];
  history.push({ version, count, from: Date.now() });
  simulator.world.replace(
    addressOf(project),
    Array.from({ length: count }, (_none, index) => itemOf(project, version, index)),
  );
}
for (const project of projects) change(project);

function mount(version, secret) {
  mkdirSync(join(folder, `..v${version}`));
  writeFileSync(join(folder, `..v${version}`, 'secret'), `${secret}\n`);
  symlinkSync(`..v${version}`, join(folder, '..next'));
  renameSync(join(folder, '..next'), join(folder, '..data'));
  if (version === 0) symlinkSync('..data/secret', join(folder, 'secret'));
}
const { clientId, clientSecret } = SAMPLE_CREDENTIALS.serviceAccount;
mount(0, clientSecret);
writeFileSync(join(folder, 'key'), 'a key that encrypts the file of the soak');
writeFileSync(
  join(folder, 'gateway.yaml'),
  `listen: { port: 0 }
admin: { port: 0 }
upstream: { origin: '${atlas}', timeout: ${LOAD_MS}ms }
credentials:
  - name: soak
    serviceAccount: { clientId: { env: ID }, clientSecret: { file: secret } }
anonymous: { projects: all, organizations: all }
cache:
  fresh: 2s
  staleWhileRevalidate: 10s
  maxBytes: 128MiB
  snapshot: { path: cache, encryptionKey: { file: key }, every: 20s }
`,
);
const gateway = spawn(
  process.execPath,
  ['bin/atlas-gateway.js', 'serve', '--config', join(folder, 'gateway.yaml')],
  {
    env: { PATH: process.env.PATH, ID: clientId },
    stdio: ['ignore', 'pipe', 'inherit'],
  },
);
const ended = new Promise((resolve) => gateway.on('close', resolve));
const [origin, admin] = await new Promise((resolve) => {
  let told = '';
  gateway.stdout.on('data', (chunk) => {
    // Only the first line matters, but the stream must be drained so that the gateway can continue to write.
    if (told.length < 10_000) told += chunk;
    const origins = told.match(/http:\/\/[\d.:]+/g);
    if (origins?.length >= 2) resolve(origins);
  });
});

const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS + SWEEPERS + 4 });
function ask(target, { headers = {}, method = 'GET', body } = {}) {
  return new Promise((resolve) => {
    const asked = request(target, { method, headers, agent }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          headers: response.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      );
      response.on('error', () => resolve({ status: 0, headers: {}, text: 'broken' }));
    });
    asked.on('error', ({ message }) => resolve({ status: 0, headers: {}, text: message }));
    asked.end(body);
  });
}

const report = { requests: 0, statuses: new Map(), outcomes: new Map(), wrong: [], refusedAlthoughHeld: [] };
/** Projects whose list was served since its last purge, so it is cached. */
const held = new Set();
/** Purge counter of each project: incremented before and after a purge, so odd during one. */
const purgesOf = new Map(projects.map(({ id }) => [id, 0]));
const count = (map, key) => map.set(key, (map.get(key) ?? 0) + 1);

/** Returns why a body is wrong; undefined if it matches the content of Atlas when it was loaded. */
function problemOf(project, { text, headers }, { pageNum, itemsPerPage }) {
  const { results, totalCount } = JSON.parse(text);
  const loadedAt = Date.now() - Number(headers.age) * 1_000;
  const offset = (pageNum - 1) * itemsPerPage;
  const history = histories.get(project.id);
  const alive = history.filter(
    ({ from }, index) =>
      from <= loadedAt + SLACK_MS &&
      (history[index + 1]?.from ?? Number.POSITIVE_INFINITY) >= loadedAt - LOAD_MS - SLACK_MS,
  );
  const fits = ({ version, count: held }) =>
    totalCount === held &&
    results.length === Math.max(0, Math.min(itemsPerPage, held - offset)) &&
    results.every(
      (item, index) => JSON.stringify(item) === JSON.stringify(itemOf(project, version, offset + index)),
    );
  return alive.some(fits)
    ? undefined
    : `${project.name} page ${pageNum}/${itemsPerPage}: ${results.length} of ${totalCount}, Age ${headers.age}, ${headers['cache-status']}; alive ${JSON.stringify(alive)}`;
}

const SIZES = [1, 20, 100, 100, 100, 500];
async function client(until) {
  while (Date.now() < until) {
    const project = projects[Math.floor(random.fraction() ** 2 * PROJECTS)];
    const page = { pageNum: 1 + choose(3), itemsPerPage: SIZES[choose(SIZES.length)] };
    const wasHeld = held.has(project.id);
    const purgesBefore = purgesOf.get(project.id);
    const target = `${origin}${addressOf(project)}?pageNum=${page.pageNum}&itemsPerPage=${page.itemsPerPage}${choose(4) === 0 ? '&pretty=true' : ''}`;
    const headers = { accept: ACCEPT, ...(choose(200) === 0 ? { 'cache-control': 'no-cache' } : {}) };
    const reply = await ask(target, { headers });
    report.requests++;
    count(report.statuses, reply.status);
    count(
      report.outcomes,
      (reply.headers['cache-status'] ?? 'none').replace(/ttl=-?\d+/, 'ttl').replace('atlas-gateway; ', ''),
    );
    if (reply.status === 200) {
      const wrong = problemOf(project, reply, page);
      if (wrong !== undefined) report.wrong.push(wrong);
      // A page of a list that is still being loaded does not prove that the list is cached, nor does a response to a request that was sent
      // before a purge completed.
      const isPartial = reply.headers['cache-status'].includes('detail=partial');
      if (!isPartial && purgesBefore % 2 === 0 && purgesOf.get(project.id) === purgesBefore)
        held.add(project.id);
    } else if (wasHeld && held.has(project.id)) {
      report.refusedAlthoughHeld.push(`${reply.status} ${reply.text.slice(0, 200)}`);
    }
  }
}

const sweeps = createSweeps({
  ...{ projects: sweptProjects, simulator, addressOf, choose, ask, headers: { accept: ACCEPT } },
  readingMs: LOAD_MS + SLACK_MS,
});
async function sweeper(until) {
  while (Date.now() < until) {
    await sweeps.sweep(origin);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const FAULTS = [
  { status: 503 },
  { status: 500 },
  { status: 429, headers: { 'Retry-After': '1' } },
  { status: 429, headers: { 'Retry-After': '30' }, times: 1 },
  { status: 200, body: '<html>' },
  { status: 200, body: '{"links":[],"results":[{"_id":"cut' },
  { status: 302, headers: { Location: 'http://127.0.0.1:9/' } },
  { status: 403, errorCode: 'IP_ADDRESS_NOT_ON_ACCESS_LIST' },
  { wire: 'reset' },
  { wire: 'cut' },
  { wire: 'hang' },
  { wire: 'drip' },
  { delayMs: 400 },
  { killTokens: true, times: 1 },
  { target: '/api/oauth/token', status: 500 },
];
let purges = 0;
let swaps = 0;
let faults = 0;
const timers = [
  setInterval(() => change(projects[choose(PROJECTS)]), 150),
  setInterval(sweeps.change, 500),
  setInterval(() => {
    simulator.faults.clear();
    if (choose(3) === 0) return;
    faults++;
    simulator.faults.add({ target: 'privateLinkConnections', ...FAULTS[choose(FAULTS.length)] });
  }, 3_000),
  setInterval(async () => {
    purges++;
    const project = projects[choose(PROJECTS)];
    const soft = choose(2) === 0;
    const step = () => purgesOf.set(project.id, purgesOf.get(project.id) + 1);
    step();
    held.delete(project.id);
    await ask(`${admin}/cache/purge`, {
      method: 'POST',
      body: JSON.stringify({ project: project.id, soft }),
    });
    step();
  }, 2_000),
  setInterval(() => {
    swaps++;
    const [before, now] = [`secret ${swaps - 1}`, `secret ${swaps}`];
    // Every fourth reload is an invalid configuration, which must not reach Atlas.
    if (swaps % 4 !== 0) simulator.acceptSecret(now);
    mount(swaps, now);
    if (swaps % 4 === 3) simulator.refuseSecret(before);
  }, 10_000),
];

const memory = [];
const sample = async () => {
  const [, rss] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8')) ?? [];
  const { text } = await ask(`${admin}/metrics`);
  const value = (name) => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1] ?? Number.NaN);
  memory.push({
    at: Date.now(),
    rss: Number(rss) / 1_024,
    heap: value('nodejs_heap_size_used_bytes') / 1_048_576,
    external: value('nodejs_external_memory_bytes') / 1_048_576,
    cache: value('atlas_gateway_cache_bytes') / 1_048_576,
  });
};

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
const begun = Date.now();
const until = begun + MINUTES * 60_000;
const sampling = setInterval(sample, 5_000);
const telling = setInterval(() => {
  const { rss, cache } = memory.at(-1) ?? {};
  output.tell(
    `${Math.round((Date.now() - begun) / 1_000)} s: ${report.requests} requests, ${report.wrong.length} wrong, ${report.refusedAlthoughHeld.length} refused although cached, ${rss?.toFixed(0)} MiB, cache ${cache?.toFixed(0)} MiB`,
  );
}, 30_000);
await Promise.all([
  ...Array.from({ length: CLIENTS }, () => client(until)),
  ...Array.from({ length: SWEEPERS }, () => sweeper(until)),
]);
for (const timer of [...timers, sampling, telling]) clearInterval(timer);
await sample();
const { text: metrics } = await ask(`${admin}/metrics`);
gateway.kill('SIGINT');
const code = await ended;
await simulator.close();
agent.destroy();
rmSync(folder, { recursive: true });

const sum = (name) =>
  [...metrics.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\d+)`, 'gm'))].reduce(
    (all, [, one]) => all + Number(one),
    0,
  );
const upstream = sum('atlas_gateway_upstream_requests_total');
const half = memory.slice(Math.floor(memory.length / 2));
const quarter = Math.max(1, Math.floor(half.length / 2));
const trend = (name) => {
  const [early, late] = [half.slice(0, quarter), half.slice(quarter)].map((part) =>
    median(part.map((one) => one[name])),
  );
  return { early, late, ratio: late / early };
};
const lines = [
  [
    'requests',
    `${report.requests} (${Math.round(report.requests / ((Date.now() - begun) / 1_000))} a second)`,
  ],
  [
    'statuses',
    [...report.statuses]
      .sort()
      .map(([status, times]) => `${status}: ${times}`)
      .join(', '),
  ],
  ['wrong answers', report.wrong.length],
  ['refused although the list was cached', report.refusedAlthoughHeld.length],
  [
    'lists read along `next`',
    `${sweeps.report.checked} compared, ${sweeps.report.wrong.length} wrong; ${sweeps.report.unchecked} not comparable`,
  ],
  [
    'calls to Atlas',
    `${upstream} (${((upstream / report.requests) * 1_000).toFixed(1)} per thousand requests)`,
  ],
  ['retries', sum('atlas_gateway_upstream_retries_total')],
  ['faults, purges, secret swaps', `${faults}, ${purges}, ${swaps}`],
  ['exit code of the gateway', code],
];
for (const name of ['rss', 'heap', 'external', 'cache']) {
  const { early, late, ratio } = trend(name);
  lines.push([
    `${name}, MiB: third quarter, last, ratio`,
    `${early.toFixed(1)}, ${late.toFixed(1)}, ${ratio.toFixed(2)}`,
  ]);
}
output.printSetup(
  'soak-setup',
  `${MINUTES} minutes with the simulator's weather \`${WEATHER}\`: ${CLIENTS} clients read ${PROJECTS} lists of 0 to 1300 items, which change; ${SWEEPERS} read ${SWEPT_PROJECTS} more from the first page to the last.`,
);
output.print('soak', table(['', `${MINUTES} minutes`], lines), 'Soak');
for (const [outcome, times] of [...report.outcomes].sort(([, a], [, b]) => b - a))
  output.tell(`${String(times).padStart(9)}  ${outcome}`);
for (const wrong of report.wrong.slice(0, 10)) output.tell(`wrong: ${wrong}`);
for (const refused of report.refusedAlthoughHeld.slice(0, 10)) output.tell(`refused: ${refused}`);
for (const wrong of sweeps.report.wrong.slice(0, 10)) output.tell(`sweep: ${wrong}`);
output.end();
const failures = report.wrong.length + report.refusedAlthoughHeld.length + sweeps.report.wrong.length;
process.exitCode = failures === 0 && sweeps.report.checked > 0 && code === 0 ? 0 : 1;
