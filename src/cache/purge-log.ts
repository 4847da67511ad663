/** What a purge voids: a project, an operation, one operation of one project, or, with neither, everything. */
export interface PurgeScope {
  readonly project?: string;
  readonly operation?: string;
}

/** Remembers purges, so that what was loaded before one is known to be void: whatever began before the purge, whenever it ends. */
export interface PurgeLog {
  /** The number of purges so far; an entry carries the one its load began at. */
  readonly sequence: number;
  add(scope: PurgeScope): void;
  /** Counts a purge of another kind, which is remembered elsewhere: both kinds have one order. */
  advance(): void;
  /** Whether a purge after `sequence` was about this operation of this project. */
  isPurgedSince(project: string, operation: string, sequence: number): boolean;
}

const EVERYTHING = '*';

/** `limit` scopes are remembered one by one; past that the oldest become a purge of everything, which is safe, only wasteful. `from`: the number to count on from. */
export function createPurgeLog(limit: number, from = 0): PurgeLog {
  const last = new Map<string, number>();
  let sequence = from;
  const scopeKey = (project: string, operation: string) => `${project} ${operation}`;
  return {
    get sequence() {
      return sequence;
    },
    add({ project = EVERYTHING, operation = EVERYTHING }) {
      sequence++;
      const scope = scopeKey(project, operation);
      last.delete(scope);
      last.set(scope, sequence);
      if (last.size > limit) {
        last.clear();
        last.set(scopeKey(EVERYTHING, EVERYTHING), sequence);
      }
    },
    advance() {
      sequence++;
    },
    isPurgedSince(project, operation, since) {
      if (since === sequence) return false;
      return [
        scopeKey(project, operation),
        scopeKey(project, EVERYTHING),
        scopeKey(EVERYTHING, operation),
        scopeKey(EVERYTHING, EVERYTHING),
      ].some((scope) => (last.get(scope) ?? 0) > since);
    },
  };
}
