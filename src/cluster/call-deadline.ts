import type { Clock } from '../lib/clock.ts';

/** The result of a call that was not answered in time. */
export const TIMED_OUT = Symbol('timed out');

/** Settles like `reply`, or resolves to `TIMED_OUT` after `deadlineMs`. */
export function withDeadline(reply: Promise<unknown>, deadlineMs: number, clock: Clock): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let cancel: () => void = () => undefined;
    function wait(mayExtend: boolean): void {
      const dueAt = clock.now() + deadlineMs;
      cancel = clock.after(deadlineMs, () => {
        // A late timer means that this process was blocked: the deadline is extended once.
        if (mayExtend && clock.now() - dueAt > deadlineMs / 2) wait(false);
        // The reply may already be in the socket buffer: the event loop reads it before the call counts as timed out.
        else setImmediate(() => resolve(TIMED_OUT));
      });
    }
    wait(true);
    reply.then(resolve, reject).finally(() => cancel());
  });
}
