import { operations } from '../atlas/operations.ts';
import { DESCRIBED, ERROR_SCHEMAS, errorName, HEADERS, headers, sharedResponses } from './openapi-answers.ts';
import {
  type Description,
  json,
  OPENAPI,
  type OpenApiDocument,
  object,
  ref,
  text,
} from './openapi-document.ts';
import { createParameterPool, listOperation, REQUEST_HEADERS } from './openapi-lists.ts';

const SCHEMAS: Description = {
  ...ERROR_SCHEMAS,
  Page: object(
    ['links', 'results'],
    {
      links: { type: 'array', items: ref('schemas', 'Link') },
      results: { type: 'array', items: {} },
      totalCount: { type: 'integer', minimum: 0, description: 'Left out where includeCount is false.' },
      status: { type: 'integer', description: 'The HTTP status; only where envelope is true.' },
    },
    "One page of a list, as Atlas writes it. Items are Atlas's own, byte for byte.",
  ),
  Link: object(['href', 'rel'], {
    href: { type: 'string', description: 'Leads to this gateway.' },
    rel: { type: 'string', description: 'self, next or previous.' },
  }),
  Token: object(['access_token', 'expires_in', 'token_type'], {
    access_token: { type: 'string' },
    expires_in: { type: 'integer', description: 'Seconds.' },
    token_type: { const: 'Bearer' },
  }),
  OauthError: object(
    ['error'],
    { error: { type: 'string' }, error_description: { type: 'string' } },
    "OAuth's error object (RFC 6749 section 5.2).",
  ),
};

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
    '413': ref('responses', errorName(413)),
    '429': oauthError('Too many attempts.', 'Retry-After'),
    '503': ref('responses', errorName(503)),
  },
});

const REVOCATION_FORM = object(['token'], {
  token: { type: 'string' },
  token_type_hint: { type: 'string' },
});
const TOKEN_FORM = object(['grant_type'], { grant_type: { const: 'client_credentials' } });

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
        '413': ref('responses', errorName(413)),
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
    openapi: OPENAPI.version,
    info: {
      title: 'atlas-gateway',
      version,
      license: OPENAPI.license,
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
