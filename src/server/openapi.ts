import { operations } from '../atlas/operations.ts';
import { DESCRIBED, ERROR_SCHEMAS, errorName, HEADERS, headers, sharedResponses } from './openapi-answers.ts';
import {
  type Description,
  html,
  json,
  OPENAPI,
  type OpenApiDocument,
  object,
  ref,
} from './openapi-document.ts';
import { createParameterPool, describeOperation, REQUEST_HEADERS } from './openapi-operations.ts';
import { PROBE_PATHS } from './openapi-probes.ts';

const SCHEMAS: Description = {
  ...ERROR_SCHEMAS,
  Page: object(
    ['links', 'results'],
    {
      links: { type: 'array', items: ref('schemas', 'Link') },
      results: { type: 'array', items: {} },
      totalCount: { type: 'integer', minimum: 0, description: 'Omitted if includeCount is false.' },
      status: { type: 'integer', description: 'The HTTP status; present only if envelope is true.' },
    },
    'One page of a list in the format of Atlas. Items are passed through byte for byte.',
  ),
  Link: object(['href', 'rel'], {
    href: { type: 'string', description: 'A URL on this gateway.' },
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

/** A token endpoint: a form, authenticated by the id and secret of a caller key, as HTTP Basic or in the form. */
const tokenOperation = (
  operationId: string,
  summary: string,
  form: Description,
  done: Description,
): Description => ({
  operationId,
  summary,
  tags: ['Tokens'],
  security: [{ callerKeyPair: [] }, {}],
  requestBody: { required: true, content: { 'application/x-www-form-urlencoded': { schema: form } } },
  responses: {
    '200': done,
    '400': oauthError('The form is invalid.'),
    '401': oauthError('The id or secret is wrong, or the key has expired.', 'WWW-Authenticate'),
    '413': ref('responses', errorName(413)),
    '429': oauthError('Too many attempts.', 'Retry-After'),
    '503': ref('responses', errorName(503)),
  },
});

/** Id and secret of a caller key, for clients that send them in the form. */
const CLIENT = { client_id: { type: 'string' }, client_secret: { type: 'string' } };
const REVOCATION_FORM = object(['token'], {
  ...CLIENT,
  token: { type: 'string' },
  token_type_hint: { type: 'string' },
});
const TOKEN_FORM = object(['grant_type'], { ...CLIENT, grant_type: { const: 'client_credentials' } });

const telemetryOperation = (operationId: string): Description => ({
  operationId,
  summary: 'Accepts telemetry of Atlas clients and discards it',
  tags: ['Clients'],
  security: [],
  requestBody: { content: json({}) },
  responses: {
    '200': { description: 'Discarded.', content: json({ type: 'object' }) },
    '413': ref('responses', errorName(413)),
  },
});

/** The form of the landing page. A page is its only form: programs learn from a response what their key may read. */
const ACCESS_OPERATION: Description = {
  operationId: 'showAccess',
  summary: 'What a key may read, as a page',
  tags: ['Gateway'],
  security: [],
  requestBody: {
    required: true,
    content: {
      'application/x-www-form-urlencoded': { schema: object(['key'], { key: { type: 'string' } }) },
    },
  },
  responses: {
    '200': { ...html('The operations, projects and organizations.'), headers: headers('Cache-Control') },
    '401': html('The key is not valid.'),
    '403': {
      description: 'Forbidden: `CROSS_SITE_FORBIDDEN`; a page of another site has sent the form.',
      headers: headers('X-Error-Code'),
      content: json(ref('schemas', 'ApiError')),
    },
    '413': ref('responses', errorName(413)),
    '429': {
      ...html('Too many wrong keys, or too many requests of the caller.'),
      headers: headers('Retry-After'),
    },
    '503': html('The keys of the issuer of a token are unavailable.'),
  },
};

/** All paths other than those of Atlas's reads. */
const OTHER_PATHS: OpenApiDocument['paths'] = {
  '/': {
    get: {
      operationId: 'getAbout',
      summary: 'About this gateway',
      tags: ['Gateway'],
      security: [],
      responses: {
        '200': {
          description: 'A short introduction; for browsers, the landing page with every operation.',
          headers: headers('Vary'),
          content: {
            'text/plain': { schema: { type: 'string' } },
            'text/html': { schema: { type: 'string' } },
          },
        },
      },
    },
  },
  '/access': { post: ACCESS_OPERATION },
  '/openapi.json': { get: DESCRIBED },
  ...PROBE_PATHS,
  '/api/oauth/token': {
    post: tokenOperation('createToken', 'Exchange a caller key for a one-hour token', TOKEN_FORM, {
      description: 'A token.',
      headers: headers('Cache-Control'),
      content: json(ref('schemas', 'Token')),
    }),
  },
  '/api/oauth/revoke': {
    post: tokenOperation('revokeToken', 'Revoke a token', REVOCATION_FORM, {
      description: 'The token is revoked, or was never issued to this key.',
      headers: headers('Cache-Control'),
    }),
  },
  '/api/private/ipinfo': {
    get: {
      operationId: 'getAddress',
      summary: "The client's IP address, for Atlas clients that look it up",
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
  '/api/private/unauth/telemetry/events': { post: telemetryOperation('discardAnonymousTelemetry') },
  '/api/private/v1.0/telemetry/events': { post: telemetryOperation('discardTelemetry') },
};

const SECURITY_SCHEMES: Description = {
  callerKey: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'agw_<12 letters and digits>_<43 base64url characters>',
    description: 'A caller key from `atlas-gateway new-key`.',
  },
  callerKeyDigest: {
    type: 'http',
    scheme: 'digest',
    description:
      "A caller key by HTTP Digest (RFC 7616): the key's id is the user name, its secret the password.",
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
    description: 'A token from an issuer in the configuration.',
  },
  callerKeyPair: {
    type: 'http',
    scheme: 'basic',
    description: 'Id and secret of a caller key; only for the token endpoints.',
  },
};

/** Describes the public listener: every operation of the catalog, the token endpoints, and the other endpoints that clients call. */
export function describePublic(version: string): OpenApiDocument {
  const pool = createParameterPool();
  const reads = Object.fromEntries(
    operations.map((operation) => [operation.path, { get: describeOperation(operation, pool) }]),
  );
  const tags = [...new Set(operations.map(({ tag }) => tag))].sort();
  return {
    openapi: OPENAPI.version,
    info: {
      title: 'atlas-gateway',
      version,
      license: OPENAPI.license,
      summary: 'Reads of the MongoDB Atlas Administration API v2, served through a caching gateway.',
      description:
        'Every read of Atlas that answers JSON supports HEAD as well as GET; downloads are not served. Send the version as `Accept: application/vnd.atlas.YYYY-MM-DD+json`; a date between versions selects the newest version up to it. No credentials are needed if the configuration allows anonymous requests.',
    },
    servers: [{ url: '/' }],
    tags: [
      ...tags.map((name) => ({ name })),
      { name: 'Tokens', description: 'One-hour tokens issued by the gateway.' },
      { name: 'Gateway', description: 'About the gateway.' },
      { name: 'Probes', description: 'For load balancers.' },
      {
        name: 'Clients',
        description:
          'Other endpoints that Atlas clients call; they get inert responses and are never forwarded.',
      },
    ],
    security: [{ callerKey: [] }, { callerKeyDigest: [] }, { callerToken: [] }, { issuerToken: [] }],
    paths: { ...OTHER_PATHS, ...reads },
    components: {
      schemas: SCHEMAS,
      headers: HEADERS,
      parameters: { ...pool.described, ...REQUEST_HEADERS },
      responses: sharedResponses(),
      securitySchemes: SECURITY_SCHEMES,
    },
  };
}
