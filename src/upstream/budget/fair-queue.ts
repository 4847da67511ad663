/** Something that waits for its turn. */
export interface Waiting {
  /** Who it is for: callers take turns. */
  readonly caller: string;
  readonly cost: number;
  readonly deadlineAt: number;
  /** Called when its turn has come. */
  readonly go: () => void;
}

/** A queue in which callers take turns, so that who asks much does not keep others waiting. */
export interface FairQueue {
  /** How many calls are made before the next one of this caller. */
  positionOf(caller: string): number;
  add(waiting: Waiting): void;
  /** Whose turn it is; it stays in the queue. */
  next(): Waiting | undefined;
  /** Takes out the one whose turn it is. */
  shift(): void;
  readonly size: number;
}

/** One for each bucket, mostly never used: nothing of its own to each until somebody waits. */
class CallerQueue implements FairQueue {
  size = 0;
  /** In the order in which callers have their turn. */
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
