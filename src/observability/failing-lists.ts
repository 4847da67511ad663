import { LRUCache } from 'lru-cache';
import { ACROSS_PROJECTS } from '../gateway/request-outcome.ts';
import type { Clock } from '../lib/clock.ts';
import type { LogEvent } from './log.ts';

/** A list, or another read, that could not be loaded from Atlas the last time it was tried. */
export interface FailingList {
  readonly operation: string;
  /** The project or organization; `-` for lists across projects. */
  readonly project: string;
  /** The status that Atlas answered, such as `503`, or the gateway's code for the failure. */
  readonly code: string;
  /** Wall-clock milliseconds of the first failure since the last success, and of the latest one. */
  readonly since: number;
  readonly lastAt: number;
  /** Monotonic milliseconds before which the list is not requested from Atlas again; undefined if the next request may load it. */
  readonly nextAttemptAt: number | undefined;
  /** Whether a caller was answered with the failure since then, as for filters or an element that are not cached. */
  readonly refused: boolean;
}

/** The lists that fail now; at most `MAX_LISTS` are followed. */
export interface FailingLists {
  observe(event: LogEvent): void;
  /** Those that failed longest first. */
  all(): readonly FailingList[];
}

const MAX_LISTS = 1_000;
/** A list that nobody has requested for this long is no longer known to fail. */
const FORGET_MS = 600_000;

interface Failure {
  readonly operation: string;
  readonly project: string;
  readonly code: string;
  readonly pauseMs?: number;
  readonly refused?: boolean;
}

interface Recorded extends FailingList {
  readonly forgetAt: number;
}

/** Failures that callers see and that Atlas, or the way to it, caused. */
const isUpstreamCode = (code: string | undefined): code is string =>
  code !== undefined && (code.startsWith('UPSTREAM_') || code === 'CREDENTIALS_UNAVAILABLE');

/** Follows which lists fail, from the first failed load to the next successful one. */
export function createFailingLists({ clock }: { clock: Clock }): FailingLists {
  const failing = new LRUCache<string, Recorded>({ max: MAX_LISTS });
  /** The 5xx status of the latest call of each operation; its size is that of the catalog. */
  const statuses = new Map<string, string>();
  const keyOf = (operation: string, project: string) => `${operation} ${project}`;

  function fail({ operation, project, code, pauseMs, refused = false }: Failure): void {
    const key = keyOf(operation, project);
    const known = failing.get(key);
    const now = clock.now();
    const nextAttemptAt = pauseMs === undefined ? known?.nextAttemptAt : now + pauseMs;
    failing.set(key, {
      operation,
      project,
      code: code === 'UPSTREAM_FAILED' ? (statuses.get(operation) ?? code) : code,
      since: known?.since ?? clock.wall(),
      lastAt: clock.wall(),
      nextAttemptAt,
      refused: refused || known?.refused === true,
      forgetAt: Math.max(now, nextAttemptAt ?? now) + FORGET_MS,
    });
  }

  const succeed = (operation: string, project: string) => failing.delete(keyOf(operation, project));

  function answered({
    operation,
    project = ACROSS_PROJECTS,
    status,
    errorCode,
    cache,
    upstreamCalls,
  }: Extract<LogEvent, { type: 'answered' }>): void {
    if (operation === undefined) return;
    if (status >= 429 && isUpstreamCode(errorCode))
      fail({ operation, project, code: errorCode, refused: true });
    else if (status < 429 && cache !== 'stale' && upstreamCalls > 0) succeed(operation, project);
  }

  return {
    observe(event) {
      switch (event.type) {
        case 'upstream-exchange':
          if (/^5\d\d$/.test(event.code)) statuses.set(event.operation, event.code);
          else statuses.delete(event.operation);
          return;
        case 'answered':
          answered(event);
          return;
        case 'refreshed':
          if (event.outcome !== 'kept') succeed(event.operation, event.project);
          else fail({ ...event, code: event.detail ?? 'UPSTREAM_FAILED' });
          return;
        case 'cool-down':
          if (event.state === 'begun') fail(event);
          else succeed(event.operation, event.project);
      }
    },
    all() {
      const now = clock.now();
      return [...failing.values()]
        .filter(({ forgetAt }) => now < forgetAt)
        .toSorted((one, other) => one.since - other.since);
    },
  };
}
