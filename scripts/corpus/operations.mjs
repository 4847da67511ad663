// The operations that a gateway serves, as its OpenAPI document describes them, and sample values for their parameters.
import { ORGANIZATIONS, PROJECTS } from './atlas-world.mjs';

const SAMPLES_BY_NAME = { groupId: PROJECTS.orders, orgId: ORGANIZATIONS.store };
/** Tried in turn for parameters that have a pattern. */
const CANDIDATES = [
  'sample',
  PROJECTS.orders,
  'mdb_sa_id_64b7c0ffee0000000000c001',
  'cluster.example.net:27017',
  '192.0.2.1',
];
/** What the gateway adds to every list itself. */
const PAGE_PARAMETERS = new Set([
  'envelope',
  'includeCount',
  'itemsPerPage',
  'pageNum',
  'pretty',
  'snapshot',
]);

const resolveRef = (document, value) =>
  value.$ref === undefined
    ? value
    : value.$ref
        .slice(2)
        .split('/')
        .reduce((node, key) => node[key], document);

/** A value that the parameter accepts. */
export function sampleOf({ name, schema }) {
  if (SAMPLES_BY_NAME[name] !== undefined) return SAMPLES_BY_NAME[name];
  if (schema.enum !== undefined) return schema.enum.at(-1);
  if (schema.type === 'boolean') return 'true';
  if (schema.type === 'integer') return String(schema.minimum ?? 7);
  if (schema.pattern === undefined) return 'sample';
  return CANDIDATES.find((candidate) => new RegExp(schema.pattern).test(candidate)) ?? 'sample';
}

/** A value that the parameter does not accept; undefined where it accepts any text. */
export function wrongValueOf({ schema }) {
  const isFree = schema.enum === undefined && schema.pattern === undefined;
  return isFree && (schema.type === 'string' || schema.type === 'array') ? undefined : 'not%20accepted%21';
}

function operationOf(document, path, { operationId, parameters = [], responses }) {
  const resolved = parameters.map((parameter) => resolveRef(document, parameter));
  const inQuery = resolved.filter((parameter) => parameter.in === 'query');
  return {
    id: operationId,
    path,
    versions: Object.keys(responses[200]?.content ?? {}),
    pathParameters: resolved.filter((parameter) => parameter.in === 'path'),
    pageParameters: new Set(inQuery.map(({ name }) => name).filter((name) => PAGE_PARAMETERS.has(name))),
    filters: inQuery.filter(({ name }) => !PAGE_PARAMETERS.has(name)),
  };
}

/** The operations of the Atlas API in the document of the public listener, sorted by id. */
export const operationsOf = (document) =>
  Object.entries(document.paths)
    .filter(([path, item]) => path.startsWith('/api/atlas/') && item.get !== undefined)
    .map(([path, item]) => operationOf(document, path, item.get))
    .sort((a, b) => (a.id < b.id ? -1 : 1));

/** The operation's path with sample values; `values` replace some of them. */
export const pathOf = ({ path, pathParameters }, values = {}) =>
  pathParameters.reduce(
    (filled, parameter) =>
      filled.replace(
        `{${parameter.name}}`,
        values[parameter.name] ?? encodeURIComponent(sampleOf(parameter)),
      ),
    path,
  );

/** The query of the operation's required filters, and `more`; empty where there are none. */
export function queryOf({ filters }, more = {}) {
  const required = filters.filter((filter) => filter.required === true && more[filter.name] === undefined);
  const pairs = [...required.map((filter) => [filter.name, sampleOf(filter)]), ...Object.entries(more)];
  return pairs.length === 0 ? '' : `?${pairs.map(([name, value]) => `${name}=${value}`).join('&')}`;
}
