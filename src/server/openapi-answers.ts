import { reasonOf } from '../atlas/api-error.ts';
import { STATUS_BY_CODE } from '../gateway/gateway-error.ts';
import { type Description, json, object, ref } from './openapi-document.ts';

/** The gateway's own error codes by HTTP status, lowest first. */
const codesByStatus = (): ReadonlyMap<number, readonly string[]> => {
  const byStatus = new Map<number, string[]>();
  for (const [code, status] of Object.entries(STATUS_BY_CODE))
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  return new Map([...byStatus].sort(([a], [b]) => a - b));
};

/** The body of every error. */
export const ERROR_SCHEMAS = {
  ApiError: object(
    ['error', 'errorCode'],
    {
      detail: { type: 'string', description: 'A human-readable message.' },
      error: { type: 'integer', description: 'The HTTP status.' },
      errorCode: {
        description: 'An error code of the gateway, or one that is passed through from Atlas.',
        anyOf: [ref('schemas', 'GatewayErrorCode'), { type: 'string' }],
      },
      parameters: { type: 'array', items: { type: ['string', 'number'] } },
      reason: { type: 'string', description: 'The reason phrase of the status.' },
      badRequestDetail: { type: 'object', description: 'Only in errors from Atlas.' },
    },
    "Atlas's error object; the gateway's own errors have the same schema.",
  ),
  GatewayErrorCode: {
    type: 'string',
    description: "The gateway's own error codes.",
    enum: Object.keys(STATUS_BY_CODE),
  },
};

const header = (description: string, schema: Description = { type: 'string' }): Description => ({
  description,
  schema,
});
const SECONDS: Description = { type: 'integer', minimum: 0 };

/** Response headers. */
export const HEADERS: Description = {
  Age: header('Seconds since the response was loaded from Atlas.', SECONDS),
  Allow: header('The supported methods: GET, HEAD.'),
  'Cache-Control': header("`private, max-age=…` on reads, `no-store` on the gateway's own errors."),
  'Cache-Status': header(
    'How the cache handled the request (RFC 9211), such as `atlas-gateway; hit; ttl=17`.',
  ),
  Deprecation: header('Passed through from Atlas: when this version was deprecated.'),
  ETag: header('A strong entity tag, for If-None-Match.'),
  'Retry-After': header('Seconds after which a retry may succeed.', SECONDS),
  Sunset: header('Passed through from Atlas: when this version will be removed.'),
  Vary: header('The request headers that select the response.'),
  'WWW-Authenticate': header('The accepted authentication schemes.'),
  'X-Error-Code': header('The errorCode in the body.'),
  'X-Request-Id': header('The requestId in the log.'),
};

/** References to header components. */
export const headers = (...names: readonly string[]): Description =>
  Object.fromEntries(names.map((name) => [name, ref('headers', name)]));

/** The headers of every response of a read. */
export const CACHING = ['Age', 'Cache-Control', 'Cache-Status', 'ETag', 'Vary', 'X-Request-Id'];
/** Error statuses that may have `Retry-After`. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

const errorResponse = (status: number, codes: readonly string[]): Description => ({
  description: `${reasonOf(status)}: ${codes.map((code) => `\`${code}\``).join(', ')}${status < 500 ? ', or an error from Atlas, passed through' : ''}.`,
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
/** The component name of the error response with this status. */
export const errorName = (status: number) => `Error${status}`;

/** Every error of the gateway, and errors passed through from Atlas. */
export const refusals = (): Description => ({
  ...Object.fromEntries(
    [...codesByStatus().keys()].map((status) => [String(status), ref('responses', errorName(status))]),
  ),
  '4XX': ref('responses', 'AtlasError'),
});

/** The responses that operations of the public listener refer to. */
export const sharedResponses = (): Description => ({
  ...Object.fromEntries(
    [...codesByStatus()].map(([status, codes]) => [errorName(status), errorResponse(status, codes)]),
  ),
  AtlasError: {
    description: 'Any other error from Atlas, passed through.',
    headers: headers(...CACHING.filter((name) => name !== 'ETag'), 'Deprecation', 'Sunset', 'X-Error-Code'),
    content: json(ref('schemas', 'ApiError')),
  },
  NotModified: {
    description: 'The page matches If-None-Match.',
    headers: headers(...CACHING),
  },
});

/** The operation that serves the document itself. */
export const DESCRIBED: Description = {
  operationId: 'getDescription',
  summary: 'This OpenAPI document',
  tags: ['Gateway'],
  security: [],
  responses: {
    '200': {
      description: 'An OpenAPI document.',
      headers: headers('Cache-Control', 'ETag', 'Vary'),
      content: json({ type: 'object' }),
    },
    '304': { description: 'The document matches If-None-Match.' },
  },
};
