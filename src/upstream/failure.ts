import { codeOfError } from '../lib/error-code.ts';
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

/** A call, or a request with all its attempts, took longer than its time limit. */
export const TIMED_OUT: UpstreamFailure = upstreamFailure(
  'UPSTREAM_TIMEOUT',
  'Atlas did not answer in time.',
);
/** Atlas answered `TIMEOUT_WHILE_PAGING`, and the list cannot be read in another way. */
export const TIMED_OUT_PAGING: UpstreamFailure = upstreamFailure(
  'UPSTREAM_FAILED',
  'Atlas timed out while paging the list.',
);
/** A request spent its time in the queue for a connection, which is not Atlas's fault. */
export const SENT_LATE: UpstreamFailure = overloaded(
  'The request waited too long for a connection to Atlas.',
);
/** A request that waited for a connection for this fraction of its time was sent late. */
export const LATE_FRACTION = 0.25;

/** The codes of an error and of its causes, outermost first. */
export function codesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const code = codeOfError(error);
  const own = code === undefined ? [] : [code];
  const inner = error instanceof AggregateError ? error.errors.flatMap(codesOf) : [];
  return [...own, ...inner, ...codesOf(error.cause)];
}

/** Kinds of error codes of Node.js and undici, as `codesOf` returns them. */
export const isTimeout = (code: string): boolean => TIMEOUT.has(code);
export const isUnreachable = (code: string): boolean => UNREACHABLE.has(code);
export const isTls = (code: string): boolean => TLS.test(code);

/**
 * Maps an error of Node or undici to a failure. Only its code is reported: messages may contain request data. `through` describes how Atlas
 * is reached.
 */
export function failureOf(error: unknown, through = ''): UpstreamFailure {
  const codes = codesOf(error);
  const code = codes[0] ?? 'unknown';
  if (codes.some(isTimeout))
    return upstreamFailure('UPSTREAM_TIMEOUT', `Atlas did not answer in time (${code}).`);
  if (codes.some(isUnreachable))
    return upstreamFailure('UPSTREAM_UNREACHABLE', `Atlas cannot be reached (${code}).`);
  if (codes.some(isTls))
    return upstreamFailure('UPSTREAM_TLS', `No trusted TLS connection to Atlas${through} (${code}).`);
  return upstreamFailure(
    'UPSTREAM_PROTOCOL',
    `The connection to Atlas failed before the response was complete (${code}).`,
  );
}
