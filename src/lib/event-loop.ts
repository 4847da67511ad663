/** A long computation: it pauses at each `yield`, after a few milliseconds of work. */
export type Steps<Result> = Generator<void, Result, void>;

/** Bytes that a step copies, hashes or searches before it pauses. */
export const STEP_BYTES = 1_048_576;

/** Pauses whenever a computation has processed `STEP_BYTES` more. */
export function createPauses(): (bytes: number) => Steps<void> {
  let left = STEP_BYTES;
  return function* pauseAfter(bytes) {
    left -= bytes;
    if (left > 0) return;
    left = STEP_BYTES;
    yield;
  };
}

/** Runs a computation without its pauses. */
export function runAtOnce<Result>(steps: Steps<Result>): Result {
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

const yieldToEventLoop = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Runs a computation, and lets the event loop serve everything that is due at each of its pauses. */
export async function runInTurns<Result>(steps: Steps<Result>): Promise<Result> {
  let step = steps.next();
  while (step.done !== true) {
    await yieldToEventLoop();
    step = steps.next();
  }
  return step.value;
}

/** A function that each caller awaits before a computation of some milliseconds: one turn of the event loop runs at most one of them. */
export function createTurns(): () => Promise<void> {
  let last = Promise.resolve();
  return () => {
    last = last.then(yieldToEventLoop);
    return last;
  };
}
