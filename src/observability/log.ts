import { Writable } from 'node:stream';
import { pino } from 'pino';
import pretty from 'pino-pretty';
import type { CacheEvent } from '../cache/events.ts';
import type { SharedEvent } from '../cluster/events.ts';
import type {
  DeprecatedEvent,
  ExpiryEvent,
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
  return (event) => {
    switch (event.type) {
      case 'answered':
        logRequest(event);
        return;
      case 'credential-renewal': {
        const { credential, outcome, detail } = event;
        logger[outcome === 'renewed' || outcome === 'rotated' ? 'info' : 'error'](
          { credential, outcome, detail },
          'credential renewal',
        );
        return;
      }
      case 'refreshed': {
        const { operation, project, outcome, detail } = event;
        if (outcome !== 'replaced') logger.warn({ operation, project, outcome, detail }, 'refresh');
        return;
      }
      case 'cool-down': {
        const { type: _type, ...fields } = event;
        logger[event.state === 'begun' ? 'warn' : 'info'](fields, 'cool-down');
        return;
      }
      case 'config-reload': {
        const { outcome, problems } = event;
        logger[outcome === 'applied' ? 'info' : 'error']({ outcome, problems }, 'configuration reload');
        return;
      }
      case 'cache-file': {
        const { outcome, listings, detail } = event;
        logger[outcome === 'restored' ? 'info' : 'warn']({ outcome, listings, detail }, 'cache file');
        return;
      }
      case 'credential-expiry': {
        const { credential, daysLeft } = event;
        logger[daysLeft <= URGENT_DAYS ? 'error' : 'warn']({ credential, daysLeft }, 'credential ends soon');
        return;
      }
      case 'circuit':
        logger[event.state === 'closed' ? 'info' : 'warn'](
          { credential: event.credential, state: event.state },
          'circuit',
        );
        return;
      case 'shared-state': {
        const { connected, detail } = event;
        logger[connected ? 'info' : 'warn']({ connected, detail }, 'shared cache');
        return;
      }
      case 'admin-sign-in-refused': {
        const { reason, clientIp } = event;
        logger.warn({ reason, clientIp }, 'admin sign-in refused');
        return;
      }
      case 'shared-exchange':
      case 'deprecated':
      case 'upstream-retry':
      case 'upstream-queued':
      case 'upstream-exchange':
      case 'evicted':
        return;
      case 'unexpected-error': {
        const { work, kind, place, requestId } = event;
        logger.error({ work, kind, place, requestId }, 'unexpected error');
        return;
      }
      case 'life':
        logger[event.level](event.message);
    }
  };
}
