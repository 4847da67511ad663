import type * as cache from '../../cache/read-cache.ts';
import type * as results from '../../cache/results.ts';
import type { UpstreamFailure, UpstreamFailureCode } from '../../upstream/message.ts';

/** The list cache and its results, with the failures of `upstream`. */
export type ListCache<Value> = cache.ListCache<Value, UpstreamFailure>;
export type LoadResult<Value> = results.LoadResult<Value, UpstreamFailure>;
export type CacheRead<Value> = results.CacheRead<Value, UpstreamFailure>;

/** Whether a failure is evidence that the next load of the same list will fail, too; the others end by themselves. */
export const isRepeatable = ({ code, unsent, circuitOpen }: UpstreamFailure): boolean =>
  unsent !== true && circuitOpen !== true && !PASSING.has(code);

/** Failures of the gateway or of the credential, which other lists meet as well. */
const PASSING: ReadonlySet<UpstreamFailureCode> = new Set([
  'UPSTREAM_RATE_LIMITED',
  'CALLER_RATE_LIMITED',
  'CREDENTIALS_UNAVAILABLE',
  'OVERLOADED',
]);
