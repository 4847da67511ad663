import type { Operation, Parameter } from '../atlas/catalog.ts';
import { acceptsZero, SNAPSHOT_PARAMETER } from '../atlas/query.ts';
import { CACHING, headers, refusals } from './openapi-answers.ts';
import { type Description, ref } from './openapi-document.ts';

function schemaOf({
  type,
  default: standard,
  minimum,
  maximum,
  pattern,
  enum: values,
}: Parameter): Description {
  const rules = {
    ...(pattern === undefined ? {} : { pattern }),
    ...(values === undefined ? {} : { enum: [...values] }),
  };
  const preset = standard === undefined ? {} : { default: standard };
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

/** Parameters that operations share, each described once. Two that have one name but differ get a number. */
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

/** Headers of requests for lists. */
export const REQUEST_HEADERS: Description = {
  IfNoneMatch: {
    name: 'If-None-Match',
    in: 'header',
    description: 'Entity tags; answered with 304 where the page is still one of them.',
    schema: { type: 'string' },
  },
  CacheDemand: {
    name: 'Cache-Control',
    in: 'header',
    description: '`no-cache`, `max-age`, `max-stale` and `only-if-cached` as RFC 9111 has them.',
    schema: { type: 'string' },
  },
};

const OPENED = {
  open: 'Opened to a caller with `lists`, its tag or its name.',
  secret: 'May hold secrets: opened to a caller by its name only.',
  personal: 'Names people: opened to a caller by its name only.',
} as const;
const HELD = {
  whole: 'Held whole: one load answers every page and form.',
  page: 'Held a page at a time.',
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
    description: `${alias === undefined ? '' : `Older name: \`${alias}\`. `}${OPENED[sensitivity]} ${HELD[cacheUnit]}`,
    tags: [tag],
    parameters: [
      ...pathParameters.map((parameter) => pool.use('path', parameter)),
      ...queryParameters.map((parameter) => pool.use('query', parameter)),
      pool.use('query', SNAPSHOT_PARAMETER, 'In links of the gateway: the listing that they lead back to.'),
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
