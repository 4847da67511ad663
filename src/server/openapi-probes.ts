import { type Description, type OpenApiDocument, text } from './openapi-document.ts';

/** An operation that needs no credentials. */
export const describeProbe = (operationId: string, summary: string, responses: Description): Description => ({
  operationId,
  summary,
  tags: ['Probes'],
  security: [],
  responses,
});

/** The probes of both listeners. */
export const PROBE_PATHS: OpenApiDocument['paths'] = {
  '/healthz': {
    get: describeProbe('getHealth', 'Liveness: whether the event loop responds', { '200': text('ok') }),
  },
  '/readyz': {
    get: describeProbe(
      'getReadiness',
      'Readiness: whether the gateway accepts requests, regardless of whether Atlas is available',
      {
        '200': text('ready'),
        '503': text('starting or draining'),
      },
    ),
  },
};
