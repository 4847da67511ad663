import type { UpstreamFailureCode } from '../upstream/message.ts';

/** The gateway's own error codes and their HTTP status. They are public. */
export const STATUS_BY_CODE = {
  INVALID_REQUEST: 400,
  INVALID_QUERY_PARAMETER: 400,
  INVALID_PATH_PARAMETER: 400,
  UNAUTHENTICATED: 401,
  PROJECT_FORBIDDEN: 403,
  OPERATION_FORBIDDEN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  INVALID_VERSION_DATE: 406,
  REQUEST_TIMEOUT: 408,
  PAYLOAD_TOO_LARGE: 413,
  URI_TOO_LONG: 414,
  EXPECTATION_FAILED: 417,
  HEADERS_TOO_LARGE: 431,
  CALLER_RATE_LIMITED: 429,
  UPSTREAM_RATE_LIMITED: 429,
  UNEXPECTED_ERROR: 500,
  /** Never 404: clients such as Terraform interpret a 404 as a deleted resource. */
  UNKNOWN_OPERATION: 501,
  UPSTREAM_UNREACHABLE: 502,
  UPSTREAM_TLS: 502,
  UPSTREAM_PROTOCOL: 502,
  UPSTREAM_BAD_BODY: 502,
  UPSTREAM_TOO_LARGE: 502,
  UPSTREAM_REDIRECT: 502,
  UPSTREAM_AUTH: 502,
  UPSTREAM_FAILED: 502,
  CREDENTIALS_UNAVAILABLE: 503,
  NO_CREDENTIAL_FOR_PROJECT: 503,
  OVERLOADED: 503,
  AUTH_UNAVAILABLE: 503,
  UPSTREAM_TIMEOUT: 504,
  NOT_CACHED: 504,
} as const satisfies Record<string, number> & Record<UpstreamFailureCode, number>;

export type GatewayErrorCode = keyof typeof STATUS_BY_CODE;

/** An error response of the gateway itself. `detail` is human-readable and contains no secrets. */
export interface GatewayError {
  readonly type: 'gateway-error';
  readonly code: GatewayErrorCode;
  readonly detail: string;
  readonly parameters?: readonly (string | number)[];
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly retryAfterMs?: number;
}

/** Creates a gateway error. */
export const gatewayError = (
  code: GatewayErrorCode,
  detail: string,
  more: Omit<GatewayError, 'type' | 'code' | 'detail'> = {},
): GatewayError => ({
  type: 'gateway-error',
  code,
  detail,
  ...more,
});
