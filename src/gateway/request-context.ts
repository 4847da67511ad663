import type { Operation } from '../atlas/catalog.ts';
import type { Caller } from './auth/key-auth.ts';
import type { CacheOutcome } from './events.ts';

/** The state of a request, filled in while it is handled and reported when it completes. */
export interface RequestContext {
  readonly requestId: string;
  readonly startedAt: number;
  caller: Caller | undefined;
  operation: Operation | undefined;
  project: string | undefined;
  cache: CacheOutcome;
  upstreamCalls: number;
  reason: string | undefined;
}

export const createContext = (requestId: string, startedAt: number): RequestContext => ({
  requestId,
  startedAt,
  caller: undefined,
  operation: undefined,
  project: undefined,
  cache: 'none',
  upstreamCalls: 0,
  reason: undefined,
});
