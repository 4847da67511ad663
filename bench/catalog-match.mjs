// Measures the lookup of operations by path: all operations of the catalog, the cheapest, the most expensive, and an unknown path.
// usage: npm run bench:match
import { createCatalog, targetPath } from '../dist/atlas/catalog.js';
import { operations } from '../dist/atlas/operations.js';

const ROUNDS = 7;
const CALLS = 20_000;
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
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const rows = [...times].map(([path, measured]) => ({
  path,
  ns: median(measured),
  parameters: (operations[paths.indexOf(path)]?.pathParameters ?? []).length,
}));
const first = rows[0];
const last = rows[operations.length - 1];
const none = rows[operations.length];
process.stdout.write('| path | parameters | median of a call |\n| --- | --- | --- |\n');
for (const [name, row] of [
  ['first of the catalog', first],
  ['last of the catalog', last],
  ['none', none],
])
  process.stdout.write(`| ${name} | ${row.parameters} | ${row.ns.toFixed(0)} ns |\n`);
for (const parameters of [1, 2, 3, 4]) {
  const alike = rows.filter((row) => row.parameters === parameters).map(({ ns }) => ns);
  if (alike.length > 0)
    process.stdout.write(
      `| all ${alike.length} with ${parameters} parameter${parameters === 1 ? '' : 's'}, median (least to most) | ${parameters} | ${median(alike).toFixed(0)} ns (${Math.min(...alike).toFixed(0)} to ${Math.max(...alike).toFixed(0)}) |\n`,
    );
}
