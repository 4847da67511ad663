import { upstreamFailure } from '../../upstream/failure.ts';
import type { UpstreamFailure } from '../../upstream/message.ts';
import type { Credential } from '../credentials/selection.ts';
import type { LoadResult } from './list-cache.ts';
import { isCredentialsFault } from './upstream-denial.ts';

/** The failure of a load that has no credential to try. */
export const NO_CREDENTIAL: UpstreamFailure = upstreamFailure(
  'CREDENTIALS_UNAVAILABLE',
  'No credential is available for this request.',
);

/** Tries the next credential if one fails or is rejected: credentials that cover the same project back each other up. */
export async function withFailover<Value>(
  credentials: readonly Credential[],
  load: (credential: Credential) => Promise<LoadResult<Value>>,
): Promise<LoadResult<Value>> {
  let result: LoadResult<Value> = NO_CREDENTIAL;
  for (const credential of credentials) {
    result = await load(credential);
    if (!isCredentialsFault(result)) return result;
  }
  return result;
}
