// Measures how the cost of a hit scales with the number of listings, projects per caller, callers and keys, and the cost of eviction and
// purge with as many listings.
import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NO_DIRECTIVES } from '../dist/cache/decide.js';
import { createListCache } from '../dist/cache/read-cache.js';
import { createSystemClock } from '../dist/lib/clock.js';
import { askUntil } from './lib/ask.mjs';
import { ACCEPT, listPath, projectId, startAtlas } from './lib/atlas.mjs';
import { fill } from './lib/fill.mjs';
import { caller, callerKey, startGateway } from './lib/gateway.mjs';
import { load, loader } from './lib/load.mjs';
import { listed, readOptions } from './lib/options.mjs';
import { cpuMicros, pinning, rssMiB } from './lib/processes.mjs';
import { createReport } from './lib/report.mjs';
import { median, middleText, spreadText } from './lib/statistics.mjs';
import { table } from './lib/table.mjs';

const options = readOptions(
  `usage: npm run bench:growth -- [flags]
  --most N     the largest size (100000)
  --rounds N   of a second each (5)
  --only A,B   of listings, projects, callers, keys, room`,
  { most: { type: 'string' }, rounds: { type: 'string' }, only: { type: 'string' } },
);
const most = Number(options.most ?? (options.short ? 10 : 100_000));
const rounds = Number(options.rounds ?? (options.short ? 1 : 5));
const WARM_UP_SECONDS = options.short ? 0 : 3;
const sizes = [1, 10, 100, 1_000, 10_000, 100_000].filter((size) => size <= most);
/** A configuration file has at most 1 MiB, which is enough for about 7 000 callers with a key each. */
const MOST_KEYS = 1_000;
const parts = listed(options.only) ?? ['listings', 'projects', 'callers', 'keys', 'room'];
const report = createReport(options);
const HEAD = ['', 'requests/s', 'CPU µs', '÷ the first', 'p99 ms', 'MiB'];
/** Rows of the table of all parts: CPU time of a hit in relation to the smallest size. */
const summary = [];

/** The number of targets requested in turn, spread evenly over all. */
const ASKED = 500;
function sample(count, make) {
  const step = Math.max(1, Math.floor(count / ASKED));
  return Array.from({ length: Math.min(count, ASKED) }, (_none, index) => make(index * step));
}

async function hits(gateway, requests, folder, seconds = 1) {
  const before = cpuMicros(gateway.pid);
  const result = await load({ origin: gateway.origin, requests, seconds, connections: 32, folder });
  if (result.errors > 0) throw new Error(`${result.errors} answers were errors`);
  truncateSync(gateway.logPath);
  return { ...result, cpuUs: (cpuMicros(gateway.pid) - before) / result.requests };
}

const request = (target, key) => ({ target, headers: { Accept: ACCEPT, Authorization: key.bearer } });

/**
 * Starts a gateway of each size before the first measurement, then measures them alternately. `projectsOf` returns the lists to load
 * beforehand, `requestsOf` the requests, one per row of the table.
 */
async function compare(part, title, { projectsOf, callersOf, requestsOf, largest = most }) {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-bench-'));
  const projects = projectsOf(sizes.at(-1));
  const atlas = await startAtlas(Object.fromEntries(projects.map((id) => [id, 1])));
  const gateways = [];
  const rows = [];
  try {
    for (const size of sizes.filter((one) => one <= largest)) {
      const gateway = await startGateway({
        atlas: atlas.origin,
        folder,
        name: `${part}-${size}`,
        callers: callersOf(size),
        cache: 'fresh: 24h, maxBytes: 4GiB',
      });
      gateways.push(gateway);
      const asked = requestsOf(size);
      const [{ requests }] = asked;
      const [{ target, headers }] = requests;
      const patience = { alive: gateway.alive, timeoutMs: 300_000 };
      await askUntil(gateway.origin, target, { headers }, patience);
      await fill({ origin: gateway.origin, targets: projectsOf(size).map(listPath), headers });
      if (WARM_UP_SECONDS > 0) await hits(gateway, requests, folder, WARM_UP_SECONDS);
      rows.push(...asked.map((one) => ({ ...one, size, gateway, samples: [] })));
    }
    for (let round = 0; round < rounds; round++)
      for (const { gateway, requests, samples } of rows) samples.push(await hits(gateway, requests, folder));
    report.print(
      `growth: ${part}`,
      table(
        HEAD,
        rows.map((row) => cells(row, rows)),
      ),
      title,
    );
    summary.push(...summaryOf(part, rows));
    for (const { name, samples } of rows) report.keep(`${part}, ${name}`, samples);
  } finally {
    for (const gateway of gateways) await gateway.stop();
    await atlas.close();
    rmSync(folder, { recursive: true });
  }
}

/** A row of the table. CPU time is compared with that of the first row in the same round. */
function cells({ name, samples, gateway }, [{ samples: first }]) {
  const of = (field) => samples.map((one) => one[field]);
  return [
    name,
    spreadText(of('perSecond')),
    spreadText(of('cpuUs'), 1),
    spreadText(grown(samples, first), 2),
    spreadText(of('p99Ms'), 1),
    rssMiB(gateway.pid).toFixed(0),
  ];
}

/** CPU time in relation to the first row of the same round. */
const grown = (samples, first) => samples.map(({ cpuUs }, round) => cpuUs / first[round].cpuUs);

/** One line for each series: `one` and `in turn` of listings are two. */
function summaryOf(part, rows) {
  const [{ samples: first }] = rows;
  return [...new Set(rows.map(({ series }) => series))].map((series) => {
    const own = rows.filter((row) => row.series === series);
    const ratioAt = (size) => {
      const row = own.find((one) => one.size === size);
      return row === undefined ? '' : median(grown(row.samples, first)).toFixed(2);
    };
    const { gateway } = own.at(-1);
    return [series ?? part, ...sizes.map(ratioAt), rssMiB(gateway.pid).toFixed(0)];
  });
}

const first = callerKey(0);
const one = projectId(0);
const grow = {
  listings: () =>
    compare('listings', 'Hits by number of listings, each of a project of its own', {
      projectsOf: (size) => Array.from({ length: size }, (_none, index) => projectId(index)),
      callersOf: () => caller('bench', [first]),
      requestsOf: (size) => [
        {
          name: `${size} cached, one requested`,
          series: 'lists, one requested',
          requests: [request(listPath(one), first)],
        },
        ...(size === 1
          ? []
          : [
              {
                name: `${size} cached, ${Math.min(size, ASKED)} in turn`,
                series: 'lists, in turn',
                requests: sample(size, (index) => request(listPath(projectId(index)), first)),
              },
            ]),
      ],
    }),
  projects: () =>
    compare('projects', 'Hits by number of projects that a caller may read', {
      projectsOf: () => [one],
      callersOf: (size) =>
        `  - name: bench
    keys: [{ id: ${first.id}, sha256: '${first.sha256}' }]
    projects:
${Array.from({ length: size }, (_none, index) => `      - '${projectId(index)}'`).join('\n')}`,
      requestsOf: (size) => [{ name: size, requests: [request(listPath(one), first)] }],
    }),
  callers: () =>
    compare(
      'callers',
      `Hits by number of callers with a key each, up to ${ASKED} of whom send requests in turn`,
      {
        largest: MOST_KEYS,
        projectsOf: () => [one],
        callersOf: (size) =>
          Array.from({ length: size }, (_none, index) => caller(`caller-${index}`, [callerKey(index)])).join(
            '\n',
          ),
        requestsOf: (size) => [
          { name: size, requests: sample(size, (index) => request(listPath(one), callerKey(index))) },
        ],
      },
    ),
  keys: () =>
    compare('keys', `Hits by number of keys of one caller, up to ${ASKED} of which are used in turn`, {
      largest: MOST_KEYS,
      projectsOf: () => [one],
      callersOf: (size) =>
        caller(
          'bench',
          Array.from({ length: size }, (_none, index) => callerKey(index)),
        ),
      requestsOf: (size) => [
        { name: size, requests: sample(size, (index) => request(listPath(one), callerKey(index))) },
      ],
    }),
  room: growRoom,
};

/** A cache request for a 1 KiB listing. All keys have the same length, so that all entries have the same size. */
const questionOf = (project, key) => ({
  project,
  operation: 'listGroupClusters',
  key: String(key).padStart(8, '0'),
  lifetimes: { freshMs: 1e9, staleWhileRevalidateMs: 0, staleIfErrorMs: 1e9 },
  directives: NO_DIRECTIVES,
  admitLoad: () => undefined,
  freshnessFactor: () => 1,
  load: async () => ({ type: 'loaded', value: key, bytes: 1_024 }),
});

/** A cache with `size` listings, half of them in separate projects, half in one project; full if `maxBytes` is that low. */
async function filled(size, maxBytes, observe) {
  const cache = createListCache(
    {
      maxBytes,
      projectShare: 1,
      negativeTtlMs: 5_000,
      refreshPauseMs: 5_000,
      isRepeatable: () => true,
      longestPauseMs: 60_000,
      maxLoads: 1_000,
      maxWaiting: 10_000,
    },
    { clock: createSystemClock(), observe },
  );
  const put = (index) => cache.read(questionOf(index % 2 === 1 ? projectId(index) : projectId(0), index));
  for (let index = 0; index < size; index++) await put(index);
  return { cache, put };
}

const TIMES = options.short ? 10 : 1_000;

/** Microseconds of each call. */
async function timed(times, call) {
  const taken = [];
  for (let turn = 0; turn < times; turn++) {
    const begun = performance.now();
    await call(turn);
    taken.push((performance.now() - begun) * 1_000);
  }
  return taken;
}

async function room(size) {
  let evictions = 0;
  // Fill the cache once without a limit to learn the size of the entries, then again with that size as the limit.
  const roomy = await filled(size, Number.MAX_SAFE_INTEGER, () => undefined);
  const full = await filled(size, roomy.cache.bytes, ({ type }) => {
    if (type === 'evicted') evictions++;
  });
  const newcomer = (turn) => size + 1 + 2 * turn - (size % 2);
  const loads = await timed(TIMES, (turn) => roomy.put(newcomer(turn)));
  const evicting = await timed(TIMES, (turn) => full.put(newcomer(turn)));
  const made = evictions;
  // The entry was just loaded, so it is cached.
  const projects = await timed(TIMES, (turn) =>
    roomy.cache.purge({ project: projectId(newcomer(turn)), soft: false }),
  );
  const operations = await timed(TIMES, (turn) =>
    full.cache.purge({ project: projectId(newcomer(turn)), operation: 'listGroupClusters', soft: false }),
  );
  const [half] = await timed(1, () => roomy.cache.purge({ project: projectId(0), soft: false }));
  const [everything] = await timed(1, () => full.cache.purge({ soft: false }));
  report.keep(`room, ${size}`, { evictions: made });
  return [
    size,
    middleText(loads, 1),
    middleText(evicting, 1),
    middleText(projects, 1),
    middleText(operations, 1),
    half.toFixed(1),
    everything.toFixed(1),
  ];
}

/** Measures eviction and purge in this process, without sockets. */
async function growRoom() {
  // Warm up the JIT compiler.
  await room(1_000);
  const rows = [];
  for (const size of sizes) rows.push(await room(size));
  report.print(
    'growth: room',
    `${table(['lists', 'load', 'load, full cache', 'purge: project', 'operation', 'half of all', 'all'], rows)}

Microseconds, in one process, without sockets. ${TIMES} of each, median (10th to 90th percentile); the last two once.`,
    'Evicting and purging, µs, by number of lists',
  );
}

report.printSetup(
  'growth-setup',
  `${rounds} rounds of 1 s for each row, in turn, 32 connections by ${loader}. ${pinning} Median (least to most).`,
);
for (const part of parts) {
  if (grow[part] === undefined) {
    report.tell(`there is no '${part}'; there are ${Object.keys(grow).join(', ')}`);
    process.exit(2);
  }
  await grow[part]();
}
if (summary.length > 0)
  report.print(
    'growth',
    table(['CPU time of a hit by number of', ...sizes.map(String), 'MiB at the end'], summary),
    'As the cache grows',
  );
report.end();
