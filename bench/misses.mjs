// Measures the latency that the gateway adds to a miss: each list is requested once, alternately through the gateway and directly from the
// simulated Atlas with undici. Atlas responds after 50 ms.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';
import { askUntil } from './lib/ask.mjs';
import { ACCEPT, listPath, projectId, startAtlas } from './lib/atlas.mjs';
import { fill } from './lib/fill.mjs';
import { callerKey, startGateway } from './lib/gateway.mjs';
import { readOptions } from './lib/options.mjs';
import { cpuMicros } from './lib/processes.mjs';
import { createReport } from './lib/report.mjs';
import { median } from './lib/statistics.mjs';
import { table } from './lib/table.mjs';

const options = readOptions(
  'usage: npm run bench:misses -- [flags]\n  --count N  misses of each kind (200)',
  {
    count: { type: 'string' },
  },
);
const count = Number(options.count ?? (options.short ? 5 : 200));
/** Warm-up requests, without the delay: the first misses of a process take several times as long. */
const WARM_UP = options.short ? 1 : 1_000;
const DELAY_MS = 50;
/** The page size of walks; direct requests use the same. */
const WALKED = '?itemsPerPage=500&pageNum=1';
const KINDS = [
  { title: '4 items, one after the other', items: 4, atOnce: 1 },
  { title: '100 items, one after the other', items: 100, atOnce: 1 },
  { title: '500 items, one after the other', items: 500, atOnce: 1, query: '?itemsPerPage=500' },
  { title: '4 items, 16 at a time', items: 4, atOnce: 16 },
];
const report = createReport(options);
const percentile = (values, part) =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * part)];
const ms = (value) => value.toFixed(2);

async function timed(pool, path, authorization) {
  const begun = performance.now();
  const { statusCode, body } = await pool.request({
    path,
    method: 'GET',
    headers: { accept: ACCEPT, authorization },
  });
  await body.arrayBuffer();
  if (statusCode !== 200) throw new Error(`${path} was answered with ${statusCode}`);
  return performance.now() - begun;
}

async function measure({ title, items, atOnce, query = '' }) {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-bench-'));
  const projects = Array.from({ length: count + WARM_UP }, (_none, index) => projectId(index));
  const atlas = await startAtlas(Object.fromEntries(projects.map((id) => [id, items])));
  const gateway = await startGateway({ atlas: atlas.origin, folder });
  const { bearer } = callerKey(1);
  const pools = [new Pool(gateway.origin), new Pool(atlas.origin)];
  try {
    const headers = { Accept: ACCEPT, Authorization: bearer };
    const first = `${listPath(projects[0])}${query}`;
    await askUntil(gateway.origin, first, { headers }, { alive: gateway.alive });
    await fill({
      origin: gateway.origin,
      targets: projects.slice(0, WARM_UP).map((id) => `${listPath(id)}${query}`),
      headers,
    });
    atlas.simulator.faults.add({ target: '/api/atlas/', delayMs: DELAY_MS });
    const through = [];
    const direct = [];
    const asked = projects.slice(WARM_UP);
    const cpuBefore = cpuMicros(gateway.pid);
    const client = async () => {
      for (let id = asked.shift(); id !== undefined; id = asked.shift()) {
        through.push(await timed(pools[0], `${listPath(id)}${query}`, bearer));
        direct.push(await timed(pools[1], `${listPath(id)}${WALKED}`, atlas.authorization));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, client));
    const cpuUs = (cpuMicros(gateway.pid) - cpuBefore) / count;
    report.keep(title, { through, direct, cpuUs });
    return [
      title,
      ms(percentile(direct, 0.5)),
      ms(percentile(through, 0.5)),
      ms(median(through.map((one, index) => one - direct[index]))),
      ms(percentile(through, 0.99) - percentile(direct, 0.99)),
      ms(cpuUs / 1_000),
    ];
  } finally {
    await Promise.all(pools.map((pool) => pool.close()));
    await gateway.stop();
    await atlas.close();
    rmSync(folder, { recursive: true });
  }
}

const rows = [];
for (const kind of options.short ? KINDS.slice(0, 1) : KINDS) rows.push(await measure(kind));
report.print(
  'misses',
  `${table(['', 'Atlas p50 ms', 'gateway p50 ms', 'added p50', 'added p99', 'CPU ms a miss'], rows)}

${count} lists that are not cached, each through the gateway and directly in turn; Atlas answers after ${DELAY_MS} ms. \`added p50\` is the median of the differences, list by list.`,
  'Misses',
);
report.end();
