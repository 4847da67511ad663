import type { UpstreamFailure, UpstreamFailureCode } from './message.ts';

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
]);
const TIMEOUT = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
]);
const TLS = /^(EPROTO|CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;

/** Builds a failure. `detail` must not contain secrets. */
export const upstreamFailure = (
  code: UpstreamFailureCode,
  detail: string,
  retryAfterMs?: number,
): UpstreamFailure => ({
  type: 'failed',
  code,
  detail,
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
});

const OVERLOADED_RETRY_AFTER_MS = 1_000;

/** The gateway itself is too busy. */
export const overloaded = (detail: string): UpstreamFailure =>
  upstreamFailure('OVERLOADED', detail, OVERLOADED_RETRY_AFTER_MS);

export const TIMED_OUT: UpstreamFailure = upstreamFailure(
  'UPSTREAM_TIMEOUT',
  'Atlas did not answer in time.',
);
export const TIMED_OUT_PAGING: UpstreamFailure = upstreamFailure(
  'UPSTREAM_FAILED',
  'Atlas timed out while paging the list.',
);
/** A request spent its time in the queue for a connection, which is no fault of Atlas. */
export const SENT_LATE: UpstreamFailure = overloaded(
  'The request waited too long for a connection to Atlas.',
);
/** A request that waited for a connection for this fraction of its time was sent late. */
export const LATE_FRACTION = 0.25;

function codesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const own = 'code' in error && typeof error.code === 'string' ? [error.code] : [];
  const inner = error instanceof AggregateError ? error.errors.flatMap(codesOf) : [];
  return [...own, ...inner, ...codesOf(error.cause)];
}

/** Maps an error of Node or undici to a failure. Only its code is reported: messages may contain request data. */
export function failureOf(error: unknown): UpstreamFailure {
  const codes = codesOf(error);
  const code = codes[0] ?? 'unknown';
  if (codes.some((one) => TIMEOUT.has(one)))
    return upstreamFailure('UPSTREAM_TIMEOUT', `Atlas did not answer in time (${code}).`);
  if (codes.some((one) => UNREACHABLE.has(one)))
    return upstreamFailure('UPSTREAM_UNREACHABLE', `Atlas cannot be reached (${code}).`);
  if (codes.some((one) => TLS.test(one)))
    return upstreamFailure('UPSTREAM_TLS', `No trusted TLS connection to Atlas (${code}).`);
  return upstreamFailure(
    'UPSTREAM_PROTOCOL',
    `The connection to Atlas failed before the response was complete (${code}).`,
  );
}
