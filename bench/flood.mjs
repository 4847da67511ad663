// Measures whether one caller's flood of distinct requests grows the gateway's memory or slows down the hits of another caller. The
// baseline is a flood of the same rate for one known target, which uses its share of the core as well.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askUntil } from './lib/ask.mjs';
import { ACCEPT, listPath, startAtlas } from './lib/atlas.mjs';
import { FLOODER, FLOODS, PROJECT } from './lib/floods.mjs';
import { caller, callerKey, startGateway } from './lib/gateway.mjs';
import { load, loader } from './lib/load.mjs';
import { listed, readOptions } from './lib/options.mjs';
import { pinned, pinning, rssMiB } from './lib/processes.mjs';
import { createReport } from './lib/report.mjs';
import { median, spreadText } from './lib/statistics.mjs';
import { table } from './lib/table.mjs';

const options = readOptions(
  `usage: npm run bench:flood -- [flags]
  --count N    requests of a flood (15000)
  --rate N     of them a second (1500)
  --only A,B   of ${Object.keys(FLOODS).join(', ')}`,
  { count: { type: 'string' }, rate: { type: 'string' }, only: { type: 'string' } },
);
const perSecond = Number(options.rate ?? (options.short ? 100 : 1_500));
const rounds = options.short ? 1 : 3;
/** Results of one round of a flood. */
const seconds = Math.max(
  1,
  Math.round(Number(options.count ?? (options.short ? 100 : 15_000)) / perSecond / rounds),
);
const CONNECTIONS = 8;
const kinds =
  listed(options.only) ??
  (options.short ? ['keys'] : Object.keys(FLOODS).filter((kind) => kind !== 'harmless'));
const report = createReport(options);
const unknown = kinds.find((kind) => FLOODS[kind] === undefined);
if (unknown !== undefined) {
  report.tell(`there is no '${unknown}'; there are ${Object.keys(FLOODS).join(', ')}`);
  process.exit(2);
}

function flood(origin, kind, folder) {
  const path = join(folder, 'flood.json');
  writeFileSync(path, JSON.stringify({ origin, kind, perSecond, seconds }));
  const [program, ...args] = pinned('load', [
    process.execPath,
    new URL('lib/flood.mjs', import.meta.url).pathname,
    path,
  ]);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let told = '';
  child.stdout.on('data', (chunk) => {
    told += chunk;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve(JSON.parse(told)) : reject(new Error('the flood ended early')),
    );
  });
}

const problems = [];
const victim = callerKey(1);
const requests = [{ target: listPath(PROJECT), headers: { Accept: ACCEPT, Authorization: victim.bearer } }];

/** Runs a flood while measuring another caller's hits. */
async function besides(kind, gateway, hits, folder) {
  const [during, { sent, statuses }] = await Promise.all([
    hits(seconds),
    flood(gateway.origin, kind, folder),
  ]);
  truncateSync(gateway.logPath);
  const unexpected = Object.keys(statuses).filter(
    (status) => !FLOODS[kind].statuses.includes(Number(status)),
  );
  const answered = Object.values(statuses).reduce((sum, count) => sum + count, 0);
  if (during.errors > 0) problems.push(`${kind}: ${during.errors} of the hits were errors`);
  if (unexpected.length > 0) problems.push(`${kind}: the flood was answered with ${unexpected.join(', ')}`);
  return { ...during, sent, answered, statuses };
}

/** Each flood runs against its own gateway, alternating with rounds without a flood and with a harmless one. */
async function measure(kind) {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-bench-'));
  const atlas = await startAtlas({ [PROJECT]: 100 });
  const callers = `${caller('orders', [victim])}
  - { name: flooder, projects: ['${PROJECT}'], keys: [{ id: ${FLOODER.id}, sha256: '${FLOODER.sha256}' }] }`;
  const gateway = await startGateway({ atlas: atlas.origin, folder, callers });
  const hits = (forSeconds) =>
    load({ origin: gateway.origin, requests, seconds: forSeconds, connections: CONNECTIONS, folder });
  try {
    const [{ target, headers }] = requests;
    await askUntil(gateway.origin, target, { headers }, { alive: gateway.alive });
    if (!options.short) await hits(5);
    const before = rssMiB(gateway.pid);
    const samples = [];
    for (let round = 0; round < rounds; round++)
      samples.push({
        alone: await hits(1),
        harmless: await besides('harmless', gateway, hits, folder),
        flooded: await besides(kind, gateway, hits, folder),
      });
    const after = rssMiB(gateway.pid);
    report.keep(kind, { before, after, samples });
    return { kind, before, after, samples };
  } finally {
    await gateway.stop();
    await atlas.close();
    rmSync(folder, { recursive: true });
  }
}

/** A row of the table; values are compared within the same round. */
function row({ kind, before, after, samples }) {
  const of = (name, field) => samples.map((sample) => sample[name][field]);
  const part = (name, other) => samples.map((sample) => sample[name].perSecond / sample[other].perSecond);
  const [{ flooded }] = samples;
  const answered = median(samples.map(({ flooded: { answered: got, sent } }) => got / sent));
  return [
    FLOODS[kind].title,
    `${Object.keys(flooded.statuses).join(', ')}${answered < 1 ? ` (${(answered * 100).toFixed(0)} %)` : ''}`,
    median(part('harmless', 'alone')).toFixed(2),
    spreadText(part('flooded', 'alone'), 2),
    spreadText(part('flooded', 'harmless'), 2),
    median(of('flooded', 'p99Ms')).toFixed(1),
    `${before.toFixed(0)} → ${after.toFixed(0)}`,
  ];
}

const rows = [];
for (const kind of kinds) rows.push(row(await measure(kind)));
report.print(
  'flood',
  `${table(['the flood requests', 'status', 'hits ÷ alone', 'flood ÷ alone', 'flood ÷ hits', 'p99 ms', 'MiB'], rows)}

${perSecond * seconds * rounds} requests of each flood, ${perSecond} a second, in ${rounds} rounds. The other caller requests one list of 100 items on ${CONNECTIONS} connections, as fast as it is answered, by ${loader}. ${pinning} Median (least to most).`,
  'Hits of one caller while another floods',
);
for (const problem of problems) report.tell(`wrong: ${problem}`);
report.end();
process.exitCode = problems.length === 0 ? 0 : 1;
