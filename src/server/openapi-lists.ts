import type { Operation, Parameter } from '../atlas/catalog.ts';
import { acceptsZero, SNAPSHOT_PARAMETER } from '../atlas/query.ts';
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
    use(place: 'path' | 'query', parameter: Parameter, description?: string): Description {
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

/** Request headers of lists. */
export const REQUEST_HEADERS: Description = {
  IfNoneMatch: {
    name: 'If-None-Match',
    in: 'header',
    description: 'Entity tags; the response is 304 if the page matches one of them.',
    schema: { type: 'string' },
  },
  CacheDemand: {
    name: 'Cache-Control',
    in: 'header',
    description: '`no-cache`, `max-age`, `max-stale` and `only-if-cached` (RFC 9111).',
    schema: { type: 'string' },
  },
};

const GRANTED_BY = {
  open: 'Granted to a caller by `lists`, by its tag or by its name.',
  secret: 'May contain secrets: granted to a caller only by its name.',
  personal: 'Contains personal data: granted to a caller only by its name.',
  billing: 'Contains billing data: granted to a caller only by its name.',
} as const;
const CACHED_AS = {
  whole: 'Cached as a whole: one load serves every page and representation.',
  page: 'Cached page by page.',
} as const;

/** `listGroupClusters` → `List group clusters` */
const summaryOf = (id: string) =>
  id
    .replace(/[A-Z]+/g, (capital) => ` ${capital.toLowerCase()}`)
    .replace(/^./, (first) => first.toUpperCase());

/** A list of the catalog. */
export function listOperation(
  operation: Operation,
  pool: ReturnType<typeof createParameterPool>,
): Description {
  const { id, alias, tag, versions, pathParameters, queryParameters, sensitivity, cacheUnit } = operation;
  const content = versions.map(({ name, sunset }) => [
    `application/vnd.atlas.${name}+json`,
    { schema: ref('schemas', 'Page'), ...(sunset === undefined ? {} : { 'x-sunset': sunset }) },
  ]);
  return {
    operationId: id,
    summary: summaryOf(id),
    description: `${alias === undefined ? '' : `Older name: \`${alias}\`. `}${GRANTED_BY[sensitivity]} ${CACHED_AS[cacheUnit]}`,
    tags: [tag],
    parameters: [
      ...pathParameters.map((parameter) => pool.use('path', parameter)),
      ...queryParameters.map((parameter) => pool.use('query', parameter)),
      pool.use(
        'query',
        SNAPSHOT_PARAMETER,
        "Set in the gateway's links: the pinned listing that they refer to.",
      ),
      ...Object.keys(REQUEST_HEADERS).map((name) => ref('parameters', name)),
    ],
    responses: {
      '200': {
        description: 'A page of the list.',
        headers: headers(...CACHING, 'Deprecation', 'Sunset'),
        content: Object.fromEntries(content),
      },
      '304': ref('responses', 'NotModified'),
      ...refusals(),
    },
  };
}
