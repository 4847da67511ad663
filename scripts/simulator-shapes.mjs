// Generates src/simulator/shapes.ts, from which the simulator makes its answers, from a copy of Atlas's OpenAPI description: the names,
// types, enumerations and formats of the fields that GET operations answer with.
// usage: npm run simulator-shapes -- openapi-v2.json [where to write instead]
import { readFileSync, writeFileSync } from 'node:fs';
import { kindOfPattern } from './simulator-shapes/patterns.mjs';
import { source } from './simulator-shapes/source.mjs';

const OUTPUT = new URL('../src/simulator/shapes.ts', import.meta.url);
const MEDIA_TYPE = /^application\/vnd\.atlas\.(\d{4}-\d{2}-\d{2}|preview)\+json$/;
/** Longer enumerations are cut: a few values show what the gateway does with them. */
const MAX_CHOICES = 16;
const KINDS = new Map([
  ['date-time', 'dateTime'],
  ['date', 'date'],
  ['email', 'email'],
  ['uuid', 'uuid'],
  ['uri', 'uri'],
]);

const [, , input, output = OUTPUT] = process.argv;
if (input === undefined) {
  process.stderr.write('usage: npm run simulator-shapes -- FILE\n');
  process.exit(2);
}
const description = JSON.parse(readFileSync(input, 'utf8'));
const { schemas, responses } = description.components;
const nameOf = ({ $ref }) => $ref.split('/').at(-1);
const resolve = (node) => (node.$ref === undefined ? node : resolve(schemas[nameOf(node)]));

/** Values of discriminators by the schema that they select: the field's name, and the values. */
function discriminatorValues() {
  const byChild = new Map();
  for (const { discriminator } of Object.values(schemas)) {
    for (const [value, $ref] of Object.entries(discriminator?.mapping ?? {})) {
      const fields = byChild.get(nameOf({ $ref })) ?? new Map();
      byChild.set(nameOf({ $ref }), fields);
      const { propertyName } = discriminator;
      fields.set(propertyName, [...(fields.get(propertyName) ?? []), value]);
    }
  }
  return byChild;
}

/** Properties and required names of a schema, with those of `allOf`; alternatives (`oneOf`) are not included. */
function membersOf(schema) {
  const all = (schema.allOf ?? []).map((part) => membersOf(resolve(part)));
  return {
    properties: Object.assign({}, ...all.map(({ properties }) => properties), schema.properties),
    required: [...all.flatMap(({ required }) => required), ...(schema.required ?? [])],
  };
}

/** Connection strings have no format in the description; clients parse them. */
const MONGO_URI =
  /ConnectionStrings\w*\.(standard|private|awsPrivateLink\{\})$|\.(connectionString|mongoURI|mongoURIWithOptions)$/;
const MONGO_SRV_URI =
  /\.(standardSrv|privateSrv|awsPrivateLinkSrv\{\}|srvConnectionString|srvShardOptimizedConnectionString|srvAddress)$/;

function textShape({ format, pattern, minLength = 0, maxLength = 64 }, place) {
  if (pattern !== undefined) return kindOfPattern(pattern, place);
  if (KINDS.has(format)) return KINDS.get(format);
  if (MONGO_URI.test(place)) return 'mongoUri';
  if (MONGO_SRV_URI.test(place)) return 'mongoSrvUri';
  return minLength > 8 || maxLength < 12 ? `hex${Math.max(minLength, Math.min(8, maxLength))}` : 'text';
}

function integerShape({ minimum, maximum, format }) {
  if (minimum === undefined && maximum === undefined) return format === 'int64' ? 'int64' : 'integer';
  const from = minimum ?? 0;
  return { from, to: maximum ?? from + 1_000 };
}

const fixed = new Map(discriminatorValues());
const named = new Map();

function fieldsOf(schema, place) {
  const { properties, required } = membersOf(schema);
  const fields = {};
  for (const name of Object.keys(properties).sort()) {
    const property = properties[name];
    if (property.writeOnly === true || resolve(property).writeOnly === true) continue;
    fields[required.includes(name) ? name : `${name}?`] = shapeOf(property, `${place}.${name}`);
  }
  return fields;
}

function namedShape(name) {
  if (named.has(name)) return `@${name}`;
  named.set(name, undefined);
  const schema = schemas[name];
  const fields = isObject(schema) ? fieldsOf(schema, name) : undefined;
  for (const [field, values] of fixed.get(name) ?? [])
    if (fields !== undefined) {
      delete fields[`${field}?`];
      fields[field] = { enum: values };
    }
  named.set(name, fields === undefined ? shapeOf(schema, name) : { fields });
  return `@${name}`;
}

const isObject = ({ oneOf, properties, allOf }) =>
  oneOf === undefined && (properties !== undefined || allOf !== undefined);

function shapeOf(schema, place) {
  if (schema.nullable === true) {
    const { nullable: _nullable, ...rest } = schema;
    return { nullable: shapeOf(rest, place) };
  }
  if (schema.$ref !== undefined) return namedShape(nameOf(schema));
  if (schema.oneOf !== undefined) return choiceOf(schema.oneOf.map((one) => shapeOf(one, place)));
  if (schema.enum !== undefined) return { enum: schema.enum.slice(0, MAX_CHOICES) };
  if (isObject(schema)) return { fields: fieldsOf(schema, place) };
  switch (schema.type) {
    case 'string':
      return textShape(schema, place);
    case 'integer':
      return integerShape(schema);
    case 'number':
      return schema.minimum === undefined && schema.maximum === undefined ? 'number' : integerShape(schema);
    case 'boolean':
      return 'boolean';
    case 'array':
      return [shapeOf(schema.items, `${place}[]`)];
    case 'object':
      return typeof schema.additionalProperties === 'object'
        ? { map: shapeOf(schema.additionalProperties, `${place}{}`) }
        : 'object';
    default:
      throw new Error(`${place} has a type that is not known: ${JSON.stringify(schema.type)}`);
  }
}

/** One of several shapes; several enumerations are one. */
function choiceOf(shapes) {
  const choices = shapes.flatMap((shape) => shape.enum ?? []);
  if (shapes.every((shape) => shape.enum !== undefined)) return { enum: choices.slice(0, MAX_CHOICES) };
  return shapes.length === 1 ? shapes[0] : { oneOf: shapes };
}

/** The shape of a response; of a list, that of an item. */
function responseShape(schema, place) {
  const { results } = resolve(schema).properties ?? {};
  return shapeOf(results === undefined ? schema : resolve(results).items, place);
}

function versionsOf({ operationId, responses: answers }) {
  const success = answers['200'];
  const { content = {} } = success?.$ref === undefined ? (success ?? {}) : responses[nameOf(success)];
  return Object.fromEntries(
    Object.entries(content).flatMap(([mediaType, { schema }]) => {
      const version = MEDIA_TYPE.exec(mediaType)?.[1];
      return version === undefined ? [] : [[version, responseShape(schema, operationId)]];
    }),
  );
}

/**
 * Gives the field that identifies the items of a list the shape of the path parameter that it is used as, where the field's own schema
 * allows any text: Atlas would not accept the item's value in the path otherwise.
 */
function narrowIdentity(path, { parameters = [] }) {
  const [, list, parameter] = /^(.*)\/\{(\w+)\}$/.exec(path) ?? [];
  const content = Object.values(description.paths[list]?.get?.responses['200'].content ?? {});
  const rule = parameters.map((one) =>
    one.$ref === undefined ? one : description.components.parameters[nameOf(one)],
  );
  const schema = rule.find(({ name }) => name === parameter)?.schema;
  if (schema?.pattern === undefined && schema?.enum === undefined) return;
  for (const { schema: page } of content) {
    const { results } = resolve(page).properties ?? {};
    const reference = results === undefined ? undefined : resolve(results).items;
    const fields = reference?.$ref === undefined ? undefined : named.get(nameOf(reference)).fields;
    for (const field of [
      parameter,
      `${parameter}?`,
      ...(parameter.endsWith('Name') ? ['name', 'name?'] : []),
    ])
      if (fields?.[field] === 'text') fields[field] = shapeOf(schema, `${path} ${parameter}`);
  }
}

const answers = Object.values(description.paths).flatMap(({ get }) => {
  const versions = get === undefined || get.requestBody !== undefined ? {} : versionsOf(get);
  return Object.keys(versions).length === 0 ? [] : [[get.operationId, versions]];
});
for (const [path, { get }] of Object.entries(description.paths))
  if (get !== undefined) narrowIdentity(path, get);
const text = source(new Map([...named].sort(([a], [b]) => (a < b ? -1 : 1))), answers);
writeFileSync(output, text);
process.stdout.write(`${answers.length} operations, ${named.size} shapes, ${text.length} bytes\n`);
