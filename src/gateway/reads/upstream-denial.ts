import { errorCodeOf } from '../../atlas/api-error.ts';
import { upstreamFailure } from '../../upstream/failure.ts';
import type { UpstreamResponse } from '../../upstream/message.ts';
import type { LoadResult } from './list-cache.ts';

/** Atlas error codes that mean: the list exists and the credential may read it, but not from this IP address. */
export const ADDRESS_CODES: ReadonlySet<string> = new Set([
  'IP_ADDRESS_NOT_ON_ACCESS_LIST',
  'ORG_REQUIRES_WHITELIST',
]);
const GONE_STATUSES: ReadonlySet<number> = new Set([401, 403, 404, 410]);

/** Whether Atlas refuses the address of this gateway rather than its credential. */
const isAddressRefused = ({ body }: Pick<UpstreamResponse, 'body'>): boolean =>
  ADDRESS_CODES.has(errorCodeOf(body) ?? '');

/** The list exists and the credential may read it: a cached copy may be served, as after any other failure. */
export const unlessAddressRefused = <Value>(
  loaded: LoadResult<Value>,
  cached: Value | undefined,
): LoadResult<Value> =>
  loaded.type === 'refused' && cached !== undefined && isAddressRefused(loaded.response)
    ? upstreamFailure('UPSTREAM_AUTH', "Atlas does not accept the gateway's address.")
    : loaded;

/** Whether Atlas says that something does not exist, or not any more. */
export const isMissing = ({ status }: Pick<UpstreamResponse, 'status'>): boolean =>
  status === 404 || status === 410;

/** Whether a 4xx response of Atlas means that the list is gone or no longer readable, so that a cached copy must not be served. */
export const invalidatesCache = (response: UpstreamResponse): boolean =>
  GONE_STATUSES.has(response.status) && !isAddressRefused(response);

/** Whether another credential may succeed after this result. */
export function isCredentialsFault<Value>(result: LoadResult<Value>): boolean {
  if (result.type === 'failed')
    return result.code === 'CREDENTIALS_UNAVAILABLE' || result.code === 'UPSTREAM_AUTH';
  return result.type === 'refused' && (result.response.status === 401 || result.response.status === 403);
}
