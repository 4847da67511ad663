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
