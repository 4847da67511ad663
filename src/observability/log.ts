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

/** What the gateway tells of its own life. Sentences are the gateway's own and hold nothing that came from outside. */
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

/** Where lines go. */
export interface LogDestination {
  write(line: string): void;
  /** Lines that could not be written. */
  readonly dropped?: number;
}

/** A secret that ends this soon is an error, not a warning. */
const URGENT_DAYS = 3;

type Level = 'debug' | 'info' | 'warn' | 'error';

function levelOf(status: number): Level {
  // 501 says that the gateway does not serve a path, not that anything failed.
  if (status >= 500 && status !== 501) return 'error';
  return status === 401 || status === 403 || status === 429 || status === 501 ? 'warn' : 'info';
}

/** What follows the whole milliseconds, by microseconds: a number with a fraction takes a microsecond to write. */
const FRACTIONS = Array.from({ length: 1_000 }, (_none, micros) => String(micros / 1_000).slice(1));

/** Milliseconds to the microsecond. */
function millis(duration: number): string {
  const micros = Math.round(duration * 1_000);
  const whole = Math.floor(micros / 1_000);
  return `${whole}${FRACTIONS[micros - whole * 1_000] ?? ''}`;
}

const member = (name: string, value: string | undefined) =>
  value === undefined ? '' : `"${name}":"${value}",`;

/** In one piece, not the tree of pieces that texts are put together from: it is part of many lines. */
const whole = (text: string) => Buffer.from(text).toString();

/** The time as pino writes it, with what goes before it and after it; written anew once a millisecond. */
function createOpening(level: Level): (wall: number) => string {
  let written = Number.NaN;
  let text = '';
  return (wall) => {
    if (wall !== written) {
      written = wall;
      text = whole(`{"level":"${level}","time":"${new Date(wall).toISOString()}","requestId":"`);
    }
    return text;
  };
}

/** Who read what, as a line tells it; for each operation it is kept, as the next request for it is likely to be of the same kind. */
function createTelling() {
  const told = new Map<
    string | undefined,
    Pick<RequestCompletedEvent, 'method' | 'caller' | 'project'> & { text: string }
  >();
  return ({ method, caller, operation, project }: RequestCompletedEvent): string => {
    const known = told.get(operation);
    if (known?.method === method && known.caller === caller && known.project === project) return known.text;
    const who = member('caller', caller) + member('operation', operation) + member('project', project);
    const text = whole(`","method":"${method}",${who}"status":`);
    told.set(operation, { method, caller, project, text });
    return text;
  };
}

/**
 * Lines of requests, as pino would write them: put together by hand, because they are by far the most frequent ones and pino would take longer
 * for one than an answer from memory takes. All texts but the path and Atlas's error code are names, ids and words of the gateway's own that need no escape.
 */
function createRequestLine() {
  const openings = {
    debug: createOpening('debug'),
    info: createOpening('info'),
    warn: createOpening('warn'),
    error: createOpening('error'),
  };
  const tell = createTelling();
  return (event: RequestCompletedEvent, wall: number): string => {
    const { requestId, status, cache, bytes, upstreamCalls, reason } = event;
    const errorCode = event.errorCode === undefined ? '' : `"errorCode":${JSON.stringify(event.errorCode)},`;
    const path = event.path === undefined ? '' : `"path":${JSON.stringify(event.path)},`;
    const opening = openings[levelOf(status)](wall);
    return `${opening}${requestId}${tell(event)}${status},"cache":"${cache}","durationMs":${millis(event.durationMs)},"bytes":${bytes},"upstreamCalls":${upstreamCalls},${errorCode}${member('reason', reason)}${path}"msg":"request"}\n`;
  };
}

/**
 * Events as log lines, JSON or, where `colorize` is given, a form for people. Each line is built from named fields of its event and never
 * from an error or a request, so that what is not named here cannot be logged.
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
  const forPeople = prettyFactory({ colorize: form.colorize, ignore: 'pid,hostname' });
  const target: LogDestination = form.people
    ? { write: (line) => destination.write(forPeople(line)) }
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
