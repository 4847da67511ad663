// Prints the results of the fault tests, one line per row. Runs test/faults, or reads JSON reports of earlier runs: --report FILE, once for each.
// Exits 1 if a row has failed, was skipped or has no test; rows marked as not holding yet are named, and do not count as failures.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROWS } from '../test/faults/rows.mjs';

const print = (line) => void process.stdout.write(`${line}\n`);
const { values } = parseArgs({ options: { report: { type: 'string', multiple: true } } });

function runTests() {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-faults-'));
  const file = join(folder, 'report.json');
  process.stderr.write('Running test/faults; this takes about a minute.\n');
  const reporters = [
    '--reporter=json',
    `--outputFile.json=${file}`,
    '--reporter=./scripts/faults-progress.mjs',
  ];
  spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', 'test/faults', ...reporters], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const report = JSON.parse(readFileSync(file, 'utf8'));
  rmSync(folder, { recursive: true });
  return report;
}

const reports = values.report?.map((file) => JSON.parse(readFileSync(file, 'utf8'))) ?? [runTests()];
/** Ends the title of a test that is expected to fail, which the runner reports as passed: what it tests does not hold yet. */
const NOT_YET = '(not yet)';
const statuses = new Map();
for (const { name, assertionResults } of reports.flatMap(({ testResults }) => testResults)) {
  if (!name.includes('/test/faults/')) continue;
  for (const { title, ancestorTitles, status } of assertionResults) {
    // The number stands before the title of a test, or of the group that it is in.
    const row = Number([title, ...ancestorTitles].map((one) => /^(\d+): /.exec(one)?.[1]).find(Boolean));
    if (Number.isNaN(row)) continue;
    const outcome = status === 'passed' && title.endsWith(NOT_YET) ? 'not yet' : status;
    statuses.set(row, [...(statuses.get(row) ?? []), outcome]);
  }
}

function outcomeOf(row) {
  const found = statuses.get(row) ?? [];
  if (found.length === 0) return 'has no test';
  if (found.includes('failed')) return 'failed';
  if (found.includes('not yet')) return 'not yet';
  return found.every((status) => status === 'passed') ? 'passed' : 'skipped';
}

const colour = process.stdout.isTTY && !process.env.NO_COLOR;
const COLOURS = { passed: 32, 'not yet': 33 };
const paint = (text) => (colour ? `\x1b[${COLOURS[text] ?? 31}m${text}\x1b[0m` : text);
const width = Math.max(...[...ROWS.values()].map(([done]) => done.length));
let bad = 0;
const notYet = [];
for (const [row, [done, expected]] of ROWS) {
  const outcome = outcomeOf(row);
  if (outcome === 'not yet') notYet.push(row);
  else if (outcome !== 'passed') bad++;
  print(`${String(row).padStart(3)}  ${done.padEnd(width)}  → ${expected}: ${paint(outcome)}`);
}
for (const row of statuses.keys()) {
  if (ROWS.has(row)) continue;
  bad++;
  print(`${String(row).padStart(3)}  is tested, but not in test/faults/rows.mjs`);
}
if (notYet.length > 0) print(`do not hold yet: ${notYet.join(', ')}`);
print(`${ROWS.size - bad - notYet.length} rows passed, ${notYet.length} do not hold yet, ${bad} failed`);
process.exitCode = bad === 0 ? 0 : 1;
