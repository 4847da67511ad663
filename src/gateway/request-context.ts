import type { Operation } from '../atlas/catalog.ts';
import type { TraceSpan } from '../lib/trace-span.ts';
import type { Caller } from './auth/key-auth.ts';
import type { CacheOutcome } from './events.ts';
import type { RequestIdentity } from './request-identity.ts';

/** The state of a request, filled in while it is handled and reported when it completes. */
export interface RequestContext {
  readonly identity: RequestIdentity;
  readonly startedAt: number;
  /** Absent before authentication, and if the request is not traced. */
  span: TraceSpan | undefined;
  caller: Caller | undefined;
  operation: Operation | undefined;
  project: string | undefined;
  cache: CacheOutcome;
  upstreamCalls: number;
  reason: string | undefined;
}

export const createContext = (identity: RequestIdentity, startedAt: number): RequestContext => ({
  identity,
  startedAt,
  span: undefined,
  caller: undefined,
  operation: undefined,
  project: undefined,
  cache: 'none',
  upstreamCalls: 0,
  reason: undefined,
});
