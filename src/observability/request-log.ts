import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { RequestCompletedEvent } from '../gateway/events.ts';
import { isFailure } from '../gateway/request-outcome.ts';
import { compactText } from '../lib/compact-buffer.ts';

/** A child takes about 1 KiB. Creating one costs more than the line that it is created for. */
const MAX_CHILDREN = 2_000;

function levelOf(status: number): 'info' | 'warn' | 'error' {
  if (isFailure(status)) return 'error';
  return status === 401 || status === 403 || status === 429 || status === 501 ? 'warn' : 'info';
}

/** Rounds to microseconds: the digits after them are noise, and the fewer values there are, the more often V8 finds one already formatted. */
const roundToMicros = (milliseconds: number): number => Math.round(milliseconds * 1_000) / 1_000;

/** Writes the line of each request. */
export interface RequestLog {
  write(event: RequestCompletedEvent): void;
  /** Call when the level of the logger has changed: a child keeps the level that it was created with. */
  clear(): void;
}

/** The fields of a line that differ from request to request. */
interface OwnFields {
  readonly requestId: string;
  readonly clientIp: string | undefined;
  readonly userAgent: string | undefined;
  readonly durationMs: number;
  readonly bytes: number;
  project?: string;
  traceId?: string;
  path?: string;
}

/** Whether further lines will have the same project, caller and outcome: the next request for a list that was loaded is a hit. */
const isRepeated = ({ upstreamCalls }: RequestCompletedEvent): boolean => upstreamCalls === 0;

/**
 * Logs one line per request, by far the most frequent ones. The fields that repeat are serialized once, as the bindings of a child logger;
 * each of the others adds a tenth to the cost of a line.
 */
export function createRequestLog(logger: Logger): RequestLog {
  const children = new LRUCache<string, Logger>({ max: MAX_CHILDREN });

  function childFor(event: RequestCompletedEvent): Logger {
    const { caller, operation, method, status, cache, upstreamCalls, errorCode, reason } = event;
    const project = isRepeated(event) ? event.project : undefined;
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

  return {
    write(event) {
      const { requestId, clientIp, userAgent, bytes, project, traceId, path } = event;
      const own: OwnFields = {
        requestId,
        clientIp,
        userAgent,
        durationMs: roundToMicros(event.durationMs),
        bytes,
      };
      // Pino looks at every property, undefined ones included.
      if (project !== undefined && !isRepeated(event)) own.project = project;
      if (traceId !== undefined) own.traceId = traceId;
      if (path !== undefined) own.path = path;
      childFor(event)[levelOf(event.status)](own);
    },
    clear: () => children.clear(),
  };
}
