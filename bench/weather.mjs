// Runs the gateway as shipped against an Atlas that is slow, large, sick or changing: the rows of test/faults/rows.mjs that depend on time
// and size, over sockets, with their numbers. Exits 1 if a row misses.

import { constants } from 'node:os';
import { listed, readOptions } from './lib/options.mjs';
import { pinning } from './lib/processes.mjs';
import { createReport } from './lib/report.mjs';
import { table } from './lib/table.mjs';
import { BUDGET } from './lib/weather/budget.mjs';
import { CHANGING_LISTS } from './lib/weather/changing-lists.mjs';
import { COLD_PAGES } from './lib/weather/cold-pages.mjs';
import { LONG_LISTS } from './lib/weather/long-lists.mjs';
import { MANY_LISTS } from './lib/weather/many-lists.mjs';
import { MEMORY } from './lib/weather/memory.mjs';
import { SICK_LISTS } from './lib/weather/sick-lists.mjs';
import { closeStages, openStage } from './lib/weather/stage.mjs';

const CASES = [
  ...[...MANY_LISTS, ...SICK_LISTS, ...LONG_LISTS, ...CHANGING_LISTS, ...BUDGET, ...MEMORY].sort(
    (one, other) => one.row - other.row,
  ),
  ...COLD_PAGES,
];
const options = readOptions(
  `usage: npm run bench:weather -- [flags]
  --rows A,B       of ${[...new Set(CASES.map(({ row }) => row))].join(', ')}
  --again          measure a row that misses a second time: on a busy machine one measurement may be of the machine`,
  { rows: { type: 'string' }, again: { type: 'boolean', default: false } },
);
const rows = listed(options.rows);
const report = createReport(options);
const unknown = rows?.find((row) => !CASES.some((one) => String(one.row) === row));
if (unknown !== undefined) {
  report.tell(`there is no row ${unknown}; see --help`);
  process.exit(2);
}

// An interrupted run leaves nothing behind; its exit code is that of a program that the signal ended.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.once(signal, async () => {
    await closeStages();
    process.exit(128 + constants.signals[signal]);
  });

const quantile = (numbers, share) =>
  [...numbers].sort((one, other) => one - other)[Math.max(0, Math.ceil(numbers.length * share) - 1)] ??
  Number.NaN;
const rounded = (number) => (Number.isFinite(number) ? String(Math.round(number)) : '–');

function statusesOf(replies) {
  const counts = new Map();
  for (const { status } of replies) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].map(([status, count]) => `${count} × ${status}`).join(', ');
}

/** Runs one case on its own processes. */
async function measure({ row, what, run }) {
  report.tell(`${row}: ${what} …`);
  const misses = [];
  const stages = [];
  const open = async (settings) => {
    const stage = await openStage(settings);
    stages.push(stage);
    return stage;
  };
  const check = (holds, miss) => {
    if (!holds) misses.push(miss);
  };
  try {
    const { needed } = await run({ open, check, short: options.short });
    const [stage] = stages;
    const { calls, peakMiB, lagMs, alive } = await stage.measures();
    check(alive, 'the gateway ended');
    const times = stage.replies.map(({ ms }) => ms);
    return {
      row,
      what,
      statuses: statusesOf(stage.replies),
      p50Ms: quantile(times, 0.5),
      p99Ms: quantile(times, 0.99),
      calls,
      needed,
      peakMiB,
      lagMs,
      misses,
    };
  } catch (error) {
    return { row, what, statuses: '', misses: [...misses, `did not finish: ${error.message}`] };
  } finally {
    for (const stage of stages) await stage.close();
  }
}

const resultOf = ({ misses }) => (misses.length === 0 ? 'pass' : `miss: ${misses.join('; ')}`);

const results = [];
for (const one of CASES.filter(({ row }) => rows?.includes(String(row)) ?? true)) {
  let result = await measure(one);
  report.tell(`${result.row}: ${resultOf(result)}`);
  if (options.again && result.misses.length > 0) {
    result = await measure(one);
    report.tell(`${result.row}, measured again: ${resultOf(result)}`);
  }
  results.push(result);
}

report.printSetup(
  'weather-setup',
  `The gateway and the simulator are processes of their own. Times are those of the requests that the row counts. ${pinning}`,
);
const missed = results.filter(({ misses }) => misses.length > 0);
const verdict =
  missed.length === 0
    ? 'Every row is within its limits.'
    : missed.map((result) => `- ${result.what} (${result.row}): ${resultOf(result)}`).join('\n');
report.print(
  'weather',
  `${table(
    ['what', 'row', 'answers', 'p50 ms', 'p99 ms', 'calls', 'peak MiB', 'loop ms'],
    results.map((result) => {
      const { row, what, statuses, p50Ms, p99Ms, calls, needed, peakMiB, lagMs } = result;
      const [p50, p99, peak, lag] = [p50Ms, p99Ms, peakMiB, lagMs].map(rounded);
      return [what, row, statuses, p50, p99, `${rounded(calls)} (${rounded(needed)})`, peak, lag];
    }),
  )}\n\n${verdict}`,
  'A slow, large, sick or changing Atlas',
);
report.keep('weather', results);
report.end();
process.exitCode = results.every(({ misses }) => misses.length === 0) ? 0 : 1;
