/** A load in progress and the number of its waiters. */
interface Flight<Value> {
  readonly id: number;
  readonly promise: Promise<Value>;
  waiting: number;
}

/** A joined load. `id` identifies it among all loads of this process. */
export interface Joined<Value> {
  readonly role: 'leader' | 'follower';
  readonly id: number;
  readonly value: Promise<Value>;
}

/** Coalesces concurrent loads of the same key. No waiter owns a load: it outlives the request that started it. */
export interface SingleFlight<Value> {
  /** Joins the load in progress, if there is one. `overloaded`: `maxWaiting` requests already wait for it. */
  join(key: string): Joined<Value> | 'overloaded' | undefined;
  /**
   * Starts a load. Requests that wait for an earlier one still get its value; later ones join this one. `overloaded`: `maxFlights` loads
   * are in progress.
   */
  start(key: string, load: (id: number) => Promise<Value>): Joined<Value> | 'overloaded';
  isLoading(key: string): boolean;
  readonly size: number;
}

/** `load` must not reject: failures are values. At most `maxFlights` loads run at once, with at most `maxWaiting` waiters each. */
export function createSingleFlight<Value>(limits: {
  maxFlights: number;
  maxWaiting: number;
}): SingleFlight<Value> {
  const flights = new Map<string, Flight<Value>>();
  let started = 0;
  let running = 0;
  return {
    join(key) {
      const current = flights.get(key);
      if (current === undefined) return undefined;
      if (current.waiting >= limits.maxWaiting) return 'overloaded';
      current.waiting++;
      return { role: 'follower', id: current.id, value: current.promise };
    },
    start(key, load) {
      if (running >= limits.maxFlights) return 'overloaded';
      const id = ++started;
      running++;
      // `finally` runs in a later microtask than the load settles, so the flight is in the map before it is removed.
      const flight: Flight<Value> = {
        id,
        waiting: 1,
        promise: load(id).finally(() => {
          running--;
          if (flights.get(key) === flight) flights.delete(key);
        }),
      };
      flights.set(key, flight);
      return { role: 'leader', id, value: flight.promise };
    },
    isLoading: (key) => flights.has(key),
    get size() {
      return running;
    },
  };
}
