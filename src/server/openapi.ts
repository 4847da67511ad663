import { reasonOf } from '../atlas/api-error.ts';
import type { Operation, Parameter } from '../atlas/catalog.ts';
import { operations } from '../atlas/operations.ts';
import { SNAPSHOT_PARAMETER } from '../atlas/question.ts';
import { STATUS_OF } from '../gateway/refusal.ts';

type Description = Readonly<Record<string, unknown>>;

/** An OpenAPI 3.1 document, ready for `JSON.stringify`. */
export interface OpenApiDocument extends Description {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Description>>>>;
}

/** The version of the OpenAPI Specification that the documents follow. */
const OPENAPI = '3.1.1';
const LICENSE = { name: 'Apache-2.0', identifier: 'Apache-2.0' };

const ref = (kind: string, name: string): Description => ({ $ref: `#/components/${kind}/${name}` });
const json = (schema: Description): Description => ({ 'application/json': { schema } });
const text = (description: string): Description => ({
  description,
  content: { 'text/plain': { schema: { type: 'string' } } },
});

/** Codes of the gateway's own, by the status they are answered with, lowest first. */
const codesByStatus = (): ReadonlyMap<number, readonly string[]> => {
  const byStatus = new Map<number, string[]>();
  for (const [code, status] of Object.entries(STATUS_OF))
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  return new Map([...byStatus].sort(([a], [b]) => a - b));
};

const GATEWAY_ERROR_CODE: Description = {
  type: 'string',
  description: 'Codes of the gateway itself.',
  enum: Object.keys(STATUS_OF),
};

const API_ERROR: Description = {
  type: 'object',
  description: "Atlas's error object; the gateway's own errors have the same form.",
  required: ['error', 'errorCode'],
  properties: {
    detail: { type: 'string', description: 'A sentence for people.' },
    error: { type: 'integer', description: 'The HTTP status.' },
    errorCode: {
      description: 'A code of the gateway, or one of Atlas that is passed through.',
      anyOf: [ref('schemas', 'GatewayErrorCode'), { type: 'string' }],
    },
    parameters: { type: 'array', items: { type: ['string', 'number'] } },
    reason: { type: 'string', description: 'The reason phrase of the status.' },
    badRequestDetail: { type: 'object', description: 'Only in errors of Atlas.' },
  },
};

const SCHEMAS: Description = {
  ApiError: API_ERROR,
  GatewayErrorCode: GATEWAY_ERROR_CODE,
  Page: {
    type: 'object',
    description: "One page of a list, as Atlas writes it. Items are Atlas's own, byte for byte.",
    required: ['links', 'results'],
    properties: {
      links: { type: 'array', items: ref('schemas', 'Link') },
      results: { type: 'array', items: {} },
      totalCount: { type: 'integer', minimum: 0, description: 'Left out where includeCount is false.' },
      status: { type: 'integer', description: 'The HTTP status; only where envelope is true.' },
    },
  },
  Link: {
    type: 'object',
    required: ['href', 'rel'],
    properties: {
      href: { type: 'string', description: 'Leads to this gateway.' },
      rel: { type: 'string', description: 'self, next or previous.' },
    },
  },
  Token: {
    type: 'object',
    required: ['access_token', 'expires_in', 'token_type'],
    properties: {
      access_token: { type: 'string' },
      expires_in: { type: 'integer', description: 'Seconds.' },
      token_type: { const: 'Bearer' },
    },
  },
  OauthError: {
    type: 'object',
    description: "OAuth's error object (RFC 6749 section 5.2).",
    required: ['error'],
    properties: { error: { type: 'string' }, error_description: { type: 'string' } },
  },
};

const header = (description: string, schema: Description = { type: 'string' }): Description => ({
  description,
  schema,
});
const SECONDS: Description = { type: 'integer', minimum: 0 };
const HEADERS: Description = {
  Age: header('Seconds since the list was loaded from Atlas.', SECONDS),
  Allow: header('What may be done: GET, HEAD.'),
  'Cache-Control': header('`private, max-age=…` on lists, `no-store` on errors of the gateway.'),
  'Cache-Status': header('How the answer came about (RFC 9211), such as `atlas-gateway; hit; ttl=17`.'),
  Deprecation: header('Passed on from Atlas: since when this version is deprecated.'),
  ETag: header('A strong entity tag; send it back as If-None-Match.'),
  'Retry-After': header('Seconds after which asking again may help.', SECONDS),
  Sunset: header('Passed on from Atlas: when this version ends.'),
  Vary: header('What the answer depends on beside its address.'),
  'WWW-Authenticate': header('The schemes that are accepted.'),
  'X-Error-Code': header('The errorCode of the body.'),
  'X-Request-Id': header('The requestId of its log line.'),
};
const headers = (...names: readonly string[]): Description =>
  Object.fromEntries(names.map((name) => [name, ref('headers', name)]));

const CACHING = ['Age', 'Cache-Control', 'Cache-Status', 'ETag', 'Vary', 'X-Request-Id'];
/** Statuses whose refusals may carry `Retry-After`. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

const errorResponse = (status: number, codes: readonly string[]): Description => ({
  description: `${reasonOf(status)}: ${codes.map((code) => `\`${code}\``).join(', ')}${status < 500 ? ', or a refusal of Atlas, as it came' : ''}.`,
  headers: headers(
    'Cache-Control',
    'X-Error-Code',
    'X-Request-Id',
    ...(status === 401 ? ['WWW-Authenticate'] : []),
    ...(status === 405 ? ['Allow'] : []),
    ...(RETRYABLE.has(status) ? ['Retry-After'] : []),
  ),
  content: json(ref('schemas', 'ApiError')),
});
const errorName = (status: number) => `Error${status}`;

/** Every refusal of the gateway's, and what Atlas may answer beside them. */
const refusals = (): Description => ({
  ...Object.fromEntries(
    [...codesByStatus().keys()].map((status) => [String(status), ref('responses', errorName(status))]),
  ),
  '4XX': ref('responses', 'AtlasError'),
});

const sharedResponses = (): Description => ({
  ...Object.fromEntries(
    [...codesByStatus()].map(([status, codes]) => [errorName(status), errorResponse(status, codes)]),
  ),
  AtlasError: {
    description: 'Another refusal of Atlas, as it came.',
    headers: headers(...CACHING.filter((name) => name !== 'ETag'), 'Deprecation', 'Sunset', 'X-Error-Code'),
    content: json(ref('schemas', 'ApiError')),
  },
  NotModified: {
    description: 'The page is the one that If-None-Match names.',
    headers: headers(...CACHING),
  },
});

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
function createParameterPool() {
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
        schema: schemaOf(parameter),
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

const REQUEST_HEADERS: Description = {
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

function listOperation(operation: Operation, pool: ReturnType<typeof createParameterPool>): Description {
  const { id, alias, tag, versions, pathParameters, queryParameters, sensitivity, hold } = operation;
  const content = versions.map(({ name, sunset }) => [
    `application/vnd.atlas.${name}+json`,
    { schema: ref('schemas', 'Page'), ...(sunset === undefined ? {} : { 'x-sunset': sunset }) },
  ]);
  return {
    operationId: id,
    summary: summaryOf(id),
    description: `${alias === undefined ? '' : `Older name: \`${alias}\`. `}${OPENED[sensitivity]} ${HELD[hold]}`,
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

const oauthError = (description: string, ...names: readonly string[]): Description => ({
  description,
  ...(names.length === 0 ? {} : { headers: headers(...names) }),
  content: json(ref('schemas', 'OauthError')),
});

/** A form of the token endpoints: id and secret of a caller key as HTTP Basic. */
const tokenOperation = (
  operationId: string,
  summary: string,
  form: Description,
  done: Description,
): Description => ({
  operationId,
  summary,
  tags: ['Tokens'],
  security: [{ callerKeyPair: [] }],
  requestBody: { required: true, content: { 'application/x-www-form-urlencoded': { schema: form } } },
  responses: {
    '200': done,
    '400': oauthError('The form is wrong.'),
    '401': oauthError('Id or secret is wrong, or the key has ended.', 'WWW-Authenticate'),
    '413': oauthError('The body is too large.'),
    '429': oauthError('Too many attempts.', 'Retry-After'),
    '503': ref('responses', errorName(503)),
  },
});

const REVOCATION_FORM: Description = {
  type: 'object',
  required: ['token'],
  properties: { token: { type: 'string' }, token_type_hint: { type: 'string' } },
};

const TOKEN_FORM: Description = {
  type: 'object',
  required: ['grant_type'],
  properties: { grant_type: { const: 'client_credentials' } },
};

const DESCRIBED: Description = {
  operationId: 'getDescription',
  summary: 'This description',
  tags: ['Gateway'],
  security: [],
  responses: {
    '200': {
      description: 'An OpenAPI document.',
      headers: headers('Cache-Control', 'ETag', 'Vary'),
      content: json({ type: 'object' }),
    },
    '304': { description: 'The document is the one that If-None-Match names.' },
  },
};

/** What is served beside lists. */
const BESIDE_LISTS: OpenApiDocument['paths'] = {
  '/': {
    get: {
      operationId: 'getAbout',
      summary: 'What this is',
      tags: ['Gateway'],
      security: [],
      responses: { '200': text('A few lines for people.') },
    },
  },
  '/openapi.json': { get: DESCRIBED },
  '/api/oauth/token': {
    post: tokenOperation('createToken', 'Trade a caller key for a one-hour token', TOKEN_FORM, {
      description: 'A token.',
      headers: headers('Cache-Control'),
      content: json(ref('schemas', 'Token')),
    }),
  },
  '/api/oauth/revoke': {
    post: tokenOperation('revokeToken', 'End a token', REVOCATION_FORM, {
      description: 'It has ended, or never was one of this key.',
      headers: headers('Cache-Control'),
    }),
  },
  '/api/private/ipinfo': {
    get: {
      operationId: 'getAddress',
      summary: 'The address a client asks from, for clients of Atlas that want to know',
      tags: ['Clients'],
      security: [],
      responses: {
        '200': {
          description: 'The address.',
          content: json({ type: 'object', properties: { currentIpv4Address: { type: 'string' } } }),
        },
      },
    },
  },
  '/api/private/{path}': {
    post: {
      operationId: 'swallowTelemetry',
      summary: 'Takes telemetry of clients of Atlas, and drops it',
      tags: ['Clients'],
      security: [],
      parameters: [{ name: 'path', in: 'path', required: true, schema: { type: 'string' } }],
      requestBody: { content: json({}) },
      responses: {
        '200': { description: 'Dropped.', content: json({ type: 'object' }) },
        '413': { description: 'The body is too large.' },
      },
    },
  },
};

const SECURITY_SCHEMES: Description = {
  callerKey: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'agw_<12 letters and digits>_<43 base64url characters>',
    description: 'A caller key, as `atlas-gateway new-key` makes it.',
  },
  callerKeyDigest: {
    type: 'http',
    scheme: 'digest',
    description: "A caller key by HTTP digest (RFC 7616): the key's id is the user, its secret the password.",
  },
  callerToken: {
    type: 'oauth2',
    description: "A one-hour token: the key's id is the client id, its secret the client secret.",
    flows: { clientCredentials: { tokenUrl: '/api/oauth/token', scopes: {} } },
  },
  issuerToken: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'A token of an issuer that the configuration names.',
  },
  callerKeyPair: {
    type: 'http',
    scheme: 'basic',
    description: 'Id and secret of a caller key; at the token endpoints only.',
  },
};

/** What the public listener serves: every list of the catalog, the token endpoints, and what clients ask beside them. */
export function describePublic(version: string): OpenApiDocument {
  const pool = createParameterPool();
  const lists: Record<string, Record<string, Description>> = {};
  for (const operation of operations) lists[operation.path] = { get: listOperation(operation, pool) };
  const tags = [...new Set(operations.map(({ tag }) => tag))].sort();
  return {
    openapi: OPENAPI,
    info: {
      title: 'atlas-gateway',
      version,
      license: LICENSE,
      summary: 'Lists of the MongoDB Atlas Administration API v2, read through a gateway.',
      description:
        'Every GET of a list may be a HEAD too. Send the version as `Accept: application/vnd.atlas.YYYY-MM-DD+json`; a later date means the newest version that is not after it. Where the configuration lets anonymous requests in, no credentials are needed.',
    },
    servers: [{ url: '/' }],
    tags: [
      ...tags.map((name) => ({ name })),
      { name: 'Tokens', description: 'One-hour tokens of the gateway itself.' },
      { name: 'Gateway', description: 'About the gateway.' },
      {
        name: 'Clients',
        description: 'What clients of Atlas ask beside lists; answered harmlessly, never forwarded.',
      },
    ],
    security: [{ callerKey: [] }, { callerKeyDigest: [] }, { callerToken: [] }, { issuerToken: [] }],
    paths: { ...BESIDE_LISTS, ...lists },
    components: {
      schemas: SCHEMAS,
      headers: HEADERS,
      parameters: { ...pool.described, ...REQUEST_HEADERS },
      responses: sharedResponses(),
      securitySchemes: SECURITY_SCHEMES,
    },
  };
}

const adminError = (status: number, code: string): Description => ({
  description: `${reasonOf(status)}: \`${code}\`.`,
  headers: headers('X-Error-Code', ...(status === 401 ? ['WWW-Authenticate'] : [])),
  content: json(ref('schemas', 'ApiError')),
});

const ADMIN_HEADERS = ['Cache-Control', 'ETag', 'Vary', 'WWW-Authenticate', 'X-Error-Code'];

const probe = (operationId: string, summary: string, responses: Description): Description => ({
  operationId,
  summary,
  tags: ['Probes'],
  security: [],
  responses,
});

const page = (operationId: string, summary: string): Description => ({
  operationId,
  summary,
  tags: ['Operating'],
  responses: {
    '200': { description: 'A page.', content: { 'text/html': { schema: { type: 'string' } } } },
    '401': { description: 'A page to sign in on.', content: { 'text/html': { schema: { type: 'string' } } } },
    '403': adminError(403, 'HOST_FORBIDDEN'),
  },
});

const PURGE_SCOPE: Description = {
  type: 'object',
  additionalProperties: false,
  properties: {
    project: {
      type: 'string',
      pattern: '^[a-f0-9]{24}$',
      description: 'A project or organization; all where it is left out.',
    },
    operation: { type: 'string', description: 'Operation id or older name; all where it is left out.' },
    soft: {
      type: 'boolean',
      default: false,
      description: 'Lists turn stale instead of being dropped: they still serve where Atlas fails.',
    },
  },
};

/** What the admin listener serves to operators and their tools. */
export function describeAdmin(version: string): OpenApiDocument {
  return {
    openapi: OPENAPI,
    info: {
      title: 'atlas-gateway admin',
      version,
      license: LICENSE,
      summary: 'Metrics, probes, status and purge of an atlas-gateway.',
      description: 'Metrics and probes are open; the rest asks for the admin token where one is configured.',
    },
    servers: [{ url: '/' }],
    tags: [{ name: 'Probes' }, { name: 'Operating' }, { name: 'Gateway' }],
    security: [{ adminToken: [] }],
    paths: {
      '/metrics': {
        get: probe('getMetrics', 'Metrics in the format of Prometheus', { '200': text('All metrics.') }),
      },
      '/healthz': { get: probe('getHealth', 'Whether the process turns', { '200': text('ok') }) },
      '/readyz': {
        get: probe('getReadiness', 'Whether it takes requests; never whether Atlas is up', {
          '200': text('ready'),
          '503': text('starting or draining'),
        }),
      },
      '/status.json': {
        get: {
          operationId: 'getStatus',
          summary: 'What the gateway knows now: names, numbers and times',
          tags: ['Operating'],
          responses: {
            '200': {
              description: 'The status.',
              headers: headers('Cache-Control'),
              content: json({ type: 'object' }),
            },
            '401': adminError(401, 'UNAUTHENTICATED'),
            '403': adminError(403, 'HOST_FORBIDDEN'),
          },
        },
      },
      '/': {
        get: page('getStatusPage', 'The status page; where a token is asked for, it can be signed in to'),
      },
      '/projects/{projectId}/private-link-connections': {
        get: {
          ...page('getConnectionsPage', "A project's private link connections, from the list that is held"),
          parameters: [
            {
              name: 'projectId',
              in: 'path',
              required: true,
              schema: { type: 'string', pattern: '^[a-f0-9]{24}$' },
            },
          ],
        },
      },
      '/cache/purge': {
        post: {
          operationId: 'purgeCache',
          summary: 'Drop lists from memory, or make them stale',
          tags: ['Operating'],
          requestBody: { content: json(PURGE_SCOPE) },
          responses: {
            '200': {
              description: 'What was purged.',
              content: json({ type: 'object', required: ['purged'], properties: { purged: PURGE_SCOPE } }),
            },
            '400': adminError(400, 'INVALID_REQUEST'),
            '401': adminError(401, 'UNAUTHENTICATED'),
            '403': adminError(403, 'HOST_FORBIDDEN` or `CROSS_SITE_FORBIDDEN'),
            '404': adminError(404, 'UNKNOWN_OPERATION` or `UNKNOWN_PROJECT'),
            '413': adminError(413, 'PAYLOAD_TOO_LARGE'),
          },
        },
      },
      '/openapi.json': { get: DESCRIBED },
    },
    components: {
      schemas: { ApiError: API_ERROR, GatewayErrorCode: GATEWAY_ERROR_CODE },
      headers: Object.fromEntries(ADMIN_HEADERS.map((name) => [name, HEADERS[name]])),
      securitySchemes: {
        adminToken: { type: 'http', scheme: 'bearer', description: 'The token of `admin.token`.' },
      },
    },
  };
}
