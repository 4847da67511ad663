import type { CacheDirectives } from '../cache/decide.ts';
import type { BeginTrace, TraceSpan } from '../lib/trace-span.ts';
import type { RequestCompletedEvent } from './events.ts';
import type { ReadResult } from './reads/listing.ts';
import type { Reader } from './reads/reader.ts';
import type { RequestContext } from './request-context.ts';
import { isFailure } from './request-outcome.ts';

/** Begins the span of a request once it is known whether it is a caller's. Without credentials, a caller is anonymous. */
export const createBeginSpan =
  (beginTrace: BeginTrace) =>
  (
    { method, headers }: { method: string; headers: { authorization: string | undefined } },
    { identity: { parent }, startedAt }: RequestContext,
    { isCaller }: { isCaller: boolean },
  ): TraceSpan | undefined =>
    beginTrace(method, {
      parent,
      isAuthenticated: isCaller && headers.authorization !== undefined,
      startedAt,
    });

/** Ends the span of a request with what its log line says. */
export function endRequestSpan(span: TraceSpan, event: RequestCompletedEvent): void {
  const { method, operation, status, errorCode } = event;
  span.end({
    name: operation === undefined ? method : `${method} ${operation}`,
    failed: isFailure(status),
    attributes: {
      'http.request.method': method,
      'http.response.status_code': status,
      'error.type': isFailure(status) ? (errorCode ?? String(status)) : undefined,
      'atlas_gateway.request_id': event.requestId,
      'atlas_gateway.caller': event.caller,
      'atlas_gateway.operation': operation,
      'atlas_gateway.project': event.project,
      'atlas_gateway.cache': event.cache,
      'atlas_gateway.error_code': errorCode,
      'atlas_gateway.upstream_calls': event.upstreamCalls,
    },
  });
}

/** Ends the span of a cache decision. */
function endCacheSpan(span: TraceSpan, read: ReadResult | undefined): void {
  const status = read !== undefined && 'cacheStatus' in read ? read.cacheStatus : undefined;
  span.end({
    failed: read?.type === 'failed',
    attributes: {
      'atlas_gateway.cache': status?.outcome,
      'atlas_gateway.cache.detail': status?.detail,
      'atlas_gateway.cache.forwarded': status?.forwarded,
      'atlas_gateway.cache.result': read?.type ?? 'no-credential',
    },
  });
}

/** Reads within a span of the request's trace, if it is recorded. */
export function readTraced(
  reader: Reader,
  directives: CacheDirectives,
  request: TraceSpan | undefined,
): ReturnType<Reader['read']> {
  const span = request?.begin('cache', 'internal');
  const read = reader.read(directives, span);
  if (span === undefined) return read;
  if (!(read instanceof Promise)) {
    endCacheSpan(span, read);
    return read;
  }
  return read.then((late) => {
    endCacheSpan(span, late);
    return late;
  });
}
