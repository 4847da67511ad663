import type { Operation } from '../../atlas/catalog.ts';
import type { Access } from '../../gateway/auth/authentication.ts';
import type { ProjectNames } from '../../gateway/project-names.ts';
import { createAttemptLimit } from '../../lib/attempt-limit.ts';
import { networkOf } from '../../lib/client-network.ts';
import type { Clock } from '../../lib/clock.ts';
import type { AccessResult } from './page.tsx';
import { readableBy } from './readable.ts';

/** What a key may read, with the HTTP status of the answer; `errorCode`, `caller` and `reason` are for the log. */
export interface CheckedAccess {
  readonly status: 200 | 401 | 429 | 503;
  readonly result: AccessResult;
  readonly retryAfterSeconds?: number;
  readonly errorCode?: string;
  readonly caller?: string;
  readonly reason?: string;
}

/** Wrong keys per minute and client address, as at the token endpoint. */
const FAILURES = { max: 60, windowMs: 60_000, maxKeys: 10_000 };
export const ACCESS_PATH = '/access';

const refused = (problem: string): AccessResult => ({ type: 'refused', problem });

function tooMany(waitMs: number): CheckedAccess {
  const retryAfterSeconds = Math.ceil(waitMs / 1_000);
  return {
    status: 429,
    result: refused(`Too many requests. Try again in ${retryAfterSeconds} s.`),
    retryAfterSeconds,
    errorCode: 'CALLER_RATE_LIMITED',
    reason: 'too-many-attempts',
  };
}

/** Checks keys as requests for the API do; wrong ones are limited by client address, and a correct one counts as a request of its caller. */
export function createAccessCheck(
  operations: readonly Operation[],
  {
    authenticate,
    acquireRequest,
    projectNames,
    clock,
  }: Pick<Access, 'authenticate' | 'acquireRequest'> & {
    readonly projectNames: ProjectNames;
    readonly clock: Clock;
  },
) {
  const failures = createAttemptLimit(FAILURES, clock);

  return async (key: string, address: string | undefined): Promise<CheckedAccess> => {
    const known = await authenticate(`Bearer ${key}`, { method: 'POST', target: ACCESS_PATH });
    switch (known.type) {
      case 'caller': {
        const waitMs = acquireRequest(known.caller);
        if (waitMs > 0) return { ...tooMany(waitMs), caller: known.caller.name };
        const readable = readableBy(known.caller, operations, projectNames);
        return { status: 200, result: { type: 'readable', readable }, caller: known.caller.name };
      }
      case 'unauthenticated': {
        const waitMs = failures.count(address === undefined ? 'unknown' : networkOf(address));
        if (waitMs > 0) return tooMany(waitMs);
        return {
          status: 401,
          result: refused('That key is not valid here.'),
          errorCode: 'UNAUTHENTICATED',
          reason: known.reason,
        };
      }
      case 'unavailable':
        return {
          status: 503,
          errorCode: 'AUTH_UNAVAILABLE',
          result: refused('The token cannot be verified now: the keys of its issuer are unavailable.'),
        };
    }
  };
}
