import { pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
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
import type { ReloadEvent } from './events.ts';
import type { SignInEvent } from './sign-in-event.ts';

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

type Level = 'debug' | 'info' | 'warn' | 'error';

function levelOf(status: number): Level {
  // 501 means that the gateway does not serve a path, not that anything failed.
  if (status >= 500 && status !== 501) return 'error';
  return status === 401 || status === 403 || status === 429 || status === 501 ? 'warn' : 'info';
}

/** The fraction digits by microseconds: formatting a fractional number takes a microsecond. */
const FRACTIONS = Array.from({ length: 1_000 }, (_none, micros) => String(micros / 1_000).slice(1));

/** Formats milliseconds with microsecond precision. */
function millis(duration: number): string {
  const micros = Math.round(duration * 1_000);
  const whole = Math.floor(micros / 1_000);
  return `${whole}${FRACTIONS[micros - whole * 1_000] ?? ''}`;
}

const member = (name: string, value: string | undefined) =>
  value === undefined ? '' : `"${name}":"${value}",`;

/** Flattens the rope that V8 builds on concatenation: the string becomes part of many lines. */
const flatten = (text: string) => Buffer.from(text).toString();

/** The prefix of a line up to the request id, with the time as pino formats it; rebuilt once a millisecond. */
function createPrefix(level: Level): (wall: number) => string {
  let written = Number.NaN;
  let text = '';
  return (wall) => {
    if (wall !== written) {
      written = wall;
      text = flatten(`{"level":"${level}","time":"${new Date(wall).toISOString()}","requestId":"`);
    }
    return text;
  };
}

/** The method, caller, operation and project fields. The last text of each operation is cached, as consecutive requests are often alike. */
function createRequestFields() {
  const lastByOperation = new Map<
    string | undefined,
    Pick<RequestCompletedEvent, 'method' | 'caller' | 'project'> & { text: string }
  >();
  return ({ method, caller, operation, project }: RequestCompletedEvent): string => {
    const known = lastByOperation.get(operation);
    if (known?.method === method && known.caller === caller && known.project === project) return known.text;
    const fields = member('caller', caller) + member('operation', operation) + member('project', project);
    const text = flatten(`","method":"${method}",${fields}"status":`);
    lastByOperation.set(operation, { method, caller, project, text });
    return text;
  };
}

/**
 * Formats request lines as pino would, but by hand: they are by far the most frequent lines, and pino takes longer for one than a cache hit
 * takes. Only the path and Atlas's error code need JSON escaping; all other values are the gateway's own names, ids and keywords.
 */
function createRequestLine() {
  const prefixes = {
    debug: createPrefix('debug'),
    info: createPrefix('info'),
    warn: createPrefix('warn'),
    error: createPrefix('error'),
  };
  const fieldsOf = createRequestFields();
  return (event: RequestCompletedEvent, wall: number): string => {
    const { requestId, status, cache, bytes, upstreamCalls, reason } = event;
    const errorCode = event.errorCode === undefined ? '' : `"errorCode":${JSON.stringify(event.errorCode)},`;
    const path = event.path === undefined ? '' : `"path":${JSON.stringify(event.path)},`;
    const prefix = prefixes[levelOf(status)](wall);
    return `${prefix}${requestId}${fieldsOf(event)}${status},"cache":"${cache}","durationMs":${millis(event.durationMs)},"bytes":${bytes},"upstreamCalls":${upstreamCalls},${errorCode}${member('reason', reason)}${path}"msg":"request"}\n`;
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
  const options = {
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const prettyPrint = prettyFactory({ colorize: form.colorize, ignore: 'pid,hostname' });
  const target: LogDestination = form.people
    ? { write: (line) => destination.write(prettyPrint(line)) }
    : destination;
  const logger = pino(options, target);
  const requestLine = createRequestLine();
  return (event) => {
    switch (event.type) {
      case 'answered':
        target.write(requestLine(event, form.wall()));
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
