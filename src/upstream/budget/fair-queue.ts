/** A queued request. */
export interface Waiting {
  /** The caller, for round-robin scheduling. */
  readonly caller: string;
  readonly cost: number;
  readonly deadlineAt: number;
  /** Called when the request may proceed, or when its deadline has passed. */
  readonly go: (late: boolean) => void;
}

/** A round-robin queue by caller, so that a caller with many requests does not delay the others. */
export interface FairQueue {
  /** The number of requests served before a new one of this caller. */
  positionOf(caller: string): number;
  add(waiting: Waiting): void;
  /** Returns the next request without removing it. */
  next(): Waiting | undefined;
  /** Removes the next request. */
  shift(): void;
  readonly size: number;
}

/** There is one queue per bucket and most stay unused, so the map is allocated only when a request waits. */
class CallerQueue implements FairQueue {
  size = 0;
  /** In round-robin order of the callers. */
  #queues: Map<string, Waiting[]> | undefined;

  positionOf(caller: string): number {
    const own = this.#queues?.get(caller)?.length ?? 0;
    let count = own;
    for (const [name, queue] of this.#queues ?? [])
      if (name !== caller) count += Math.min(queue.length, own + 1);
    return count;
  }

  add(waiting: Waiting): void {
    this.#queues ??= new Map();
    const queue = this.#queues.get(waiting.caller);
    if (queue === undefined) this.#queues.set(waiting.caller, [waiting]);
    else queue.push(waiting);
    this.size++;
  }

  next(): Waiting | undefined {
    for (const [, queue] of this.#queues ?? []) return queue[0];
    return undefined;
  }

  shift(): void {
    for (const [caller, queue] of this.#queues ?? []) {
      queue.shift();
      this.size--;
      this.#queues?.delete(caller);
      if (queue.length > 0) this.#queues?.set(caller, queue);
      return;
    }
  }
}

export const createFairQueue = (): FairQueue => new CallerQueue();
