// Generates src/atlas/operations.ts from a copy of Atlas's OpenAPI description and reports the changes.
// usage: npm run catalog -- openapi-v2.json [where to write instead]
import { readFileSync, writeFileSync } from 'node:fs';
import { cacheUnitOf, endpointSetOf } from './decisions.mjs';
import { elementOf } from './elements.mjs';
import { readsOf } from './reads.mjs';
import { sensitivityOf } from './sensitivity.mjs';
import { sourceOf } from './source.mjs';

const OUTPUT = new URL('../../src/atlas/operations.ts', import.meta.url);

/** A served read with what this project has decided about it. */
function operationOf({ pathParameters, queryParameters, headerParameters, ...read }) {
  const element = elementOf(read.id);
  return {
    ...read,
    endpointSet: endpointSetOf(read.path),
    sensitivity: sensitivityOf(read.id)?.sensitivity ?? 'secret',
    cacheUnit: cacheUnitOf(read.kind, read.path),
    ...(element === undefined ? {} : { element }),
    pathParameters,
    queryParameters,
    headerParameters,
  };
}

const [, , input, output = OUTPUT] = process.argv;
if (input === undefined) {
  process.stderr.write(
    'usage: npm run catalog -- FILE\nFILE is a copy of the OpenAPI description of the Atlas Administration API v2, as JSON.\n',
  );
  process.exit(2);
}
const reads = readsOf(JSON.parse(readFileSync(input, 'utf8')));
const operations = reads.filter(({ unserved }) => unserved === undefined).map(operationOf);
const unserved = reads.flatMap(({ unserved: reason, ...named }) =>
  reason === undefined ? [] : [{ ...named, reason }],
);
const before = await import('../../dist/atlas/operations.js')
  .then((module) => module.operations)
  .catch(() => []);
const known = new Map(before.map((operation) => [operation.id, operation]));
for (const operation of operations) {
  const old = known.get(operation.id);
  known.delete(operation.id);
  if (old === undefined) process.stdout.write(`added    ${operation.id}  ${operation.path}\n`);
  else {
    const names = Object.keys({ ...old, ...operation }).filter(
      (name) => JSON.stringify(old[name]) !== JSON.stringify(operation[name]),
    );
    if (names.length > 0) process.stdout.write(`changed  ${operation.id}: ${names.join(', ')}\n`);
  }
}
for (const id of known.keys()) process.stdout.write(`removed  ${id}\n`);
writeFileSync(output, sourceOf(operations, unserved));
process.stdout.write(`${operations.length} operations written; run npm run format\n`);
