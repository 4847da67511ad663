import { isApiError } from '../atlas/api-error.ts';
import { upstreamFailure } from './failure.ts';
import type { UpstreamFailure, UpstreamResponse } from './message.ts';

/** A 4xx of Atlas. */
export interface UpstreamRefusal {
  readonly type: 'refused';
  readonly response: UpstreamResponse;
}

/** Interprets a response whose status is not 200. A 4xx of Atlas is passed on; anything else is a failure. */
export function readRefusal(response: UpstreamResponse): UpstreamRefusal | UpstreamFailure {
  const { status, body } = response;
  if (status === 429)
    return upstreamFailure('UPSTREAM_RATE_LIMITED', 'Atlas answered 429: its rate limit is exceeded.');
  // Clients read a 404 as "deleted", and it evicts what is cached: only Atlas itself may say so.
  if (status >= 400 && status < 500)
    return isApiError(body)
      ? { type: 'refused', response }
      : upstreamFailure(
          'UPSTREAM_BAD_BODY',
          `Something answered ${status} with a body that is not an error of Atlas.`,
        );
  if (status >= 300 && status < 400)
    return upstreamFailure(
      'UPSTREAM_REDIRECT',
      `Atlas answered ${status}; the gateway does not follow redirects.`,
    );
  return upstreamFailure('UPSTREAM_FAILED', `Atlas answered ${status}.`);
}
