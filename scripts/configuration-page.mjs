// Generates the tables of docs/configuration.md from the configuration's schema: type, default, environment variable and meaning of every
// setting. The prose around them is written by hand. With --check it only reports whether the tables are up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { variableOf } from '../dist/config/env-overrides.js';
import { toJsonSchema } from '../dist/config/json-schema.js';
import { SCALAR_SETTINGS } from '../dist/config/schema.js';

const PAGE = new URL('../docs/configuration.md', import.meta.url);
const [BEGIN, END] = ['<!-- settings: written by npm run docs -->', '<!-- end of settings -->'];

/** Sentences of descriptions that name the type of a value; they are moved to the column `type`. */
const KINDS = [
  [/ A duration such as [^.]*\.$/, 'duration'],
  [/ A size such as [^,]*, or a number of bytes\.$/, 'size'],
  [/ Given as \{ env: NAME \} or \{ file: PATH \}\.$/, 'secret'],
];

/** Type names of strings with a pattern, by the pattern. */
const TEXTS = new Map([
  ['^[a-f0-9]{24}$', 'id'],
  ['^\\d{4}-\\d{2}-\\d{2}$', 'day, YYYY-MM-DD'],
]);

const isMapping = ({ type, properties }) => type === 'object' && properties !== undefined;
const isFile = ({ properties, required }) =>
  Object.keys(properties ?? {}).join() === 'file' && required?.join() === 'file';
/** Mappings documented in a single row. */
const isSmall = (schema) => isMapping(schema) && Object.keys(schema.properties).join() === 'perMinute';

function range({ minimum, maximum, exclusiveMinimum }) {
  const from =
    exclusiveMinimum === undefined
      ? minimum
      : exclusiveMinimum + (Number.isInteger(exclusiveMinimum) ? 1 : 0);
  const to = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (from === undefined && to === undefined) return '';
  return to === undefined ? ` from ${from}` : ` from ${from ?? 'any'} to ${to}`;
}

function typeOf(schema) {
  const kind = KINDS.find(([sentence]) => sentence.test(schema.description ?? ''));
  if (kind !== undefined) return kind[1];
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeOf))].join(' or ');
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (isFile(schema)) return '`{ file: PATH }`';
  if (isSmall(schema)) return '`{ perMinute: N }`';
  switch (schema.type) {
    case 'array':
      return schema.items.type === 'object' ? 'list' : `list of ${plural(typeOf(schema.items))}`;
    case 'object':
      return /^url(,proxy)?$/.test(Object.keys(schema.properties ?? {}).join())
        ? '`{ url: URL }`'
        : 'mapping';
    case 'integer':
      return `whole number${range(schema)}`;
    case 'number':
      return schema.exclusiveMinimum === 0
        ? `number greater than 0, up to ${schema.maximum}`
        : `number${range(schema)}`;
    case 'boolean':
      return '`true` or `false`';
    default:
      return TEXTS.get(schema.pattern) ?? 'string';
  }
}
const plural = (word) => (word === 'id' ? 'ids' : word === 'string' ? 'strings' : word);

function meaningOf({ description = '' }) {
  const kind = KINDS.find(([sentence]) => sentence.test(description));
  return (kind === undefined ? description : description.replace(kind[0], '')).replaceAll('|', '\\|');
}

function defaultOf({ default: value }, required) {
  if (value === undefined) return required ? 'needed' : '';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : `\`[${value.join(', ')}]\``;
  return typeof value === 'object' ? '' : `\`${value}\``;
}

/** Rows for a setting and everything below it. A mapping without a description gets no row of its own. */
function rowsOf(setting, schema, required) {
  const row = {
    setting: `\`${setting}\``,
    type: typeOf(schema),
    default: defaultOf(schema, required),
    environment: SCALAR_SETTINGS.includes(setting) ? `\`${variableOf(setting)}\`` : '',
    meaning: meaningOf(schema),
  };
  if (isFile(schema) || isSmall(schema)) return [row];
  if (isMapping(schema)) {
    const below = Object.entries(schema.properties).flatMap(([name, value]) =>
      rowsOf(`${setting}.${name}`, value, schema.required?.includes(name)),
    );
    return schema.description === undefined ? below : [row, ...below];
  }
  const [each, suffix] =
    schema.type === 'array' ? [schema.items, '[]'] : [schema.additionalProperties, '.<id>'];
  const entries =
    typeof each === 'object' && isMapping(each) ? rowsOf(`${setting}${suffix}`, each, false) : [];
  return schema.description === undefined && entries.length > 0 ? entries : [row, ...entries];
}

function table(rows) {
  const columns = ['setting', 'type', 'default', 'environment', 'meaning'].filter((column) =>
    rows.some((row) => row[column] !== ''),
  );
  const width = (column) => Math.max(column.length, ...rows.map((row) => row[column].length));
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [
    line(columns.map((column) => column.padEnd(width(column)))),
    line(columns.map((column) => '-'.repeat(width(column)))),
    ...rows.map((row) => line(columns.map((column) => row[column].padEnd(width(column))))),
  ].join('\n');
}

const schema = toJsonSchema();
const tables = Object.entries(schema.properties)
  .map(([name, section]) => `### ${name}\n\n${table(rowsOf(name, section, schema.required?.includes(name)))}`)
  .join('\n\n');

const page = readFileSync(PAGE, 'utf8');
const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
if (begin < 0 || end < begin) throw new Error(`docs/configuration.md must contain ${BEGIN} and ${END}`);
const generated = `${page.slice(0, begin)}${BEGIN}\n\n${tables}\n\n${page.slice(end)}`;

if (process.argv.includes('--check')) {
  if (generated !== page) process.stderr.write('docs/configuration.md is out of date; run: npm run docs\n');
  process.exitCode = generated === page ? 0 : 1;
} else writeFileSync(PAGE, generated);
