import { Writable } from 'node:stream';
import { type Logger, pino } from 'pino';
import pretty from 'pino-pretty';
import type { CacheEvent } from '../cache/events.ts';
import type { SharedEvent } from '../cluster/events.ts';
import type {
  DeprecatedEvent,
  ExpiryEvent,
  PartialResponseEvent,
  PersistenceEvent,
  RequestCompletedEvent,
} from '../gateway/events.ts';
import type { UnexpectedErrorEvent } from '../lib/unexpected-error.ts';
import type { UpstreamEvent } from '../upstream/events.ts';
import type { ReloadEvent, SignInEvent } from './events.ts';
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
  | ReloadEvent
  | SignInEvent
  | UnexpectedErrorEvent;

/** A sink for log lines. */
export interface LogDestination {
  write(line: string): void;
  /** Lines that could not be written. */
  readonly dropped?: number;
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
  { type: 'config-reload' | 'cache-file' | 'credential-expiry' | 'unexpected-error' | 'life' }
>;

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
      case 'life':
        return logger[event.level](event.message);
    }
  };
}

/**
 * Writes events as log lines: JSON or, with `people`, pretty-printed. Each line is built from named fields of its event and never from an
 * error or a request, so that nothing can be logged that is not named here.
 */
export function createLog(
  destination: LogDestination,
  form: { people: boolean; colorize: boolean; wall: () => number },
): (event: LogEvent) => void {
  const logger = pino(
    {
      base: null,
      timestamp: createTimestamp(form.wall),
      formatters: { level: (label) => ({ level: label }) },
    },
    form.people ? prettyPrint(destination, form.colorize) : destination,
  );
  const logRequest = createRequestLog(logger);
  const logState = createStateLog(logger);
  return (event) => {
    switch (event.type) {
      case 'answered':
        return logRequest(event);
      case 'credential-renewal': {
        const { credential, outcome, detail } = event;
        const level = outcome === 'renewed' || outcome === 'rotated' ? 'info' : 'error';
        return logger[level]({ credential, outcome, detail }, 'credential renewal');
      }
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
        return logState(event);
      case 'circuit': {
        const { credential, state } = event;
        return logger[state === 'closed' ? 'info' : 'warn']({ credential, state }, 'circuit');
      }
      case 'shared-state': {
        const { connected, detail } = event;
        return logger[connected ? 'info' : 'warn']({ connected, detail }, 'shared cache');
      }
      case 'admin-sign-in-refused': {
        const { reason, clientIp } = event;
        return logger.warn({ reason, clientIp }, 'admin sign-in refused');
      }
      case 'unstable-order': {
        const { operation, scope } = event;
        return logger.warn({ operation, project: scope }, 'list without a stable order');
      }
      case 'shared-exchange':
      case 'deprecated':
      case 'partial-response':
      case 'upstream-retry':
      case 'upstream-queued':
      case 'upstream-exchange':
      case 'evicted':
        return;
    }
  };
}
