// Measures the memory that lists use, by the gateway's own accounting and by process growth, and the time from start to first response.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, askUntil } from './lib/ask.mjs';
import { ACCEPT, listPath, projectId, startAtlas } from './lib/atlas.mjs';
import { fill } from './lib/fill.mjs';
import { callerKey, startGateway } from './lib/gateway.mjs';
import { readOptions } from './lib/options.mjs';
import { peakRssMiB, rssMiB } from './lib/processes.mjs';
import { createReport } from './lib/report.mjs';
import { spread, spreadText } from './lib/statistics.mjs';
import { table } from './lib/table.mjs';

const options = readOptions(
  'usage: npm run bench:memory -- [flags]\n  --listings N  (10000)\n  --starts N    (9)',
  { listings: { type: 'string' }, starts: { type: 'string' } },
);
const listings = Number(options.listings ?? (options.short ? 50 : 10_000));
const starts = Number(options.starts ?? (options.short ? 1 : 9));
const MIB = 2 ** 20;
const SIZES = options.short ? [4] : [4, 20];
const CACHE_SIZES = options.short ? [16] : [16, 32, 64, 128, 256];
/** Lists take this fraction of `cache.maxBytes`; the rest is for rendered pages, pinned listings and memoized requests. */
const LISTS_FRACTION = 0.6;
/** More lists of 20 items than a MiB of `cache.maxBytes` holds. */
const LISTS_PER_MIB = options.short ? 2 : 75;
/** Items of a list that nearly takes the share of a project, as far as `cache.maxItems` allows. */
const LARGE_ITEMS_PER_MIB = 300;
const MAX_ITEMS = 10_000;
const { bearer } = callerKey(1);
const headers = { Accept: ACCEPT, Authorization: bearer };
const report = createReport(options);

/** What `cache.maxBytes` means: a full cache, in lists and in memory of the process, and what loading four large lists at once adds. */
async function measureSize(maxMiB) {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-bench-'));
  const few = Array.from({ length: Math.ceil(maxMiB * LISTS_PER_MIB) }, (_none, index) => projectId(index));
  const large = Array.from({ length: 4 }, (_none, index) => projectId(few.length + index));
  const largeItems = Math.min(MAX_ITEMS, Math.floor(maxMiB * LARGE_ITEMS_PER_MIB));
  const counts = [...few.map((id) => [id, 20]), ...large.map((id) => [id, largeItems])];
  const atlas = await startAtlas(Object.fromEntries(counts));
  const gateway = await startGateway({
    ...{ atlas: atlas.origin, folder },
    cache: `fresh: 24h, maxBytes: ${maxMiB}MiB, projectShare: 0.25`,
  });
  const read = (ids) => fill({ origin: gateway.origin, targets: ids.map(listPath), headers });
  try {
    await askUntil(gateway.admin, '/readyz', {}, { alive: gateway.alive });
    const empty = await settled(gateway);
    await read(few);
    // A page is cached from its second request on.
    for (let round = 0; round < 2; round++) await read(few.slice(-few.length / 4));
    const full = await settled(gateway);
    await read(large);
    const after = await settled(gateway);
    const peak = peakRssMiB(gateway.pid);
    report.keep(`memory, maxBytes ${maxMiB} MiB`, { empty, full, after, peak });
    return [
      `${maxMiB} MiB`,
      (maxMiB * LISTS_FRACTION * 0.25).toFixed(1),
      String(full.listings),
      full.cache.toFixed(1),
      ...[empty.rss, full.rss, after.rss, peak].map((mib) => mib.toFixed(0)),
    ];
  } finally {
    await gateway.stop();
    await atlas.close();
    rmSync(folder, { recursive: true });
  }
}

async function metricsOf({ admin, pid }) {
  const text = (await ask(admin, '/metrics')).body.toString();
  const value = (name) => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1] ?? Number.NaN);
  return {
    rss: rssMiB(pid),
    js: (value('nodejs_heap_size_used_bytes') + value('nodejs_external_memory_bytes')) / MIB,
    cache: value('atlas_gateway_cache_bytes') / MIB,
    listings: value('atlas_gateway_cache_listings'),
  };
}

/** Memory drops after garbage collection, so the minimum of several samples is the memory in use. */
async function settled(gateway) {
  const looks = [];
  for (let look = 0; look < (options.short ? 1 : 5); look++) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    looks.push(await metricsOf(gateway));
  }
  return looks.reduce((least, one) => (one.rss < least.rss ? one : least));
}

async function measureMemory(count) {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-bench-'));
  const projects = Array.from({ length: listings + 1 }, (_none, index) => projectId(index));
  const atlas = await startAtlas(Object.fromEntries(projects.map((id) => [id, count])));
  const gateway = await startGateway({ atlas: atlas.origin, folder, cache: 'fresh: 24h, maxBytes: 2GiB' });
  const [warm, ...others] = projects;
  try {
    const sent = (await atlas.get(listPath(warm))).body.length * others.length;
    await askUntil(gateway.origin, listPath(warm), { headers }, { alive: gateway.alive });
    // The process grows during its first thousands of requests regardless of lists.
    await fill({
      origin: gateway.origin,
      targets: Array.from({ length: others.length }, () => listPath(warm)),
      headers,
    });
    const before = await settled(gateway);
    await fill({ origin: gateway.origin, targets: others.map(listPath), headers });
    const after = await settled(gateway);
    const { projects: held } = JSON.parse((await ask(gateway.admin, '/status.json')).body.toString());
    const counted = held.filter(({ id }) => id !== warm).reduce((sum, { bytes }) => sum + bytes, 0);
    const grown = (name) => after[name] - before[name];
    report.keep(`memory, ${count} items`, { listings: others.length, sent, counted, before, after });
    return [
      `${others.length} lists of ${count} items`,
      (sent / MIB).toFixed(1),
      (counted / MIB).toFixed(1),
      (counted / sent).toFixed(2),
      grown('cache').toFixed(1),
      grown('js').toFixed(1),
      grown('rss').toFixed(1),
      (grown('rss') / grown('cache')).toFixed(2),
    ];
  } finally {
    await gateway.stop();
    await atlas.close();
    rmSync(folder, { recursive: true });
  }
}

async function measureStarts() {
  const atlas = await startAtlas({ [projectId(0)]: 4 });
  const times = { ready: [], answered: [] };
  for (let round = 0; round < starts; round++) {
    const folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-bench-'));
    const begun = performance.now();
    const gateway = await startGateway({ atlas: atlas.origin, folder });
    const patience = { alive: gateway.alive, everyMs: 2 };
    await askUntil(gateway.admin, '/readyz', {}, patience);
    times.ready.push(performance.now() - begun);
    await askUntil(gateway.origin, listPath(projectId(0)), { headers }, patience);
    times.answered.push(performance.now() - begun);
    await gateway.stop();
    rmSync(folder, { recursive: true });
  }
  await atlas.close();
  report.keep('start', { readyMs: spread(times.ready), answeredMs: spread(times.answered) });
  report.print(
    'start',
    `${table(
      ['', 'ms'],
      [
        ['ready', spreadText(times.ready)],
        ['first answer, after a token and a list from Atlas', spreadText(times.answered)],
      ],
    )}\n\n${starts} starts. Median (least to most).`,
    'From the start to the first answer',
  );
}

report.printSetup('memory-setup', 'Resident memory of the process, from `/proc`.');
await measureStarts();
const rows = [];
for (const count of SIZES) rows.push(await measureMemory(count));
report.print(
  'memory',
  table(['', 'sent', 'counted', '÷ sent', 'with pages', 'heap and buffers', 'process', '÷ counted'], rows),
  'Memory of lists, MiB',
);
const sizes = [];
for (const maxMiB of CACHE_SIZES) sizes.push(await measureSize(maxMiB));
report.print(
  'memory-sizes',
  table(
    [
      'maxBytes',
      'largest list',
      'lists',
      'counted',
      'process, started',
      'full',
      'after four large lists',
      'peak',
    ],
    sizes,
  ),
  'What `cache.maxBytes` means, MiB',
);
report.end();
