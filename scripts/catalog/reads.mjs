// The reads of an OpenAPI description: what it says of every GET operation, in the terms of the catalog.

import { patternOf } from './decisions.mjs';
import { isElement } from './elements.mjs';
import { resolve } from './references.mjs';

const MEDIA_TYPE = /^application\/vnd\.atlas\.(\d{4}-\d{2}-\d{2}|preview)\+json$/;

const byVersion = (a, b) => (a === 'preview' ? 1 : b === 'preview' ? -1 : a < b ? -1 : 1);

/** The names of the properties of a schema, those of the schemas that it extends included. */
function propertiesOf(description, node, seen = new Set()) {
  const schema = resolve(description, node);
  if (schema === undefined || seen.has(schema)) return [];
  seen.add(schema);
  const extended = (schema.allOf ?? []).flatMap((part) => propertiesOf(description, part, seen));
  return [...Object.keys(schema.properties ?? {}), ...extended];
}

function kindOf(description, operationId, schemas, parameters) {
  if (isElement(operationId)) return 'element';
  if (schemas.some((schema) => resolve(description, schema)?.type === 'array')) return 'array';
  if (!schemas.some((schema) => propertiesOf(description, schema).includes('results'))) return 'document';
  return parameters.some(({ name }) => name === 'pageNum') ? 'list' : 'unpaged-list';
}

/** One parameter in the form of the catalog, without what is not stated. */
function parameterOf(description, { name, required, schema }) {
  const facts = resolve(description, schema) ?? {};
  const { type = 'string', default: preset, minimum, maximum, pattern, enum: choices } = facts;
  const kept = { name, type };
  if (required) kept.required = true;
  if (preset !== undefined && preset !== null && !Array.isArray(preset)) kept.default = preset;
  if (minimum !== undefined) kept.minimum = minimum;
  // One description omits it; Atlas accepts at most 500 everywhere.
  if (maximum !== undefined || name === 'itemsPerPage') kept.maximum = maximum ?? 500;
  if (pattern !== undefined) kept.pattern = patternOf(name, pattern);
  if (choices !== undefined) kept.enum = choices;
  return kept;
}

/** Why the gateway does not serve an operation; undefined if it does. */
function whyUnserved(operation, versions) {
  if (versions.length === 0) return 'download';
  return operation.requestBody === undefined ? undefined : 'takes-body';
}

function readOf(description, path, item) {
  const { get } = item;
  const parameters = [...(item.parameters ?? []), ...(get.parameters ?? [])].map((parameter) =>
    resolve(description, parameter),
  );
  const content = Object.entries(resolve(description, get.responses['200'])?.content ?? {}).flatMap(
    ([mediaType, media]) => {
      const name = MEDIA_TYPE.exec(mediaType)?.[1];
      return name === undefined ? [] : [{ name, sunset: media['x-sunset'], schema: media.schema }];
    },
  );
  const override = get['x-xgen-operation-id-override'];
  const named = { id: get.operationId, ...(override ? { alias: override } : {}), path };
  const unserved = whyUnserved(get, content);
  if (unserved !== undefined) return { ...named, unserved };
  const parametersIn = (place) =>
    parameters
      .filter(({ in: where, name }) => where === place && !name.startsWith('_'))
      .map((parameter) => parameterOf(description, parameter));
  return {
    ...named,
    kind: kindOf(
      description,
      get.operationId,
      content.map(({ schema }) => schema),
      parameters,
    ),
    tag: get.tags?.[0] ?? '',
    versions: content
      .sort((a, b) => byVersion(a.name, b.name))
      .map(({ name, sunset }) => ({ name, ...(sunset === undefined ? {} : { sunset }) })),
    pathParameters: parametersIn('path').sort(
      (a, b) => path.indexOf(`{${a.name}}`) - path.indexOf(`{${b.name}}`),
    ),
    queryParameters: parametersIn('query'),
    headerParameters: parametersIn('header'),
  };
}

/** Every GET operation of an OpenAPI description; those that the gateway does not serve with the reason only. */
export const readsOf = (description) =>
  Object.entries(description.paths).flatMap(([path, item]) =>
    item.get === undefined ? [] : [readOf(description, path, item)],
  );
