/** A load in progress and the number of its waiters. */
interface Flight<Value> {
  readonly promise: Promise<Value>;
  waiting: number;
}

/** Coalesces concurrent loads of the same key. */
export interface SingleFlight<Value> {
  /**
   * Joins the load in progress for `key`, or starts `load`. No waiter owns the load: it outlives the request that started it. `overloaded`
   * if `maxWaiting` requests already wait for the load or `maxFlights` loads are in progress.
   */
  join(
    key: string,
    load: () => Promise<Value>,
  ): { readonly role: 'leader' | 'follower'; readonly value: Promise<Value> } | 'overloaded';
  isLoading(key: string): boolean;
  /** Detaches the load in progress for `key`: current waiters still get its value, later requests start a new load. */
  forget(key: string): void;
  readonly size: number;
}

/** `load` must not reject: failures are values. At most `maxFlights` loads run at once, with at most `maxWaiting` waiters each. */
export function createSingleFlight<Value>(limits: {
  maxFlights: number;
  maxWaiting: number;
}): SingleFlight<Value> {
  const flights = new Map<string, Flight<Value>>();
  return {
    join(key, load) {
      const current = flights.get(key);
      if (current !== undefined) {
        if (current.waiting >= limits.maxWaiting) return 'overloaded';
        current.waiting++;
        return { role: 'follower', value: current.promise };
      }
      if (flights.size >= limits.maxFlights) return 'overloaded';
      // `finally` runs in a later microtask than the load settles, so the flight is in the map before it is removed.
      const flight: Flight<Value> = {
        waiting: 1,
        promise: load().finally(() => {
          if (flights.get(key) === flight) flights.delete(key);
        }),
      };
      flights.set(key, flight);
      return { role: 'leader', value: flight.promise };
    },
    isLoading: (key) => flights.has(key),
    forget: (key) => {
      flights.delete(key);
    },
    get size() {
      return flights.size;
    },
  };
}
