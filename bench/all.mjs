// Runs every benchmark and puts the tables into the pages that have them: all figures of the documentation come from one run of this
// script, on one day, with one program. Takes about an hour, in which the machine should do nothing else.
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';

const PAGES = [
  'README.md',
  'docs/performance.md',
  'docs/configuration.md',
  'docs/shared-cache.md',
  'docs/decisions/hit-path.md',
];
const USAGE = `usage: npm run bench:all -- [flags]
  --node A,B   more node binaries, which are compared with this one
  --only A,B   names that --list prints
  --list       prints what would run
`;

function readFlags() {
  try {
    return parseArgs({
      options: {
        node: { type: 'string' },
        only: { type: 'string' },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    process.stderr.write(`${error.message}\n${USAGE}`);
    process.exit(2);
  }
}

const flags = readFlags();
const nodes = [process.execPath, ...(flags.node?.split(',') ?? [])].join(',');

/** In this order: what needs a quiet machine most comes first. Minutes are those of two cores. */
const RUNS = [
  {
    name: 'hits',
    minutes: 9,
    script: 'bench.mjs',
    given: ['--only', 'nginx+log,bare,gateway,hono-full', '--rounds', '7'],
  },
  { name: 'servers', minutes: 3, script: 'bench.mjs', given: ['--scenarios', 'hits-4'] },
  {
    name: 'node-versions',
    minutes: 3,
    script: 'bench.mjs',
    given: ['--scenarios', 'hits-4', '--only', 'nginx+log,bare,gateway', '--node', nodes],
  },
  {
    name: 'hit-path',
    minutes: 2,
    script: 'hit-path.mjs',
    given: ['--scenarios', 'hits-4,unchanged', '--rounds', '7', '--node', nodes],
  },
  { name: 'elements', minutes: 1, script: 'elements.mjs' },
  { name: 'misses', minutes: 3, script: 'misses.mjs' },
  { name: 'parse', minutes: 1, script: 'parse.mjs' },
  { name: 'match', minutes: 1, script: 'catalog-match.mjs' },
  { name: 'flood', minutes: 5, script: 'flood.mjs' },
  { name: 'weather', minutes: 20, script: 'weather.mjs' },
  { name: 'upstream', minutes: 3, script: 'upstream-calls.mjs' },
  { name: 'scale', minutes: 2, script: 'scale.mjs' },
  { name: 'memory', minutes: 5, script: 'memory.mjs' },
  { name: 'growth', minutes: 8, script: 'growth.mjs', given: ['--most', '10000', '--rounds', '3'] },
  { name: 'soak', minutes: 10, script: 'soak.mjs' },
];
const only = flags.only?.split(',');
const unknown = only?.find((name) => !RUNS.some((run) => run.name === name));
if (unknown !== undefined) {
  process.stderr.write(`there is no '${unknown}'; there are ${RUNS.map(({ name }) => name).join(', ')}\n`);
  process.exit(2);
}
const runs = RUNS.filter(({ name }) => only?.includes(name) ?? true);
if (flags.help) process.stdout.write(USAGE);
if (flags.list)
  for (const { name, minutes, script, given = [] } of runs)
    process.stdout.write(`${name}, ${minutes} min: node bench/${script} ${given.join(' ')}\n`);
if (flags.help || flags.list) process.exit(0);

const run = ({ script, given = [] }) =>
  new Promise((resolve) => {
    const args = [`bench/${script}`, ...given, '--into', PAGES.join(',')];
    spawn(process.execPath, args, { stdio: 'inherit' }).on('close', resolve);
  });

const failed = [];
for (const [index, one] of runs.entries()) {
  const left = runs.slice(index).reduce((sum, { minutes }) => sum + minutes, 0);
  process.stderr.write(`\n== ${one.name}, ${index + 1} of ${runs.length}; about ${left} minutes left\n`);
  if ((await run(one)) !== 0) failed.push(one.name);
}
if (failed.length > 0) process.stderr.write(`failed: ${failed.join(', ')}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
