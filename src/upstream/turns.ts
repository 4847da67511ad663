/** Something that waits for its turn. */
export interface Waiting {
  /** Who it is for: callers take turns. */
  readonly caller: string;
  readonly draws: number;
  readonly deadlineAt: number;
  /** Called when its turn has come. */
  readonly go: () => void;
}

/** A queue in which callers take turns, so that who asks much does not keep others waiting. */
export interface Turns {
  /** How many calls are made before the next one of this caller. */
  ahead(caller: string): number;
  add(waiting: Waiting): void;
  /** Whose turn it is; it stays in the queue. */
  next(): Waiting | undefined;
  /** Takes out the one whose turn it is. */
  shift(): void;
  readonly size: number;
}

export function createTurns(): Turns {
  /** In the order in which callers have their turn. */
  const queues = new Map<string, Waiting[]>();
  let size = 0;
  return {
    ahead(caller) {
      const own = queues.get(caller)?.length ?? 0;
      let count = own;
      for (const [name, queue] of queues) if (name !== caller) count += Math.min(queue.length, own + 1);
      return count;
    },
    add(waiting) {
      const queue = queues.get(waiting.caller);
      if (queue === undefined) queues.set(waiting.caller, [waiting]);
      else queue.push(waiting);
      size++;
    },
    next() {
      for (const [, queue] of queues) return queue[0];
      return undefined;
    },
    shift() {
      for (const [caller, queue] of queues) {
        queue.shift();
        size--;
        queues.delete(caller);
        if (queue.length > 0) queues.set(caller, queue);
        return;
      }
    },
    get size() {
      return size;
    },
  };
}
