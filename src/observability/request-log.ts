import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { RequestCompletedEvent } from '../gateway/events.ts';
import { compactText } from '../lib/compact-buffer.ts';

/** A child takes about 1 KiB. Creating one costs more than the line that it is created for. */
const MAX_CHILDREN = 2_000;

function levelOf(status: number): 'info' | 'warn' | 'error' {
  // 501 means that the gateway does not serve a path, not that anything failed.
  if (status >= 500 && status !== 501) return 'error';
  return status === 401 || status === 403 || status === 429 || status === 501 ? 'warn' : 'info';
}

/** Rounds to microseconds: the digits after them are noise, and the fewer values there are, the more often V8 finds one already formatted. */
const roundToMicros = (milliseconds: number): number => Math.round(milliseconds * 1_000) / 1_000;

/**
 * Logs one line per request, by far the most frequent ones. The fields that repeat are serialized once, as the bindings of a child logger;
 * each of the others adds a tenth to the cost of a line.
 */
export function createRequestLog(logger: Logger): (event: RequestCompletedEvent) => void {
  const children = new LRUCache<string, Logger>({ max: MAX_CHILDREN });

  function childFor(event: RequestCompletedEvent): Logger {
    const { caller, operation, project, method, status, cache, upstreamCalls, errorCode, reason } = event;
    const error = errorCode === undefined && reason === undefined ? '' : ` ${errorCode} ${reason}`;
    // None of them contains a space. Key and project are copied below: both can keep the whole request target alive.
    const key = `${caller ?? ''} ${operation ?? ''} ${project ?? ''} ${method} ${status} ${cache} ${upstreamCalls}${error}`;
    const known = children.get(key);
    if (known !== undefined) return known;
    const child = logger.child({
      caller,
      operation,
      project: project === undefined ? undefined : compactText(project),
      method,
      status,
      cache,
      upstreamCalls,
      errorCode,
      reason,
      msg: 'request',
    });
    children.set(compactText(key), child);
    return child;
  }

  return (event) => {
    const { requestId, bytes, path } = event;
    const durationMs = roundToMicros(event.durationMs);
    // Pino looks at every property, undefined ones included.
    const own =
      path === undefined ? { requestId, durationMs, bytes } : { requestId, durationMs, bytes, path };
    childFor(event)[levelOf(event.status)](own);
  };
}
