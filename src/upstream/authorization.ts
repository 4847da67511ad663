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

/** A credential of Atlas's, whose secrets are read when they are used, so that a rotated one is used from then on. */
export interface CredentialSecrets {
  readonly id: () => string;
  readonly secret: () => string;
}
