// Whether one caller's flood of requests, each different from the one before, grows the gateway's memory or slows the hits of another.
// Compared with a flood of the same size for one known target, which takes its share of the core as well.
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
import { table } from './lib/table.mjs';

const options = readOptions(
  `usage: npm run bench:flood -- [flags]
  --count N    requests of a flood (30000)
  --rate N     of them a second (1500)
  --only A,B   of ${Object.keys(FLOODS).join(', ')}`,
  { count: { type: 'string' }, rate: { type: 'string' }, only: { type: 'string' } },
);
const perSecond = Number(options.rate ?? (options.short ? 100 : 1_500));
const seconds = Math.max(1, Math.round(Number(options.count ?? (options.short ? 100 : 30_000)) / perSecond));
const CONNECTIONS = 8;
const kinds = listed(options.only) ?? (options.short ? ['keys'] : Object.keys(FLOODS));
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

/** Each flood meets a gateway of its own. */
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
    const before = { ...(await hits(options.short ? 1 : 3)), rss: rssMiB(gateway.pid) };
    const [during, { sent, statuses }] = await Promise.all([
      hits(seconds),
      flood(gateway.origin, kind, folder),
    ]);
    const after = rssMiB(gateway.pid);
    truncateSync(gateway.logPath);
    const answered = Object.values(statuses).reduce((sum, count) => sum + count, 0);
    const unexpected = Object.keys(statuses).filter(
      (status) => !FLOODS[kind].statuses.includes(Number(status)),
    );
    if (during.errors > 0) problems.push(`${kind}: ${during.errors} of the hits were errors`);
    if (unexpected.length > 0) problems.push(`${kind}: the flood was answered with ${unexpected.join(', ')}`);
    report.keep(kind, { before, during, after, sent, statuses });
    return { kind, before, during, after, sent, answered, statuses };
  } finally {
    await gateway.stop();
    await atlas.close();
    rmSync(folder, { recursive: true });
  }
}

const results = [];
for (const kind of kinds) results.push(await measure(kind));
const harmless = results.find(({ kind }) => kind === 'harmless');
const percent = (value) => `${(value * 100).toFixed(0)} %`;
report.print(
  'flood',
  `### Hits of one caller while another floods\n\n${table(
    [
      'the flood asks for',
      'answered with',
      'hits/s before',
      'during',
      'kept',
      'of the known target',
      'p50 ms before',
      'during',
      'p99 ms during',
      'MiB before',
      'after',
    ],
    results.map(({ kind, before, during, after, sent, answered, statuses }) => [
      FLOODS[kind].title,
      `${Object.keys(statuses).join(', ')}${answered < sent ? ` (${percent(answered / sent)} of them)` : ''}`,
      before.perSecond.toFixed(0),
      during.perSecond.toFixed(0),
      percent(during.perSecond / before.perSecond),
      harmless === undefined
        ? '–'
        : (
            (during.perSecond * harmless.before.perSecond) /
            (before.perSecond * harmless.during.perSecond)
          ).toFixed(2),
      before.p50Ms.toFixed(2),
      during.p50Ms.toFixed(2),
      during.p99Ms.toFixed(2),
      before.rss.toFixed(0),
      after.toFixed(0),
    ]),
  )}

${perSecond * seconds} requests, ${perSecond} a second, beside ${CONNECTIONS} connections that ask for one list of 100 items as fast as they are answered, by ${loader}. ${pinning}`,
);
for (const problem of problems) report.tell(`wrong: ${problem}`);
report.end();
process.exitCode = problems.length === 0 ? 0 : 1;
