import { type UnexpectedErrorEvent, unexpectedError } from './unexpected-error.ts';

/** Time as the gateway sees it. Decisions take `now` from here, never from the platform, so that tests can turn it by hand. */
export interface Clock {
  /** Monotonic milliseconds: what freshness, deadlines and back-off are counted in. A moved wall clock does not touch it. */
  now(): number;
  /** Milliseconds since the Unix epoch: for dates that people and other machines read (certificates, tokens, `Date`). */
  wall(): number;
  /** Calls `fire` once after `delayMs`; the returned function cancels it. The timer does not keep the process alive. */
  after(delayMs: number, fire: () => void): () => void;
}

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

/** A clock whose timers cannot end the process: an exception in one fails the work of that timer only, and is reported. */
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
