// Compares hits with and without the hit path: the same gateway, answered in front of Hono or by Hono's route. See docs/decisions/hit-path.md.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askUntil } from './lib/ask.mjs';
import { startAtlas } from './lib/atlas.mjs';
import { callerKey, startGateway } from './lib/gateway.mjs';
import { load, loader } from './lib/load.mjs';
import { listed, readOptions } from './lib/options.mjs';
import { cpuMicros, pinning } from './lib/processes.mjs';
import { createReport } from './lib/report.mjs';
import { SCENARIOS } from './lib/scenarios.mjs';
import { median, spreadText } from './lib/statistics.mjs';
import { table } from './lib/table.mjs';

const options = readOptions(
  `usage: npm run bench:hit-path -- [flags]
  --scenarios A,B  of ${SCENARIOS.map(({ name }) => name).join(', ')} (hits-4)
  --rounds N       of each, interleaved (11)
  --seconds N      of a round (1)
  --node A,B       node binaries`,
  {
    scenarios: { type: 'string', default: 'hits-4' },
    rounds: { type: 'string' },
    seconds: { type: 'string', default: '1' },
    node: { type: 'string' },
  },
);
const rounds = Number(options.rounds ?? (options.short ? 1 : 11));
const seconds = Number(options.seconds);
const CONNECTIONS = 32;
const MAIN = new URL('servers/gateway.mjs', import.meta.url).pathname;
const COLUMNS = [
  '',
  'Node',
  'with, CPU µs',
  'without, CPU µs',
  'without ÷ with, CPU',
  'with ÷ without, requests/s',
];
const { bearer: Authorization } = callerKey(1);
const report = createReport(options);
const versionOf = (node) => execFileSync(node, ['--version'], { encoding: 'utf8' }).trim().slice(1);

async function enter(scenario, { atlas, folder, node, index }, hitPath) {
  const running = await startGateway({
    atlas,
    folder,
    node,
    main: MAIN,
    name: `gateway-${index}-${hitPath}`,
    env: { HIT_PATH: hitPath },
  });
  const requests = [];
  for (const target of scenario.targets) {
    const headers = { ...scenario.headers, Authorization };
    const { headers: answered } = await askUntil(running.origin, target, { headers }, running);
    requests.push({
      target,
      headers: scenario.unchanged ? { ...headers, 'If-None-Match': answered.etag } : headers,
    });
  }
  return { running, requests, perSecond: [], cpuUs: [] };
}

async function round({ running, requests, perSecond, cpuUs }, { folder, ...more }) {
  const before = cpuMicros(running.pid);
  const sample = await load({
    origin: running.origin,
    requests,
    connections: CONNECTIONS,
    folder,
    seconds: more.seconds,
  });
  truncateSync(running.logPath);
  cpuUs.push((cpuMicros(running.pid) - before) / sample.requests);
  perSecond.push(sample.perSecond);
}

async function compare(scenario, node, index) {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'atlas-gateway-bench-'));
  const atlas = await startAtlas(scenario.lists);
  const given = { atlas: atlas.origin, folder, node, index };
  const [on, off] = [await enter(scenario, given, 'on'), await enter(scenario, given, 'off')];
  try {
    for (const one of options.short ? [] : [on, off])
      await round({ ...one, perSecond: [], cpuUs: [] }, { folder, seconds: 2 });
    for (let count = 0; count < rounds; count++)
      for (const one of count % 2 === 0 ? [on, off] : [off, on]) await round(one, { folder, seconds });
    // The CPU time of a request, because other work on the machine takes time from both.
    const times = off.cpuUs.map((cpuUs, count) => cpuUs / on.cpuUs[count]);
    const ratios = on.perSecond.map((perSecond, count) => perSecond / off.perSecond[count]);
    return [
      scenario.short,
      versionOf(node),
      median(on.cpuUs).toFixed(1),
      median(off.cpuUs).toFixed(1),
      spreadText(times, 2),
      spreadText(ratios, 2),
    ];
  } finally {
    for (const { running } of [on, off]) await running.stop();
    await atlas.close();
    rmSync(folder, { recursive: true });
  }
}

report.printSetup(
  'hit-path-setup',
  `${rounds} rounds of ${seconds} s each, interleaved, ${CONNECTIONS} connections by ${loader}. ${pinning} Median (least to most).`,
);
const names = listed(options.scenarios);
const rows = [];
for (const [index, node] of (listed(options.node) ?? [process.execPath]).entries())
  for (const scenario of SCENARIOS.filter(({ name }) => names.includes(name)))
    rows.push(await compare(scenario, node, index));
report.print('hit-path', table(COLUMNS, rows), 'Hits with and without the hit path');
report.end();
