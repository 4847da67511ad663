import { errorCodeOf } from '../atlas/api-error.ts';
import type { UpstreamResponse } from './message.ts';

/** Codes that Atlas sends with 401 for a valid credential that lacks the permission. */
const AUTHORIZATION_CODES: ReadonlySet<string> = new Set([
  'USER_UNAUTHORIZED',
  'NOT_IN_GROUP',
  'USER_CANNOT_ACCESS_GROUP',
]);

/** Whether Atlas rejected the credential itself, so that a new token or nonce may help. */
export const rejectsCredential = (response: UpstreamResponse): boolean =>
  response.status === 401 && !AUTHORIZATION_CODES.has(errorCodeOf(response.body) ?? '');
