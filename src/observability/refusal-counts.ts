import { LRUCache } from 'lru-cache';
import type { RequestCompletedEvent } from '../gateway/events.ts';
import type { Clock } from '../lib/clock.ts';

/** Requests with the same caller, operation and error code since the start. */
export interface RefusalGroup {
  readonly code: string;
  readonly status: number;
  readonly caller: string | undefined;
  readonly operation: string | undefined;
  readonly requests: number;
  /** Wall-clock milliseconds of the latest one. */
  readonly lastAt: number;
}

const MAX_GROUPS = 500;

/** Counts requests that were answered with an error, by code, caller and operation; beyond the bound the group counted longest ago is dropped. */
export function createRefusalCounts({ clock }: { clock: Clock }) {
  const groups = new LRUCache<string, RefusalGroup>({ max: MAX_GROUPS });
  return {
    count({ errorCode, status, caller, operation }: RequestCompletedEvent): void {
      const code = errorCode ?? String(status);
      const key = JSON.stringify([code, caller, operation]);
      const requests = (groups.get(key)?.requests ?? 0) + 1;
      groups.set(key, { code, status, caller, operation, requests, lastAt: clock.wall() });
    },
    /** The most frequent first, of equal ones the latest. */
    all: (): readonly RefusalGroup[] =>
      [...groups.values()].toSorted((one, other) => other.requests - one.requests),
  };
}
