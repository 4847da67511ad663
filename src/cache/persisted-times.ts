import type { Clock } from '../lib/clock.ts';
import { type FreshnessWindow, freshnessWindow, type Lifetimes } from './freshness.ts';

/** The times of a listing in a form that other processes can read, in milliseconds. */
export interface WallTimes {
  /** Wall-clock milliseconds of the load. */
  readonly loadedAt: number;
  readonly freshMs: number;
  readonly revalidateMs: number;
  readonly staleIfErrorMs: number;
}

/** Converts a window of the monotonic clock to wall-clock times; `fromWallTimes` is the inverse. */
export function toWallTimes(window: FreshnessWindow, clock: Clock): WallTimes {
  return {
    loadedAt: clock.wall() - clock.now() + window.loadedAt,
    freshMs: window.freshUntil - window.loadedAt,
    revalidateMs: window.revalidateUntil - window.freshUntil,
    staleIfErrorMs: window.staleIfErrorUntil - window.freshUntil,
  };
}

/** The lifetimes of the listing, for `fromWallTimes`. */
export const lifetimesOf = ({ freshMs, revalidateMs, staleIfErrorMs }: WallTimes): Lifetimes => ({
  freshMs,
  staleWhileRevalidateMs: revalidateMs,
  staleIfErrorMs: staleIfErrorMs,
});

/**
 * Converts to this process's monotonic clock. A wall clock that was set back would rejuvenate lists, so an entry dated in the future counts
 * as past stale-while-revalidate and is served only if a load fails. `skewMs`: tolerated clock difference between two machines.
 */
export function fromWallTimes(
  loadedAt: number,
  lifetimes: Lifetimes,
  { clock, skewMs }: { clock: Clock; skewMs: number },
): FreshnessWindow {
  const ageMs = clock.wall() - loadedAt;
  const trustedAgeMs =
    ageMs < -skewMs ? lifetimes.freshMs + lifetimes.staleWhileRevalidateMs : Math.max(0, ageMs);
  return freshnessWindow(clock.now() - trustedAgeMs, lifetimes);
}
