/** Lets the event loop serve everything that is due before a long computation goes on. */
export const yieldToEventLoop = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Bytes that are processed at a time: a few milliseconds of hashing or searching. */
export const TURN_BYTES = 1_048_576;

/** A function that each caller awaits before a computation of some milliseconds: one turn of the event loop runs at most one of them. */
export function createTurns(): () => Promise<void> {
  let last = Promise.resolve();
  return () => {
    last = last.then(yieldToEventLoop);
    return last;
  };
}
