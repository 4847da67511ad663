import { errorCodeOf } from '../atlas/api-error.ts';
import type { UpstreamResponse } from './message.ts';

/** Codes that Atlas answers with 401 although the credential is good: its user may not do this. */
const AUTHORIZATION_CODES: ReadonlySet<string> = new Set([
  'USER_UNAUTHORIZED',
  'NOT_IN_GROUP',
  'USER_CANNOT_ACCESS_GROUP',
]);

/** Whether an answer says that the credential itself was not accepted, so that another token or nonce may help. */
export const rejectsCredential = (response: UpstreamResponse): boolean =>
  response.status === 401 && !AUTHORIZATION_CODES.has(errorCodeOf(response.body) ?? '');

/** The two parts of a credential of Atlas's: client id and secret, or public and private key. */
export interface CredentialSecrets {
  readonly id: string;
  readonly secret: string;
}
