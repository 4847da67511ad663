import { reasonOf } from '../atlas/api-error.ts';
import { DESCRIBED, ERROR_SCHEMAS, HEADERS, headers } from './openapi-answers.ts';
import {
  type Description,
  html,
  json,
  OPENAPI,
  type OpenApiDocument,
  object,
  ref,
  text,
} from './openapi-document.ts';
import { describeProbe, PROBE_PATHS } from './openapi-probes.ts';

const adminError = (status: number, code: string): Description => ({
  description: `${reasonOf(status)}: \`${code}\`.`,
  headers: headers('X-Error-Code', ...(status === 401 ? ['WWW-Authenticate'] : [])),
  content: json(ref('schemas', 'ApiError')),
});

const ADMIN_HEADERS = ['Cache-Control', 'ETag', 'Vary', 'WWW-Authenticate', 'X-Error-Code'];

const page = (operationId: string, summary: string): Description => ({
  operationId,
  summary,
  tags: ['Operating'],
  responses: {
    '200': html('A page.'),
    '401': html('The sign-in page.'),
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
      description: 'Id of a project or organization; all if omitted.',
    },
    operation: { type: 'string', description: 'Operation id or older name; all if omitted.' },
    soft: {
      type: 'boolean',
      default: false,
      description:
        'Marks lists stale instead of dropping them, so that they can still be served if Atlas fails.',
    },
  },
};

const PATHS: OpenApiDocument['paths'] = {
  '/metrics': {
    get: describeProbe(
      'getMetrics',
      'Metrics in Prometheus text format, or in OpenMetrics if Accept prefers that',
      {
        '200': text('All metrics.'),
        '403': adminError(403, 'HOST_FORBIDDEN'),
      },
    ),
  },
  ...PROBE_PATHS,
  '/status.json': {
    get: {
      operationId: 'getStatus',
      summary: 'Current status: names, numbers and times',
      tags: ['Operating'],
      responses: {
        '200': {
          description: 'The status.',
          headers: headers('Cache-Control'),
          content: json({ type: 'object' }),
        },
        '401': adminError(401, 'UNAUTHENTICATED'),
        '403': adminError(403, 'HOST_FORBIDDEN'),
        '429': adminError(429, 'TOO_MANY_ATTEMPTS'),
      },
    },
  },
  '/': {
    get: page('getStatusPage', 'The status page, or the sign-in page if a token is required'),
  },
  '/projects/{projectId}/private-link-connections': {
    get: {
      ...page('getConnectionsPage', "A project's private link connections, from the cached list"),
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
      summary: 'Drop lists from memory, or mark them stale',
      tags: ['Operating'],
      requestBody: { content: json(PURGE_SCOPE) },
      responses: {
        '200': {
          description: 'The scope that was purged.',
          content: json(object(['purged'], { purged: PURGE_SCOPE })),
        },
        '400': adminError(400, 'INVALID_REQUEST'),
        '401': adminError(401, 'UNAUTHENTICATED'),
        '403': adminError(403, 'HOST_FORBIDDEN` or `CROSS_SITE_FORBIDDEN'),
        '404': adminError(404, 'UNKNOWN_OPERATION` or `UNKNOWN_PROJECT'),
        '413': adminError(413, 'PAYLOAD_TOO_LARGE'),
        '429': adminError(429, 'TOO_MANY_ATTEMPTS'),
      },
    },
  },
  '/openapi.json': { get: DESCRIBED },
};

/** Describes the admin listener. */
export function describeAdmin(version: string): OpenApiDocument {
  return {
    openapi: OPENAPI.version,
    info: {
      title: 'atlas-gateway admin',
      version,
      license: OPENAPI.license,
      summary: 'Metrics, probes, status and purge of an atlas-gateway.',
      description:
        'Metrics and probes need no credentials; all other paths require the admin token if one is configured.',
    },
    servers: [{ url: '/' }],
    tags: [{ name: 'Probes' }, { name: 'Operating' }, { name: 'Gateway' }],
    security: [{ adminToken: [] }],
    paths: PATHS,
    components: {
      schemas: ERROR_SCHEMAS,
      headers: Object.fromEntries(ADMIN_HEADERS.map((name) => [name, HEADERS[name]])),
      securitySchemes: {
        adminToken: { type: 'http', scheme: 'bearer', description: 'The token of `admin.token`.' },
      },
    },
  };
}
