/** One load under way, and how many wait for it. */
interface Flight<Value> {
  readonly promise: Promise<Value>;
  waiting: number;
}

/** Joins those who want the same thing at the same time. */
export interface SingleFlight<Value> {
  /**
   * The value of the load under way for `key`, or of `load`, which is then begun. The load belongs to none of those who wait: it goes on
   * when the one who began it has left. `overloaded` where `maxWaiting` wait already.
   */
  join(
    key: string,
    load: () => Promise<Value>,
  ): { readonly role: 'leader' | 'follower'; readonly value: Promise<Value> } | 'overloaded';
  isLoading(key: string): boolean;
  /** Forgets the load under way for `key`: those who wait get its value, those who come from now on begin another. */
  forget(key: string): void;
  readonly size: number;
}

/** `load` must not reject: an answer is a value. At most `maxFlights` loads are under way, at most `maxWaiting` wait for each. */
export function createSingleFlight<Value>(limits: {
  maxFlights: number;
  maxWaiting: number;
}): SingleFlight<Value> {
  const flights = new Map<string, Flight<Value>>();
  return {
    join(key, load) {
      const under = flights.get(key);
      if (under !== undefined) {
        if (under.waiting >= limits.maxWaiting) return 'overloaded';
        under.waiting++;
        return { role: 'follower', value: under.promise };
      }
      if (flights.size >= limits.maxFlights) return 'overloaded';
      // `finally` runs a turn later than the load settles, so the flight is in the map before it is taken out.
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
