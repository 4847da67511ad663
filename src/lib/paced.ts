import type { Clock } from './clock.ts';

/**
 * A function that runs `act` at once, but not again before `pauseMs` has passed: calls in the meantime are merged into one at the end of
 * the pause. `pauseMs` is evaluated after each run, so that it can grow.
 */
export function createPaced(act: () => void, pauseMs: () => number, clock: Clock): () => void {
  let dueAt = Number.NEGATIVE_INFINITY;
  let scheduled = false;

  function run(): void {
    scheduled = false;
    act();
    dueAt = clock.now() + pauseMs();
  }

  return () => {
    if (scheduled) return;
    const waitMs = dueAt - clock.now();
    if (waitMs <= 0) {
      run();
      return;
    }
    scheduled = true;
    clock.after(waitMs, run);
  };
}
