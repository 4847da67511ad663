// Generates src/atlas/operations.ts from a copy of Atlas's OpenAPI description and reports the changes.
// usage: npm run catalog -- FILE [where to write instead]
import { readFileSync, writeFileSync } from 'node:fs';
import { describeChanges } from './changes.mjs';
import { generate } from './generate.mjs';

const OUTPUT = new URL('../../src/atlas/operations.ts', import.meta.url);
const USAGE = `usage: npm run catalog -- FILE
FILE is a copy of the OpenAPI description of the Atlas Administration API v2, as JSON or YAML.
`;
const MAX_PROBLEMS = 50;

function fail(message, exitCode) {
  process.stderr.write(message);
  process.exit(exitCode);
}

function readText(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    return fail(`${file}: cannot be read (${error.code})\n`, 1);
  }
}

/** What the last build was made from; nothing if there is none. */
const builtCatalog = () =>
  import('../../dist/atlas/operations.js')
    .then(({ operations, unservedOperations }) => [...operations, ...unservedOperations])
    .catch(() => []);

const [, , file, output = OUTPUT] = process.argv;
if (file === undefined) fail(USAGE, 2);
const generated = generate(readText(file));
if (generated.problems !== undefined) {
  const lines = generated.problems.slice(0, MAX_PROBLEMS).map((what) => `${file}: ${what}\n`);
  const more = generated.problems.length - lines.length;
  fail(`${lines.join('')}${more > 0 ? `and ${more} more\n` : ''}Nothing was written.\n`, 1);
}
const { operations, unserved, source } = generated;
const changes = describeChanges(await builtCatalog(), [...operations, ...unserved]);
writeFileSync(output, source);
process.stdout.write(
  `${changes.map((line) => `${line}\n`).join('')}${changes.length === 0 ? 'no changes\n' : ''}${operations.length} operations written; run npm run format\n`,
);
