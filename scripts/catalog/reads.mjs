// The reads of an OpenAPI description: what it says of every GET operation, in the terms of the catalog.
import { elementOf, isElement } from './elements.mjs';
import { parametersOf } from './parameters.mjs';
import { collect, problem } from './problem.mjs';
import { resolve } from './references.mjs';

const PATH = /^\/api\/atlas\/v2(\/([\w.:-]+|\{\w+\}(:\w+)?))*$/;
const MEDIA_TYPE = /^application\/vnd\.atlas\.(\d{4}-\d{2}-\d{2}|preview)\+(json|gzip|csv)$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;

const byVersion = (a, b) => (a.name === 'preview' ? 1 : b.name === 'preview' ? -1 : a.name < b.name ? -1 : 1);

/** The names of the properties of a schema, those of the schemas that it extends included. */
function propertiesOf(description, node, where, seen = new Set()) {
  const schema = resolve(description, node, where);
  if (schema === undefined || seen.has(schema)) return [];
  seen.add(schema);
  const extended = (schema.allOf ?? []).flatMap((part) => propertiesOf(description, part, where, seen));
  return [...Object.keys(schema.properties ?? {}), ...extended];
}

function kindOf(description, id, schemas, query, where) {
  if (isElement(id)) return 'element';
  if (schemas.some((schema) => resolve(description, schema, where)?.type === 'array')) return 'array';
  if (!schemas.some((schema) => propertiesOf(description, schema, where).includes('results')))
    return 'document';
  return query.some(({ name }) => name === 'pageNum') ? 'list' : 'unpaged-list';
}

const SCALARS = new Set(['boolean', 'integer', 'number', 'string']);

const isScalar = (description, schemas, where) =>
  schemas.some((schema) => SCALARS.has(resolve(description, schema, where)?.type));

/** The versions of an operation in JSON. Other formats that Atlas is known to have are ignored. */
function versionsOf(description, get, where) {
  const response = resolve(description, get.responses?.['200'], where);
  if (response?.content === undefined) throw problem(where, 'has no content in its response 200');
  return Object.entries(response.content).flatMap(([mediaType, media]) => {
    const [, name, format] = MEDIA_TYPE.exec(mediaType) ?? [];
    if (name === undefined) throw problem(where, `media type ${mediaType} is not understood`);
    const sunset = media['x-sunset'];
    if (sunset !== undefined && !DATE.test(sunset)) throw problem(where, `x-sunset ${sunset} is not a date`);
    return format === 'json' ? [{ name, sunset, schema: media.schema }] : [];
  });
}

/** Why the gateway does not serve an operation; undefined if it does. */
function whyUnserved(get, versions) {
  if (versions.length === 0) return 'download';
  return get.requestBody === undefined ? undefined : 'takes-body';
}

/** The path parameters in the order of the path. */
function inPathOrder(path, parameters, where) {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  const other = parameters.find(({ name }) => !names.includes(name));
  if (other !== undefined) throw problem(where, `the path does not contain ${other.name}`);
  return names.map((name) => {
    const parameter = parameters.find((one) => one.name === name);
    if (parameter === undefined) throw problem(where, `does not describe ${name} of its path`);
    return parameter;
  });
}

function readOf(description, path, item) {
  const { get } = item;
  const id = get.operationId;
  if (typeof id !== 'string' || !/^\w+$/.test(id)) throw problem(`GET ${path}`, 'has no operationId');
  const where = `GET ${path} (${id})`;
  const alias = get['x-xgen-operation-id-override'];
  const named = { id, ...(alias ? { alias } : {}), path };
  const versions = versionsOf(description, get, where);
  const unserved = whyUnserved(get, versions);
  if (unserved !== undefined) return { ...named, unserved };
  if (!PATH.test(path)) throw problem(where, 'its path is not understood');
  const parameters = parametersOf(description, item, where);
  const schemas = versions.map(({ schema }) => schema);
  return {
    ...named,
    kind: kindOf(description, id, schemas, parameters.query, where),
    ...(isScalar(description, schemas, where) ? { scalar: true } : {}),
    tag: get.tags?.[0] ?? '',
    versions: versions
      .sort(byVersion)
      .map(({ name, sunset }) => ({ name, ...(sunset === undefined ? {} : { sunset }) })),
    pathParameters: inPathOrder(path, parameters.path, where),
    queryParameters: parameters.query.filter(({ name }) => !name.startsWith('_')),
    headerParameters: parameters.header,
  };
}

/** Ids and older names identify an operation in configurations, so each belongs to one only. */
function checkNames(reads) {
  const owners = new Map();
  return reads.flatMap(({ id, alias, path }) =>
    [...new Set([id, alias ?? id])].flatMap((name) => {
      const owner = owners.get(name);
      owners.set(name, path);
      return owner === undefined ? [] : [`GET ${path}: ${name} is also the name of GET ${owner}`];
    }),
  );
}

/** The reviewed table of elements must fit the description. */
function checkElements(reads) {
  const byId = new Map(reads.map((read) => [read.id, read]));
  return reads.flatMap(({ id, path, versions }) => {
    const element = elementOf(id);
    if (element === undefined) return [];
    const wrong = `GET ${path} (${id}): elements.mjs`;
    if (byId.get(element.list)?.kind !== 'list') return [`${wrong}: ${element.list} is not a list`];
    const missing = element.idParameter.split('+').find((name) => !path.includes(`{${name}}`));
    if (missing !== undefined) return [`${wrong}: the path does not contain ${missing}`];
    const gone = element.recordedVersions.find((name) => !versions.some((version) => version.name === name));
    return gone === undefined ? [] : [`${wrong}: there is no version ${gone}`];
  });
}

/** Every GET operation of a description, those that the gateway does not serve with the reason only, and what is wrong with the others. */
export function readsOf(description) {
  const problems = [];
  const reads = Object.entries(description.paths).flatMap(([path, item]) => {
    if (item?.get === undefined) return [];
    const read = collect(problems, () => readOf(description, path, item));
    return read === undefined ? [] : [read];
  });
  if (reads.length === 0 && problems.length === 0) problems.push('paths: there is no GET operation');
  return { reads, problems: [...problems, ...checkNames(reads), ...checkElements(reads)] };
}
