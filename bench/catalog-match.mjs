// Measures the lookup of operations by path: all operations of the catalog, the cheapest, the most expensive, and an unknown path.
import { createCatalog, targetPath } from '../dist/atlas/catalog.js';
import { operations } from '../dist/atlas/operations.js';
import { readOptions } from './lib/options.mjs';
import { createReport } from './lib/report.mjs';
import { median, spreadText } from './lib/statistics.mjs';
import { table } from './lib/table.mjs';

const options = readOptions('usage: npm run bench:match -- [flags]');
const report = createReport(options);
const ROUNDS = options.short ? 1 : 7;
const CALLS = options.short ? 100 : 20_000;
const catalog = createCatalog(operations);
const sample = ({ name, pattern, enum: choices }) =>
  choices?.[0] ?? (pattern?.includes('24') ? 'a'.repeat(24) : (name ?? 'x'));
const paths = operations.map((operation) =>
  targetPath(operation, Object.fromEntries(operation.pathParameters.map((one) => [one.name, sample(one)]))),
);

function once(path) {
  const startedAt = process.hrtime.bigint();
  for (let call = 0; call < CALLS; call++) catalog.match(path);
  return Number(process.hrtime.bigint() - startedAt) / CALLS;
}

const times = new Map(paths.map((path) => [path, []]));
times.set('/api/atlas/v2/nothing/here', []);
// Interleaved, so that noise of the machine affects all alike.
for (let round = 0; round < ROUNDS; round++) for (const [path, measured] of times) measured.push(once(path));
const rows = [...times].map(([path, measured]) => ({
  path,
  ns: median(measured),
  parameters: (operations[paths.indexOf(path)]?.pathParameters ?? []).length,
}));
const first = rows[0];
const last = rows[operations.length - 1];
const none = rows[operations.length];
const byParameters = [1, 2, 3, 4].flatMap((parameters) => {
  const alike = rows.filter((row) => row.parameters === parameters).map(({ ns }) => ns);
  return alike.length === 0 ? [] : [[`${alike.length} paths`, parameters, spreadText(alike)]];
});
report.print(
  'match',
  table(
    ['path', 'parameters', 'ns, median (least to most)'],
    [
      ...[
        ['first of the catalog', first],
        ['last of the catalog', last],
        ['unknown', none],
      ].map(([name, { parameters, ns }]) => [name, parameters, ns.toFixed(0)]),
      ...byParameters,
    ],
  ),
  'Finding the operation of a path',
);
report.end();
