import { reasonOf } from '../atlas/api-error.ts';
import { STATUS_BY_CODE } from '../gateway/gateway-error.ts';
import { type Description, json, object, ref } from './openapi-document.ts';

/** Codes of the gateway's own, by the status they are answered with, lowest first. */
const codesByStatus = (): ReadonlyMap<number, readonly string[]> => {
  const byStatus = new Map<number, string[]>();
  for (const [code, status] of Object.entries(STATUS_BY_CODE))
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  return new Map([...byStatus].sort(([a], [b]) => a - b));
};

/** The body of every refusal. */
export const ERROR_SCHEMAS = {
  ApiError: object(
    ['error', 'errorCode'],
    {
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
    "Atlas's error object; the gateway's own errors have the same form.",
  ),
  GatewayErrorCode: {
    type: 'string',
    description: 'Codes of the gateway itself.',
    enum: Object.keys(STATUS_BY_CODE),
  },
};

const header = (description: string, schema: Description = { type: 'string' }): Description => ({
  description,
  schema,
});
const SECONDS: Description = { type: 'integer', minimum: 0 };

/** Headers of answers, each described once. */
export const HEADERS: Description = {
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

/** References to headers. */
export const headers = (...names: readonly string[]): Description =>
  Object.fromEntries(names.map((name) => [name, ref('headers', name)]));

/** Headers of every page of a list. */
export const CACHING = ['Age', 'Cache-Control', 'Cache-Status', 'ETag', 'Vary', 'X-Request-Id'];
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
/** What the answer with this status is called among the shared responses. */
export const errorName = (status: number) => `Error${status}`;

/** Every refusal of the gateway's, and what Atlas may answer beside them. */
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
    description: 'Another refusal of Atlas, as it came.',
    headers: headers(...CACHING.filter((name) => name !== 'ETag'), 'Deprecation', 'Sunset', 'X-Error-Code'),
    content: json(ref('schemas', 'ApiError')),
  },
  NotModified: {
    description: 'The page is the one that If-None-Match names.',
    headers: headers(...CACHING),
  },
});

/** Where the document itself is had. */
export const DESCRIBED: Description = {
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
