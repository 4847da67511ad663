import { LRUCache } from 'lru-cache';
import type { RequestCompletedEvent } from '../gateway/events.ts';
import { ACROSS_PROJECTS, isHit } from '../gateway/request-outcome.ts';

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

/** The usage of one project, by caller and operation. */
type ProjectUsages = Map<string, Map<string, Counting>>;

const MAX_USAGES = 1_000;

const usagesIn = (usages: ProjectUsages): readonly Counting[] =>
  [...usages.values()].flatMap((byOperation) => [...byOperation.values()]);

/**
 * Counts authorized requests by caller, project and operation. Beyond the bound, the project used longest ago is dropped. A request costs
 * three look-ups of strings that exist already: a key joined from them would have to be hashed anew each time.
 */
export function createUsageCounts() {
  // Room for one project more, since `makeRoom` evicts after it was added, and must count what it evicts.
  const projects = new LRUCache<string, ProjectUsages>({ max: MAX_USAGES + 1 });
  let size = 0;

  /** Drops other projects until there is room for one more usage; false if the latest project alone takes it all. */
  function makeRoom(): boolean {
    while (size >= MAX_USAGES && projects.size > 1) size -= usagesIn(projects.pop() ?? new Map()).length;
    return size < MAX_USAGES;
  }

  function add(usage: Counting): void {
    const byCaller: ProjectUsages = projects.get(usage.project) ?? new Map();
    projects.set(usage.project, byCaller);
    if (!makeRoom()) return;
    const byOperation = byCaller.get(usage.caller) ?? new Map<string, Counting>();
    byCaller.set(usage.caller, byOperation);
    byOperation.set(usage.operation, usage);
    size++;
  }

  return {
    count({ caller, operation, project = ACROSS_PROJECTS, status, cache }: RequestCompletedEvent): void {
      if (caller === undefined || operation === undefined || cache === 'none') return;
      const hit = isHit(cache);
      const isError = status >= 500;
      const usage = projects.get(project)?.get(caller)?.get(operation);
      if (usage === undefined) {
        add({ caller, operation, project, requests: 1, hits: hit ? 1 : 0, errors: isError ? 1 : 0 });
        return;
      }
      usage.requests++;
      if (hit) usage.hits++;
      if (isError) usage.errors++;
    },
    /** The most frequent first, of equal ones the latest. */
    all: (): readonly Usage[] =>
      [...projects.values()].flatMap(usagesIn).toSorted((one, other) => other.requests - one.requests),
  };
}
