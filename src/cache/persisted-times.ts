import type { Clock } from '../lib/clock.ts';
import { type FreshnessWindow, freshnessWindow, type Lifetimes } from './freshness.ts';

/** The times of a listing as another process can read them, in milliseconds. */
export interface WallTimes {
  /** Wall-clock milliseconds at which it was loaded. */
  readonly loadedAt: number;
  readonly freshMs: number;
  readonly revalidateMs: number;
  readonly staleIfErrorMs: number;
}

export function toWallTimes(window: FreshnessWindow, clock: Clock): WallTimes {
  return {
    loadedAt: clock.wall() - clock.now() + window.loadedAt,
    freshMs: window.freshUntil - window.loadedAt,
    revalidateMs: window.revalidateUntil - window.freshUntil,
    staleIfErrorMs: window.staleIfErrorUntil - window.freshUntil,
  };
}

export const lifetimesOf = ({ freshMs, revalidateMs, staleIfErrorMs }: WallTimes): Lifetimes => ({
  freshMs,
  staleWhileRevalidateMs: revalidateMs,
  staleIfErrorMs: staleIfErrorMs,
});

/**
 * The times on this process's clock. A wall clock that went back would make lists young again: what seems to come from the future is taken
 * as no longer fresh and no longer to be served unasked. `skewMs`: by how much the clocks of two machines may differ.
 */
export function fromWallTimes(
  loadedAt: number,
  lifetimes: Lifetimes,
  { clock, skewMs }: { clock: Clock; skewMs: number },
): FreshnessWindow {
  const ageMs = clock.wall() - loadedAt;
  const trusted = ageMs < -skewMs ? lifetimes.freshMs + lifetimes.staleWhileRevalidateMs : Math.max(0, ageMs);
  return freshnessWindow(clock.now() - trusted, lifetimes);
}
