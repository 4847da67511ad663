/** Counts the requests in flight and limits them. */
export interface InFlight {
  /** Counts a request; returns false if it exceeds the limit. `end` is called once for each `begin`, whatever that returned. */
  begin(): boolean;
  end(): void;
  readonly count: number;
  readonly limit: number;
}

export function createInFlight(limit: number): InFlight {
  let count = 0;
  return {
    begin: () => ++count <= limit,
    end: () => void count--,
    get count() {
      return count;
    },
    limit,
  };
}
