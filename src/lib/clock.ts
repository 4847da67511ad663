import { type UnexpectedErrorEvent, unexpectedError } from './unexpected-error.ts';

/** The time source of the gateway. Decisions take `now` from here, never from the platform, so that tests can control it. */
export interface Clock {
  /** Monotonic milliseconds, for freshness, deadlines and back-off. Unaffected by changes of the wall clock. */
  now(): number;
  /** Milliseconds since the Unix epoch, for dates exchanged with people and other machines (certificates, tokens, `Date`). */
  wall(): number;
  /** Calls `fire` once after `delayMs`; the returned function cancels it. The timer does not keep the process alive. */
  after(delayMs: number, fire: () => void): () => void;
}

/** Resolves after `delayMs`. */
export const pause = (clock: Pick<Clock, 'after'>, delayMs: number): Promise<void> =>
  new Promise((resolve) => void clock.after(delayMs, resolve));

/** The platform's clock. */
export function createSystemClock(): Clock {
  return {
    now: () => performance.now(),
    wall: () => Date.now(),
    after(delayMs, fire) {
      const timer = setTimeout(fire, delayMs);
      timer.unref();
      return () => clearTimeout(timer);
    },
  };
}

/** A clock whose timers cannot crash the process: an exception in one fails only the work of that timer, and is reported. */
export const guardTimers = (clock: Clock, report: (event: UnexpectedErrorEvent) => void): Clock => ({
  now: clock.now,
  wall: clock.wall,
  after: (delayMs, fire) =>
    clock.after(delayMs, () => {
      try {
        fire();
      } catch (error) {
        report(unexpectedError('a timer', error));
      }
    }),
});
