import type { Clock } from '../../src/lib/clock.ts';

/** A clock that only advances when a test advances it. */
export interface FakeClock extends Clock {
  /** Advances time by `ms`, fires due timers in order and lets promises settle between them. */
  advance(ms: number): Promise<void>;
  /** Changes only the wall clock, as an administrator or NTP would. */
  moveWall(ms: number): void;
}

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

export function createFakeClock(wallAtStart: number = Date.UTC(2026, 7, 10, 3, 13, 29)): FakeClock {
  let now = 1_000;
  let wallOffset = wallAtStart - now;
  let nextId = 0;
  const timers = new Map<number, { at: number; fire: () => void }>();
  /** The earliest timer; of several, the one that was set first. */
  function nextDue(until: number) {
    let due: { id: number; at: number; fire: () => void } | undefined;
    for (const [id, { at, fire }] of timers)
      if (at <= until && (due === undefined || at < due.at)) due = { id, at, fire };
    return due;
  }
  return {
    now: () => now,
    wall: () => now + wallOffset,
    after(delayMs, fire) {
      const id = nextId++;
      timers.set(id, { at: now + Math.max(0, delayMs), fire });
      return () => timers.delete(id);
    },
    async advance(ms) {
      const until = now + ms;
      await settle();
      for (let due = nextDue(until); due !== undefined; due = nextDue(until)) {
        timers.delete(due.id);
        now = Math.max(now, due.at);
        due.fire();
        await settle();
      }
      now = until;
      await settle();
    },
    moveWall(ms) {
      wallOffset += ms;
    },
  };
}

/** Advances the clock in small steps until the promise settles, for waits that involve sockets. */
export async function settled<Value>(clock: FakeClock, promise: Promise<Value>, stepMs = 20): Promise<Value> {
  let done = false;
  void promise.then(
    () => {
      done = true;
    },
    () => {
      done = true;
    },
  );
  while (!done) {
    await clock.advance(stepMs);
    // Sockets need real time; without this pause the clock would outrun them.
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return promise;
}
