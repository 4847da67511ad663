import type { Clock } from '../lib/clock.ts';
import { type Held, hold, type Lifetimes } from './freshness.ts';

/** The times of a listing as another process can read them, in milliseconds. */
export interface WallTimes {
  /** Wall-clock milliseconds at which it was loaded. */
  readonly loadedAt: number;
  readonly freshMs: number;
  readonly staleMs: number;
  readonly fallbackMs: number;
}

export function toWallTimes(held: Held, clock: Clock): WallTimes {
  return {
    loadedAt: clock.wall() - clock.now() + held.loadedAt,
    freshMs: held.freshUntil - held.loadedAt,
    staleMs: held.staleUntil - held.freshUntil,
    fallbackMs: held.fallbackUntil - held.freshUntil,
  };
}

export const lifetimesOf = ({ freshMs, staleMs, fallbackMs }: WallTimes): Lifetimes => ({
  freshMs,
  staleWhileRevalidateMs: staleMs,
  staleIfErrorMs: fallbackMs,
});

/**
 * The times on this process's clock. A wall clock that went back would make lists young again: what seems to come from the future is taken
 * as no longer fresh and no longer to be served unasked. `skewMs`: by how much the clocks of two machines may differ.
 */
export function fromWallTimes(
  loadedAt: number,
  lifetimes: Lifetimes,
  { clock, skewMs }: { clock: Clock; skewMs: number },
): Held {
  const ageMs = clock.wall() - loadedAt;
  const believed =
    ageMs < -skewMs ? lifetimes.freshMs + lifetimes.staleWhileRevalidateMs : Math.max(0, ageMs);
  return hold(clock.now() - believed, lifetimes);
}
