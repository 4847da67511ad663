import type { Clock } from '../../src/lib/clock.ts';

/** A clock that stands still until a test turns it. */
export interface FakeClock extends Clock {
  /** Moves time on by `ms`, firing due timers in order and letting promises settle between them. */
  advance(ms: number): Promise<void>;
  /** Moves only the wall clock, as an administrator or NTP would. */
  moveWall(ms: number): void;
}

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

export function createFakeClock(wallAtStart: number = Date.UTC(2026, 7, 10, 3, 13, 29)): FakeClock {
  let now = 1_000;
  let wallOffset = wallAtStart - now;
  let nextId = 0;
  const timers = new Map<number, { at: number; fire: () => void }>();
  const nextDue = (until: number) =>
    [...timers.entries()]
      .filter(([, timer]) => timer.at <= until)
      .sort(([a, x], [b, y]) => x.at - y.at || a - b)[0];
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
        const [id, timer] = due;
        timers.delete(id);
        now = Math.max(now, timer.at);
        timer.fire();
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

/** Turns the clock on, a little at a time, until the promise settles: for waits between things that cross a socket. */
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
    // Sockets need real time: without it the clock would run away from them.
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return promise;
}
