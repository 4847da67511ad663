// Records what the built program answers to many requests and command lines, and compares a recording with the program as it is now:
// proof that a change which only renames or moves code changes no behaviour. `npm run corpus` builds the program first.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { recordAdmin } from './corpus/chapters/admin.mjs';
import { recordCaching } from './corpus/chapters/caching.mjs';
import { recordCallers } from './corpus/chapters/callers.mjs';
import { recordCatalog } from './corpus/chapters/catalog.mjs';
import { recordCommandLine } from './corpus/chapters/command-line.mjs';
import { recordDocuments } from './corpus/chapters/documents.mjs';
import { recordEdge } from './corpus/chapters/edge.mjs';
import { recordLifecycle } from './corpus/chapters/lifecycle.mjs';
import { recordPages } from './corpus/chapters/pages.mjs';
import { recordRepresentations } from './corpus/chapters/representations.mjs';
import { recordUpstreamFailures } from './corpus/chapters/upstream-failures.mjs';
import { compareRecords, createAllowance, describeComparison, isDifferent } from './corpus/difference.mjs';
import { operationsOf } from './corpus/operations.mjs';
import { killChildren } from './corpus/processes.mjs';
import { createRecorder, joinRecords, readRecords, writeRecords } from './corpus/records.mjs';
import { openSession } from './corpus/session.mjs';

/** The chapters of a lane run sequentially; lanes run in parallel, because one mostly waits while the other computes. */
const LANES = [
  {
    catalog: recordCatalog,
    pages: recordPages,
    representations: recordRepresentations,
    caching: recordCaching,
    callers: recordCallers,
    edge: recordEdge,
    admin: recordAdmin,
  },
  {
    'upstream failures': recordUpstreamFailures,
    lifecycle: recordLifecycle,
    'command line': recordCommandLine,
  },
];
const USAGE = 'usage: npm run corpus -- --record FILE | --compare FILE [--allow FILE]\n';

const print = (line) => void process.stdout.write(`${line}\n`);
const progress = (line) => void process.stderr.write(`${line}\n`);

/** Creates the context of the chapters, with a folder that is removed afterwards. */
function createContext(recorder, folder) {
  let folders = 0;
  const makeFolder = () => mkdtempSync(join(folder, `${++folders}-`));
  const open = (options) => openSession(recorder, { folder: makeFolder(), ...options });
  return { recorder, makeFolder, open };
}

async function runChapter(name, run, context) {
  const startedAt = performance.now();
  const before = context.recorder.size();
  const result = await run(context);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  progress(`${name}: ${context.recorder.size() - before} records in ${seconds} s`);
  return result;
}

/** Runs all chapters; returns their records in the same order every time. */
async function recordAll(folder) {
  const first = createRecorder();
  const document = await runChapter('documents', recordDocuments, createContext(first, folder));
  const operations = operationsOf(document);
  const runLane = async (chapters) => {
    const recorder = createRecorder();
    const context = { ...createContext(recorder, folder), operations };
    for (const [name, run] of Object.entries(chapters)) await runChapter(name, run, context);
    return recorder;
  };
  const others = await Promise.all(LANES.map(runLane));
  return joinRecords([first, ...others]);
}

async function recordProgram() {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-corpus-'));
  const interrupt = () => {
    killChildren();
    process.exit(1);
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    return await recordAll(folder);
  } finally {
    killChildren();
    rmSync(folder, { recursive: true });
  }
}

function printComparison(before, after, allowance) {
  const comparison = compareRecords(before, after, allowance);
  for (const line of describeComparison(comparison)) print(line);
  for (const pattern of allowance.unused()) progress(`the rule for '${pattern}' allowed nothing: remove it`);
  return isDifferent(comparison) ? 1 : 0;
}

const readAllowance = (file) =>
  createAllowance(file === undefined ? [] : (parse(readFileSync(file, 'utf8')) ?? []));

async function recordTo(file) {
  const records = await recordProgram();
  writeRecords(file, records);
  print(`${records.length} records in ${file}`);
  return 0;
}

/** Reads files first, so that a wrong file name fails at once and not after two minutes. */
async function compareWith(file, allowFile) {
  const before = readRecords(file);
  const allowance = readAllowance(allowFile);
  return printComparison(before, await recordProgram(), allowance);
}

async function run({ record, compare, allow }) {
  if (record !== undefined && compare === undefined) return recordTo(record);
  if (compare !== undefined && record === undefined) return compareWith(compare, allow);
  progress(USAGE);
  return 2;
}

const { values } = parseArgs({
  options: { record: { type: 'string' }, compare: { type: 'string' }, allow: { type: 'string' } },
});
process.exitCode = await run(values);
