/**
 * Why a page is requested, the most urgent first: a caller waits for it (`first-page`), it continues a walk (`walk`), it is the first of a
 * walk's remaining pages (`new-walk`), or nobody waits for it (`background`).
 */
export const LOAD_CLASSES = ['first-page', 'walk', 'new-walk', 'background'] as const;
export type LoadClass = (typeof LOAD_CLASSES)[number];

/** A call that waits for a slot. */
export interface QueuedCall {
  readonly loadClass: LoadClass;
  /** The caller on whose behalf the call is made; empty for the gateway's own calls. */
  readonly caller: string;
  /** Identifies the list, across its pages. */
  readonly list: string;
}

/** Calls that wait for a slot: by class, within a class round-robin by caller, within a caller round-robin by list. */
export interface SlotQueue<Call extends QueuedCall> {
  add(call: Call, now: number): void;
  remove(call: Call): void;
  /** Removes and returns the first call in this order that may start. */
  take(mayStart: (call: Call) => boolean, now: number): Call | undefined;
  /** Removes and returns all calls. */
  clear(): Call[];
  readonly size: number;
}

/** A call that has waited this long moves up one class, so that a steady stream of urgent calls cannot hold it up for ever. */
const RAISE_AFTER_MS = 5_000;

/** The rank of a class after waiting; 0 is served first. */
interface Place {
  rank: number;
  rankedAt: number;
}

/** The calls of one rank. */
class RoundRobin<Call extends QueuedCall> {
  /** By caller, then by class and list, both in the order in which they are served next. */
  readonly #callers = new Map<string, Map<string, Set<Call>>>();
  /** By class, in the order in which the calls reached this rank. */
  readonly #arrivals = new Map<LoadClass, Set<Call>>(LOAD_CLASSES.map((loadClass) => [loadClass, new Set()]));

  add(call: Call): void {
    this.#arrivals.get(call.loadClass)?.add(call);
    const lists = this.#callers.get(call.caller) ?? new Map<string, Set<Call>>();
    this.#callers.set(call.caller, lists);
    const key = keyOf(call);
    const calls = lists.get(key) ?? new Set<Call>();
    lists.set(key, calls.add(call));
  }

  remove(call: Call): void {
    this.#arrivals.get(call.loadClass)?.delete(call);
    const lists = this.#callers.get(call.caller);
    const calls = lists?.get(keyOf(call));
    calls?.delete(call);
    if (calls?.size === 0) lists?.delete(keyOf(call));
    if (lists?.size === 0) this.#callers.delete(call.caller);
  }

  /** Moves the caller and the list of a call that is served behind all others. */
  rotate({ caller, ...call }: QueuedCall): void {
    const lists = this.#callers.get(caller);
    if (lists === undefined) return;
    this.#callers.delete(caller);
    this.#callers.set(caller, lists);
    const key = keyOf(call);
    const calls = lists.get(key);
    if (calls === undefined) return;
    lists.delete(key);
    lists.set(key, calls);
  }

  find(mayStart: (call: Call) => boolean): Call | undefined {
    for (const lists of this.#callers.values())
      for (const calls of lists.values()) {
        const [first] = calls;
        if (first !== undefined && mayStart(first)) return first;
      }
    return undefined;
  }

  /** For each class, the calls in the order in which they reached this rank. */
  arrivals(): Iterable<Iterable<Call>> {
    return this.#arrivals.values();
  }
}

// By class too: whether a call may start depends on its class, and a raised call must not block an urgent one of the same list.
const keyOf = ({ loadClass, list }: Omit<QueuedCall, 'caller'>) => `${loadClass} ${list}`;

/** An empty queue. It has no bound of its own: the scheduler limits how many calls wait. */
export function createSlotQueue<Call extends QueuedCall>(): SlotQueue<Call> {
  const ranks = LOAD_CLASSES.map(() => new RoundRobin<Call>());
  const places = new Map<Call, Place>();

  function remove(call: Call): void {
    const place = places.get(call);
    if (place === undefined) return;
    places.delete(call);
    ranks[place.rank]?.remove(call);
  }

  function put(call: Call, rank: number, now: number): void {
    places.set(call, { rank, rankedAt: now });
    ranks[rank]?.add(call);
  }

  /** Moves calls that have waited long enough up one rank. */
  function raise(now: number): void {
    for (let rank = ranks.length - 1; rank > 0; rank--)
      for (const arrivals of ranks[rank]?.arrivals() ?? [])
        for (const call of arrivals) {
          const rankedAt = places.get(call)?.rankedAt ?? now;
          if (now - rankedAt < RAISE_AFTER_MS) break;
          remove(call);
          put(call, rank - 1, rankedAt + RAISE_AFTER_MS);
        }
  }

  return {
    add(call, now) {
      raise(now);
      put(call, LOAD_CLASSES.indexOf(call.loadClass), now);
    },
    remove,
    take(mayStart, now) {
      raise(now);
      for (const calls of ranks) {
        const call = calls.find(mayStart);
        if (call === undefined) continue;
        remove(call);
        calls.rotate(call);
        return call;
      }
      return undefined;
    },
    clear() {
      const calls = [...places.keys()];
      for (const call of calls) remove(call);
      return calls;
    },
    get size() {
      return places.size;
    },
  };
}
