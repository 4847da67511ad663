import { Writable } from 'node:stream';
import { type Logger, pino } from 'pino';
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
import type { PurgeEvent, ReloadEvent, ShutdownEvent, SignInEvent, TraceExportEvent } from './events.ts';
import { createRequestLog } from './request-log.ts';

/** Start, reload and shutdown messages. They contain nothing from outside the gateway. */
export interface LifecycleEvent {
  readonly type: 'life';
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
}

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

/** A secret that expires within this many days is logged as an error, not a warning. */
const URGENT_DAYS = 3;

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

/** Events about the gateway itself rather than about requests. */
type OwnEvent = Extract<
  LogEvent,
  {
    type:
      | 'config-reload'
      | 'cache-file'
      | 'credential-expiry'
      | 'unexpected-error'
      | 'life'
      | 'purge'
      | 'shutdown'
      | 'admin-sign-in-refused';
  }
>;

function logShutdown(logger: Logger, event: ShutdownEvent): void {
  const { phase, inFlight } = event;
  if (phase === 'begun') {
    const { signal, delayMs, deadlineMs } = event;
    logger.info({ phase, signal, inFlight, delayMs, deadlineMs }, 'shutdown');
    return;
  }
  const isCutOff = phase === 'drained' && inFlight > 0;
  logger[isCutOff ? 'warn' : 'info']({ phase, inFlight, elapsedMs: event.elapsedMs }, 'shutdown');
}

/** Events about Atlas, one of its credentials or the shared tier. */
type UpstreamLogEvent = Extract<
  LogEvent,
  {
    type: 'credential-renewal' | 'circuit' | 'upstream-exchange' | 'upstream-retry' | 'shared-state';
  }
>;

function createUpstreamLog(logger: Logger): (event: UpstreamLogEvent) => void {
  return (event) => {
    switch (event.type) {
      case 'credential-renewal': {
        const { credential, outcome, detail } = event;
        const level = outcome === 'renewed' || outcome === 'rotated' ? 'info' : 'error';
        return logger[level]({ credential, outcome, detail }, 'credential renewal');
      }
      case 'circuit': {
        const { credential, state } = event;
        if (state === 'closed') return logger.info({ credential, state, openMs: event.openMs }, 'circuit');
        return logger.warn({ credential, state, code: event.code, detail: event.detail }, 'circuit');
      }
      case 'upstream-exchange': {
        const { operation, credential, code, durationMs } = event;
        return logger.debug({ operation, credential, code, durationMs }, 'upstream call');
      }
      case 'upstream-retry':
        return logger.debug({ reason: event.reason }, 'upstream retry');
      case 'shared-state': {
        const { connected, detail } = event;
        return logger[connected ? 'info' : 'warn']({ connected, detail }, 'shared cache');
      }
    }
  };
}

function createStateLog(logger: Logger): (event: OwnEvent) => void {
  return (event) => {
    switch (event.type) {
      case 'config-reload': {
        const { outcome, problems } = event;
        return logger[outcome === 'applied' ? 'info' : 'error'](
          { outcome, problems },
          'configuration reload',
        );
      }
      case 'cache-file': {
        const { outcome, listings, detail } = event;
        const level = outcome === 'restored' ? 'info' : 'warn';
        return logger[level]({ outcome, listings, detail }, 'cache file');
      }
      case 'credential-expiry': {
        const { credential, daysLeft } = event;
        const level = daysLeft <= URGENT_DAYS ? 'error' : 'warn';
        return logger[level]({ credential, daysLeft }, 'credential ends soon');
      }
      case 'unexpected-error': {
        const { work, kind, place, requestId } = event;
        return logger.error({ work, kind, place, requestId }, 'unexpected error');
      }
      case 'purge': {
        const { project, operation, soft, origin, requestId, clientIp } = event;
        return logger.info({ project, operation, soft, origin, requestId, clientIp }, 'cache purged');
      }
      case 'shutdown':
        return logShutdown(logger, event);
      case 'admin-sign-in-refused': {
        const { reason, clientIp } = event;
        return logger.warn({ reason, clientIp }, 'admin sign-in refused');
      }
      case 'life':
        return logger[event.level](event.message);
    }
  };
}

/** Reports when the collector stops and starts again to take spans. */
function createExportLog(logger: Logger): (event: TraceExportEvent) => void {
  let failing = false;
  return ({ outcome, spans }) => {
    if (failing === (outcome === 'failed')) return;
    failing = outcome === 'failed';
    logger[failing ? 'warn' : 'info']({ outcome, spans }, 'trace export');
  };
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
