/** A load among those of the same list or page. */
export interface OrderedLoad {
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  /** Whether a load that began later has completed: this one has nothing new. */
  readonly isOvertaken: boolean;
  /** Atlas has answered the load. */
  complete(): void;
  /** Call when the load is over, whatever its result. */
  end(): void;
}

/** The order in which concurrent loads of the same list or page began: after `no-cache` or a purge a second one begins while the first is in progress. */
export interface LoadOrder {
  begin(key: string): OrderedLoad;
  /** When the last of the loads in progress began, in monotonic milliseconds; undefined if there is none. */
  lastStartedAt(key: string): number | undefined;
}

interface Row {
  /** Loads begun since the row was created; a row is removed when none of its loads is in progress. */
  begun: number;
  inProgress: number;
  lastStartedAt: number;
  /** The last load that completed; 0 if none did. */
  completed: number;
}

export function createLoadOrder(clock: { now(): number }): LoadOrder {
  const rows = new Map<string, Row>();
  return {
    begin(key) {
      const row = rows.get(key) ?? { begun: 0, inProgress: 0, lastStartedAt: 0, completed: 0 };
      rows.set(key, row);
      const startedAt = clock.now();
      row.lastStartedAt = startedAt;
      row.inProgress++;
      const number = ++row.begun;
      return {
        startedAt,
        get isOvertaken() {
          return row.completed > number;
        },
        complete() {
          row.completed = Math.max(row.completed, number);
        },
        end() {
          row.inProgress--;
          if (row.inProgress === 0) rows.delete(key);
        },
      };
    },
    lastStartedAt: (key) => rows.get(key)?.lastStartedAt,
  };
}
