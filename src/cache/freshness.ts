/** How long something may be served, in milliseconds. */
export interface Lifetimes {
  /** From loading on: served without a question. */
  readonly freshMs: number;
  /** After that: served at once, refreshed beside it. */
  readonly staleWhileRevalidateMs: number;
  /** After freshness: served where a load fails. */
  readonly staleIfErrorMs: number;
}

/** When an entry was loaded and until when it may be served how; all in monotonic milliseconds. */
export interface FreshnessWindow {
  readonly loadedAt: number;
  readonly freshUntil: number;
  readonly revalidateUntil: number;
  readonly staleIfErrorUntil: number;
}

/**
 * `fresh`: serve. `stale`: serve and refresh in the background. `stale-if-error`: load, and serve only if that fails. `expired`: never serve.
 */
export type Freshness = 'fresh' | 'stale' | 'stale-if-error' | 'expired';

/** The absolute times of something loaded at `loadedAt`. */
export function freshnessWindow(loadedAt: number, lifetimes: Lifetimes): FreshnessWindow {
  const freshUntil = loadedAt + lifetimes.freshMs;
  return {
    loadedAt,
    freshUntil,
    revalidateUntil: freshUntil + lifetimes.staleWhileRevalidateMs,
    staleIfErrorUntil: freshUntil + Math.max(lifetimes.staleIfErrorMs, lifetimes.staleWhileRevalidateMs),
  };
}

/** The same times for something that is to be asked again at its next use: fresh no more, its other limits unchanged. */
export const markStale = (window: FreshnessWindow, now: number): FreshnessWindow => ({
  ...window,
  freshUntil: Math.min(window.freshUntil, now),
});

/** The same times for something that is to be asked for more seldom: fresh `factor` times as long, within what may be served stale. */
export const extendFreshness = (window: FreshnessWindow, factor: number): FreshnessWindow => ({
  ...window,
  freshUntil: Math.min(
    window.revalidateUntil,
    window.loadedAt + (window.freshUntil - window.loadedAt) * factor,
  ),
});

/** Pure: the state of an entry at `now`. */
export function freshness(window: FreshnessWindow, now: number): Freshness {
  if (now < window.freshUntil) return 'fresh';
  if (now < window.revalidateUntil) return 'stale';
  return now < window.staleIfErrorUntil ? 'stale-if-error' : 'expired';
}
