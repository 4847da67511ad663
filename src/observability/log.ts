import { Writable } from 'node:stream';
import { pino } from 'pino';
import pretty from 'pino-pretty';
import type { CacheEvent } from '../cache/events.ts';
import type { SharedEvent } from '../cluster/events.ts';
import type {
  CallerCallEvent,
  DeprecatedEvent,
  ExpiryEvent,
  PartialResponseEvent,
  PersistenceEvent,
  RequestCompletedEvent,
} from '../gateway/events.ts';
import type { UnexpectedErrorEvent } from '../lib/unexpected-error.ts';
import type { UpstreamEvent } from '../upstream/events.ts';
import type {
  LifecycleEvent,
  PurgeEvent,
  ReloadEvent,
  ShutdownEvent,
  SignInEvent,
  TraceExportEvent,
} from './events.ts';
import { createExportLog } from './export-log.ts';
import { createRequestLog } from './request-log.ts';
import { createStateLog } from './state-log.ts';
import { createUpstreamLog } from './upstream-log.ts';

/** Every event that a component reports: what the log, the metrics and the status page are made of. */
export type LogEvent =
  | RequestCompletedEvent
  | DeprecatedEvent
  | PartialResponseEvent
  | PersistenceEvent
  | ExpiryEvent
  | CacheEvent
  | SharedEvent
  | UpstreamEvent
  | LifecycleEvent
  | CallerCallEvent
  | ReloadEvent
  | PurgeEvent
  | ShutdownEvent
  | TraceExportEvent
  | SignInEvent
  | UnexpectedErrorEvent;

/** A sink for log lines. */
export interface LogDestination {
  write(line: string): void;
  /** Lines that could not be written. */
  readonly dropped?: number;
}

/** Lines less severe than this are not written. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Writes events as log lines. */
export interface Log {
  write(event: LogEvent): void;
  setLevel(level: LogLevel): void;
}

/** The `time` field as pino formats it; rebuilt once a millisecond. */
function createTimestamp(wall: () => number): () => string {
  let formattedAt = Number.NaN;
  let text = '';
  return () => {
    const now = wall();
    if (now !== formattedAt) {
      formattedAt = now;
      text = `,"time":"${new Date(now).toISOString()}"`;
    }
    return text;
  };
}

/** Formats lines for people on their way to `destination`. */
function prettyPrint(destination: LogDestination, colorize: boolean): LogDestination {
  const output = new Writable({
    decodeStrings: false,
    write(line, _encoding, done) {
      destination.write(String(line));
      done();
    },
  });
  return pretty({ colorize, ignore: 'pid,hostname', destination: output });
}

/**
 * Writes events as log lines: JSON or, with `people`, pretty-printed. Each line is built from named fields of its event and never from an
 * error or a request, so that nothing can be logged that is not named here.
 */
export function createLog(
  destination: LogDestination,
  form: { people: boolean; colorize: boolean; level: LogLevel; wall: () => number },
): Log {
  const logger = pino(
    {
      level: form.level,
      base: null,
      timestamp: createTimestamp(form.wall),
      formatters: { level: (label) => ({ level: label }) },
    },
    form.people ? prettyPrint(destination, form.colorize) : destination,
  );
  const requests = createRequestLog(logger);
  const logState = createStateLog(logger);
  const logUpstream = createUpstreamLog(logger);
  const logExport = createExportLog(logger);

  return {
    write(event) {
      switch (event.type) {
        case 'answered':
          return requests.write(event);
        case 'credential-renewal':
        case 'circuit':
        case 'upstream-exchange':
        case 'upstream-retry':
        case 'shared-state':
        case 'unstable-order':
          return logUpstream(event);
        case 'refreshed': {
          const { operation, project, outcome, detail } = event;
          if (outcome === 'replaced') return;
          return logger.warn({ operation, project, outcome, detail }, 'refresh');
        }
        case 'cool-down': {
          const { state, operation, project, kind, failures } = event;
          const named = { state, operation, project, kind, failures };
          if (state === 'ended') return logger.info(named, 'cool-down');
          return logger.warn({ ...named, pauseMs: event.pauseMs, code: event.code }, 'cool-down');
        }
        case 'config-reload':
        case 'cache-file':
        case 'credential-expiry':
        case 'unexpected-error':
        case 'life':
        case 'purge':
        case 'shutdown':
        case 'admin-sign-in-refused':
          return logState(event);
        case 'trace-export':
          return logExport(event);
        case 'caller-call':
        case 'shared-exchange':
        case 'deprecated':
        case 'partial-response':
        case 'upstream-queued':
        case 'evicted':
          return;
      }
    },
    setLevel(level) {
      logger.level = level;
      requests.clear();
    },
  };
}
