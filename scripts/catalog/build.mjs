// Generates src/atlas/operations.ts from a copy of Atlas's OpenAPI description and reports the changes.
// usage: npm run catalog -- openapi-v2.json [where to write instead]
import { readFileSync, writeFileSync } from 'node:fs';
import { cacheUnitOf, endpointSetOf, patternOf, sensitivityOf } from './decisions.mjs';

const OUTPUT = new URL('../../src/atlas/operations.ts', import.meta.url);
const MEDIA_TYPE = /^application\/vnd\.atlas\.(\d{4}-\d{2}-\d{2}|preview)\+json$/;

/** Follows `$ref` within the description. */
function resolve(description, node) {
  if (typeof node?.$ref !== 'string') return node;
  return node.$ref
    .slice(2)
    .split('/')
    .reduce((at, part) => at[part], description);
}

/** The paginated GET operations of an OpenAPI description, in the condensed form. */
function condense(description) {
  const operations = [];
  for (const [path, item] of Object.entries(description.paths)) {
    const get = item.get;
    if (get === undefined) continue;
    const parameters = [...(item.parameters ?? []), ...(get.parameters ?? [])].map((parameter) =>
      resolve(description, parameter),
    );
    if (!parameters.some(({ name }) => name === 'pageNum')) continue;
    const content = resolve(description, get.responses['200'])?.content ?? {};
    const sunset = {};
    const versions = [];
    for (const [mediaType, media] of Object.entries(content)) {
      const version = MEDIA_TYPE.exec(mediaType)?.[1];
      if (version === undefined) continue;
      versions.push(version);
      if (media['x-sunset'] !== undefined) sunset[version] = media['x-sunset'];
    }
    const facts = (where) =>
      Object.fromEntries(
        parameters
          .filter((parameter) => parameter.in === where)
          .map((parameter) => {
            const {
              type,
              default: standard,
              minimum,
              maximum,
              pattern,
              enum: choices,
            } = resolve(description, parameter.schema) ?? {};
            return [
              parameter.name,
              {
                type,
                default: standard,
                minimum,
                maximum,
                pattern,
                enum: choices,
                required: parameter.required || undefined,
              },
            ];
          }),
      );
    operations.push({
      operationId: get.operationId,
      aka: get['x-xgen-operation-id-override'] ?? null,
      path,
      tag: get.tags?.[0] ?? '',
      versions,
      sunset,
      pathParams: facts('path'),
      queryParams: facts('query'),
    });
  }
  return operations;
}

const byVersion = (a, b) => (a === 'preview' ? 1 : b === 'preview' ? -1 : a < b ? -1 : 1);

function parameterOf(name, facts) {
  const { type = 'string', required, default: standard, minimum, maximum, pattern, enum: choices } = facts;
  const kept = { name, type };
  if (required) kept.required = true;
  if (standard !== undefined && standard !== null && !Array.isArray(standard)) kept.default = standard;
  if (minimum !== undefined) kept.minimum = minimum;
  // One description omits it; Atlas accepts at most 500 everywhere.
  if (maximum !== undefined || name === 'itemsPerPage') kept.maximum = maximum ?? 500;
  if (pattern !== undefined) kept.pattern = patternOf(name, pattern);
  if (choices !== undefined) kept.enum = choices;
  return kept;
}

function operationOf(facts) {
  return {
    id: facts.operationId,
    ...(facts.aka ? { alias: facts.aka } : {}),
    path: facts.path,
    tag: facts.tag,
    versions: [...facts.versions]
      .sort(byVersion)
      .map((name) => ({ name, ...(facts.sunset[name] ? { sunset: facts.sunset[name] } : {}) })),
    pathParameters: Object.entries(facts.pathParams).map(([name, parameter]) => parameterOf(name, parameter)),
    queryParameters: Object.entries(facts.queryParams)
      .filter(([name]) => !name.startsWith('_'))
      .map(([name, parameter]) => parameterOf(name, parameter)),
    endpointSet: endpointSetOf(facts.path),
    sensitivity: sensitivityOf(facts.path),
    cacheUnit: cacheUnitOf(facts.path),
  };
}

/** TypeScript source of the operations; parameters that several operations share are defined once. */
function source(operations) {
  const uses = new Map();
  const lists = operations.flatMap(({ pathParameters, queryParameters }) => [
    ...pathParameters,
    ...queryParameters,
  ]);
  for (const parameter of lists)
    uses.set(JSON.stringify(parameter), (uses.get(JSON.stringify(parameter)) ?? 0) + 1);
  const names = new Map();
  const taken = new Map();
  for (const [text, count] of uses) {
    if (count < 2) continue;
    const name = JSON.parse(text).name.replace(/[^A-Za-z0-9]/g, '');
    const number = (taken.get(name) ?? 0) + 1;
    taken.set(name, number);
    names.set(text, number === 1 ? name : `${name}${number}`);
  }
  const reference = (parameter) => names.get(JSON.stringify(parameter)) ?? JSON.stringify(parameter);
  const shared = [...names].map(([text, name]) => `const ${name}: Parameter = ${text};`);
  const rows = operations.map(({ pathParameters, queryParameters, ...facts }) => {
    const head = JSON.stringify(facts).slice(0, -1);
    return `${head},"pathParameters":[${pathParameters.map(reference)}],"queryParameters":[${queryParameters.map(reference)}]},`;
  });
  return [
    '// Generated by scripts/catalog/build.mjs from the OpenAPI description of the Atlas Administration API v2; run `npm run catalog` instead of editing.',
    "import type { Operation, Parameter } from './catalog.ts';",
    '',
    ...shared,
    '',
    '/** Every paginated GET operation of the Atlas Administration API v2. */',
    'export const operations: readonly Operation[] = [',
    ...rows,
    '];',
    '',
  ].join('\n');
}

const [, , input, output = OUTPUT] = process.argv;
if (input === undefined) {
  process.stderr.write(
    'usage: npm run catalog -- FILE\nFILE is a copy of the OpenAPI description of the Atlas Administration API v2, as JSON.\n',
  );
  process.exit(2);
}
const description = JSON.parse(readFileSync(input, 'utf8'));
const operations = (description.operations ?? condense(description)).map(operationOf);
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
writeFileSync(output, source(operations));
process.stdout.write(`${operations.length} operations written; run npm run format\n`);
