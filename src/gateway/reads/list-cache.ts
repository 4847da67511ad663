import type * as cache from '../../cache/read-cache.ts';
import type * as results from '../../cache/results.ts';
import type { UpstreamFailure } from '../../upstream/message.ts';

/** The list cache and its results, with the failures of `upstream`. */
export type ListCache<Value> = cache.ListCache<Value, UpstreamFailure>;
export type LoadResult<Value> = results.LoadResult<Value, UpstreamFailure>;
export type CacheRead<Value> = results.CacheRead<Value, UpstreamFailure>;

/** Whether a failure is evidence that the next load of the same list will fail, too: the gateway's own limits pass by themselves. */
export function isRepeatable({ code }: UpstreamFailure): boolean {
  switch (code) {
    case 'UPSTREAM_RATE_LIMITED':
    case 'CALLER_RATE_LIMITED':
    case 'CREDENTIALS_UNAVAILABLE':
      return false;
    case 'UPSTREAM_UNREACHABLE':
    case 'UPSTREAM_TLS':
    case 'UPSTREAM_PROTOCOL':
    case 'UPSTREAM_BAD_BODY':
    case 'UPSTREAM_TOO_LARGE':
    case 'UPSTREAM_REDIRECT':
    case 'UPSTREAM_AUTH':
    case 'UPSTREAM_FAILED':
    case 'UPSTREAM_TIMEOUT':
      return true;
  }
}
