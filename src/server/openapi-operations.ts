import type { Operation, OperationKind, Parameter } from '../atlas/catalog.ts';
import { acceptsZero, SNAPSHOT_PARAMETER } from '../atlas/query.ts';
import { grantingWords } from '../gateway/auth/policy.ts';
import { CACHING, headers, refusals } from './openapi-answers.ts';
import { type Description, ref } from './openapi-document.ts';

function schemaOf({
  type,
  default: defaultValue,
  minimum,
  maximum,
  pattern,
  enum: values,
}: Parameter): Description {
  const rules = {
    ...(pattern === undefined ? {} : { pattern }),
    ...(values === undefined ? {} : { enum: [...values] }),
  };
  const preset = defaultValue === undefined ? {} : { default: defaultValue };
  switch (type) {
    case 'array':
      return { type, items: { type: 'string', ...rules }, ...preset };
    case 'integer':
      return {
        type,
        ...(minimum === undefined ? {} : { minimum }),
        ...(maximum === undefined ? {} : { maximum }),
        ...preset,
      };
    case 'boolean':
      return { type, ...preset };
    case 'string':
      return { type, ...rules, ...preset };
  }
}

/** Collects parameters as shared components. Different parameters of the same name are numbered. */
export function createParameterPool() {
  const names = new Map<string, string>();
  const described: Record<string, Description> = {};
  return {
    described,
    use(place: 'path' | 'query' | 'header', parameter: Parameter, description?: string): Description {
      const entry: Description = {
        name: parameter.name,
        in: place,
        ...(description === undefined ? {} : { description }),
        ...(place === 'path' || parameter.required === true ? { required: true } : {}),
        ...(parameter.type === 'array' ? { style: 'form', explode: true } : {}),
        schema: schemaOf(acceptsZero(parameter) ? { ...parameter, minimum: 0 } : parameter),
      };
      const key = JSON.stringify(entry);
      let name = names.get(key);
      if (name === undefined) {
        name = parameter.name;
        for (let count = 2; name in described; count++) name = `${parameter.name}${count}`;
        names.set(key, name);
        described[name] = entry;
      }
      return ref('parameters', name);
    },
  };
}

/** Request headers of every operation. */
export const REQUEST_HEADERS: Description = {
  IfNoneMatch: {
    name: 'If-None-Match',
    in: 'header',
    description: 'Entity tags; the response is 304 if it matches one of them.',
    schema: { type: 'string' },
  },
  CacheDemand: {
    name: 'Cache-Control',
    in: 'header',
    description: '`no-cache`, `max-age`, `max-stale` and `only-if-cached` (RFC 9111).',
    schema: { type: 'string' },
  },
};

const NOT_OPEN = {
  secret: 'May contain secrets',
  personal: 'Contains personal data',
  billing: 'Contains billing data',
} as const;

/** Which words of a policy grant an operation. */
function grantOf(operation: Operation): string {
  if (operation.sensitivity !== 'open')
    return `${NOT_OPEN[operation.sensitivity]}: granted to a caller only by its name.`;
  return `Granted to a caller by ${grantingWords(operation)
    .map((word) => `\`${word}\``)
    .join(', ')} or by its name.`;
}

/** How its answers are cached. */
function cachingOf({ kind, cacheUnit, element }: Operation): string {
  switch (kind) {
    case 'list':
      return cacheUnit === 'whole'
        ? 'Cached as a whole: one load serves every page and representation.'
        : 'Cached page by page.';
    case 'element':
      return element === undefined || element.recordedVersions.length === 0
        ? 'Cached by itself.'
        : `Answered from a cached \`${element.list}\` in ${element.recordedVersions.join(' and ')}; otherwise cached by itself.`;
    case 'array':
    case 'unpaged-list':
    case 'document':
      return 'Cached by itself.';
  }
}

const ANSWERS: Readonly<Record<OperationKind, { description: string; schema: Description }>> = {
  list: { description: 'A page of the list.', schema: ref('schemas', 'Page') },
  element: { description: 'One item of a list, in the format of Atlas.', schema: {} },
  array: { description: 'All items, in the format of Atlas.', schema: { type: 'array', items: {} } },
  'unpaged-list': { description: 'All items, in the format of Atlas.', schema: { type: 'object' } },
  document: { description: 'A document in the format of Atlas.', schema: {} },
};

/** `listGroupClusters` → `List group clusters` */
const summaryOf = (id: string) =>
  id
    .replace(/[A-Z]+/g, (capital) => ` ${capital.toLowerCase()}`)
    .replace(/^./, (first) => first.toUpperCase());

const describeAlias = (alias: string | undefined) =>
  alias === undefined ? '' : `Older name: \`${alias}\`. `;

/** An operation of the catalog. */
export function describeOperation(
  operation: Operation,
  pool: ReturnType<typeof createParameterPool>,
): Description {
  const { id, alias, kind, tag, versions, pathParameters, queryParameters, headerParameters } = operation;
  const { description, schema } = ANSWERS[kind];
  const content = versions.map(({ name, sunset }) => [
    `application/vnd.atlas.${name}+json`,
    { schema, ...(sunset === undefined ? {} : { 'x-sunset': sunset }) },
  ]);
  const snapshot =
    kind === 'list'
      ? [
          pool.use(
            'query',
            SNAPSHOT_PARAMETER,
            "Set in the gateway's links: the pinned listing that they refer to.",
          ),
        ]
      : [];
  return {
    operationId: id,
    summary: summaryOf(id),
    description: `${describeAlias(alias)}${grantOf(operation)} ${cachingOf(operation)}`,
    tags: [tag],
    parameters: [
      ...pathParameters.map((parameter) => pool.use('path', parameter)),
      ...queryParameters.map((parameter) => pool.use('query', parameter)),
      ...headerParameters.map((parameter) => pool.use('header', parameter)),
      ...snapshot,
      ...Object.keys(REQUEST_HEADERS).map((name) => ref('parameters', name)),
    ],
    responses: {
      '200': {
        description,
        headers: headers(...CACHING, 'Deprecation', 'Sunset'),
        content: Object.fromEntries(content),
      },
      '304': ref('responses', 'NotModified'),
      ...refusals(),
    },
  };
}
