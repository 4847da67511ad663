/** The scope of a purge: a project, an operation, one operation of one project, or, with neither, everything. */
export interface PurgeScope {
  readonly project?: string;
  readonly operation?: string;
}

/** Records purges. A purge invalidates every load that began before it, even one that completes later. */
export interface PurgeLog {
  /** The number of purges so far; an entry records the value at which its load began. */
  readonly epoch: number;
  add(scope: PurgeScope): void;
  /** Advances the sequence for a purge that another log records, so that both logs share one numbering. */
  advance(): void;
  /** Whether a purge after `epoch` covers this operation of this project. */
  isPurgedSince(project: string, operation: string, epoch: number): boolean;
}

const EVERYTHING = '*';

/**
 * Records up to `limit` scopes individually; beyond that all of them collapse into one purge of everything, which is safe but wasteful.
 * `from`: the initial sequence.
 */
export function createPurgeLog(limit: number, from = 0): PurgeLog {
  const last = new Map<string, number>();
  let epoch = from;
  const scopeKey = (project: string, operation: string) => `${project} ${operation}`;
  return {
    get epoch() {
      return epoch;
    },
    add({ project = EVERYTHING, operation = EVERYTHING }) {
      epoch++;
      const scope = scopeKey(project, operation);
      last.delete(scope);
      last.set(scope, epoch);
      if (last.size > limit) {
        last.clear();
        last.set(scopeKey(EVERYTHING, EVERYTHING), epoch);
      }
    },
    advance() {
      epoch++;
    },
    isPurgedSince(project, operation, since) {
      if (since === epoch) return false;
      return [
        scopeKey(project, operation),
        scopeKey(project, EVERYTHING),
        scopeKey(EVERYTHING, operation),
        scopeKey(EVERYTHING, EVERYTHING),
      ].some((scope) => (last.get(scope) ?? 0) > since);
    },
  };
}
