import { LRUCache } from 'lru-cache';
import type { RequestCompletedEvent } from '../gateway/events.ts';

/** Requests of one caller for one operation of one project since the start. */
export interface Usage {
  readonly caller: string;
  readonly operation: string;
  /** The project or organization; `-` for lists across projects. */
  readonly project: string;
  readonly requests: number;
  /** Served from memory, fresh or stale. */
  readonly hits: number;
  /** Answered with 500 or above. */
  readonly errors: number;
}

type Counting = { -readonly [Field in keyof Usage]: Usage[Field] };

const MAX_USAGES = 1_000;
const ACROSS = '-';

/** Counts authorized requests by caller, project and operation; beyond the bound the combination used longest ago is dropped. */
export function createUsageCounts() {
  const usages = new LRUCache<string, Counting>({ max: MAX_USAGES });

  function usageOf(caller: string, project: string, operation: string): Counting {
    const key = `${operation} ${project} ${caller}`;
    const known = usages.get(key);
    if (known !== undefined) return known;
    const usage: Counting = { caller, operation, project, requests: 0, hits: 0, errors: 0 };
    usages.set(key, usage);
    return usage;
  }

  return {
    count({ caller, operation, project = ACROSS, status, cache }: RequestCompletedEvent): void {
      if (caller === undefined || operation === undefined || cache === 'none') return;
      const usage = usageOf(caller, project, operation);
      usage.requests++;
      if (cache === 'hit' || cache === 'stale') usage.hits++;
      if (status >= 500) usage.errors++;
    },
    /** The most frequent first, of equal ones the latest. */
    all: (): readonly Usage[] => [...usages.values()].toSorted((one, other) => other.requests - one.requests),
  };
}
