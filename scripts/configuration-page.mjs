// Writes the tables of docs/configuration.md, every setting with type, default, environment variable and meaning, from the configuration's
// schema. The prose around them is the page's own. With --check it only says whether the tables are those of this version.
import { readFileSync, writeFileSync } from 'node:fs';
import { variableOf } from '../dist/config/env-overrides.js';
import { SCALAR_SETTINGS, toJsonSchema } from '../dist/config/schema.js';

const PAGE = new URL('../docs/configuration.md', import.meta.url);
const [BEGIN, END] = ['<!-- settings: written by npm run docs -->', '<!-- end of settings -->'];

/** Sentences of descriptions that say of which kind a value is; the column `type` says it here. */
const KINDS = [
  [/ A duration such as [^.]*\.$/, 'duration'],
  [/ A size such as [^,]*, or a number of bytes\.$/, 'size'],
  [/ Named by \{ env: NAME \} or \{ file: PATH \}\.$/, 'secret'],
];

/** Texts with a form, by the pattern they must have. */
const TEXTS = new Map([
  ['^[a-f0-9]{24}$', 'id'],
  ['^\\d{4}-\\d{2}-\\d{2}$', 'day, YYYY-MM-DD'],
]);

const isMapping = ({ type, properties }) => type === 'object' && properties !== undefined;
const isFile = ({ properties, required }) =>
  Object.keys(properties ?? {}).join() === 'file' && required?.join() === 'file';
/** Mappings of scalars only, which are written on one line and told of in one row. */
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
      return Object.keys(schema.properties ?? {}).join() === 'url' ? '`{ url: URL }`' : 'mapping';
    case 'integer':
      return `whole number${range(schema)}`;
    case 'number':
      return schema.exclusiveMinimum === 0 ? `number over 0, to ${schema.maximum}` : `number${range(schema)}`;
    case 'boolean':
      return '`true` or `false`';
    default:
      return TEXTS.get(schema.pattern) ?? 'text';
  }
}
const plural = (word) => (word === 'id' ? 'ids' : word === 'text' ? 'texts' : word);

function meaningOf({ description = '' }) {
  const kind = KINDS.find(([sentence]) => sentence.test(description));
  return (kind === undefined ? description : description.replace(kind[0], '')).replaceAll('|', '\\|');
}

function defaultOf({ default: standard }, required) {
  if (standard === undefined) return required ? 'needed' : '';
  if (Array.isArray(standard)) return standard.length === 0 ? 'none' : `\`[${standard.join(', ')}]\``;
  return typeof standard === 'object' ? '' : `\`${standard}\``;
}

/** A row for a setting and one for each below it. A mapping that only holds others together, and says nothing, has none of its own. */
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
if (begin < 0 || end < begin) throw new Error(`docs/configuration.md must hold ${BEGIN} and ${END}`);
const made = `${page.slice(0, begin)}${BEGIN}\n\n${tables}\n\n${page.slice(end)}`;

if (process.argv.includes('--check')) {
  if (made !== page)
    process.stderr.write('docs/configuration.md is not the page of this schema: npm run docs\n');
  process.exitCode = made === page ? 0 : 1;
} else writeFileSync(PAGE, made);
