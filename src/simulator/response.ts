import { type ApiError, renderApiError } from '../atlas/api-error.ts';

/** A response of the simulator, before any fault on the wire. */
export interface SimulatedResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** Headers of every response of the recorded service. */
export const SERVICE_HEADERS = {
  'Referrer-Policy': 'strict-origin-when-cross-origin',
  Server: 'mdbws',
  'Strict-Transport-Security': 'max-age=31536000; includeSubdomains;',
  'X-Content-Type-Options': 'nosniff',
  'X-Envoy-Upstream-Service-Time': '1',
  'X-Frame-Options': 'DENY',
  'X-Java-Method': 'ApiSimulatedResource::list',
  'X-Java-Version': '17.0.19+10-LTS',
  'X-Permitted-Cross-Domain-Policies': 'none',
};

/** An ApiError as Atlas renders it. */
export function errorResponse(
  error: ApiError,
  headers: Readonly<Record<string, string>> = {},
): SimulatedResponse {
  return {
    status: error.status,
    headers: {
      ...SERVICE_HEADERS,
      'Content-Type': 'application/json',
      'X-Error-Code': error.errorCode,
      ...headers,
    },
    body: renderApiError(error),
  };
}

/** A path that Atlas does not know. */
export const unknownPath = (
  path: string,
  headers: Readonly<Record<string, string>> = {},
): SimulatedResponse =>
  errorResponse(
    {
      status: 404,
      errorCode: 'RESOURCE_NOT_FOUND',
      detail: `Cannot find resource ${path}.`,
      parameters: [path],
    },
    headers,
  );
