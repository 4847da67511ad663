/** How long an entry may be served, in milliseconds. */
export interface Lifetimes {
  /** After the load: served without revalidation. */
  readonly freshMs: number;
  /** After freshness: served at once while a background refresh runs. */
  readonly staleWhileRevalidateMs: number;
  /** After freshness: served if a load fails. */
  readonly staleIfErrorMs: number;
}

/** When an entry was loaded and the limits of its freshness states; all in monotonic milliseconds. */
export interface FreshnessWindow {
  readonly loadedAt: number;
  readonly freshUntil: number;
  readonly revalidateUntil: number;
  readonly staleIfErrorUntil: number;
}

/**
 * `fresh`: serve. `stale`: serve and refresh in the background. `stale-if-error`: load, and serve only if that fails. `expired`: never
 * serve.
 */
export type Freshness = 'fresh' | 'stale' | 'stale-if-error' | 'expired';

/** The window of an entry that was loaded at `loadedAt`. */
export function freshnessWindow(loadedAt: number, lifetimes: Lifetimes): FreshnessWindow {
  const freshUntil = loadedAt + lifetimes.freshMs;
  return {
    loadedAt,
    freshUntil,
    revalidateUntil: freshUntil + lifetimes.staleWhileRevalidateMs,
    staleIfErrorUntil: freshUntil + Math.max(lifetimes.staleIfErrorMs, lifetimes.staleWhileRevalidateMs),
  };
}

/** Ends freshness now, so that the next read revalidates the entry; the stale limits stay unchanged. */
export const markStale = (window: FreshnessWindow, now: number): FreshnessWindow => ({
  ...window,
  freshUntil: Math.min(window.freshUntil, now),
});

/** Limits an entry to stale-if-error from now on. */
export const limitToErrors = (window: FreshnessWindow, now: number): FreshnessWindow => ({
  ...markStale(window, now),
  revalidateUntil: Math.min(window.revalidateUntil, now),
});

/** Extends freshness by `factor` so that the entry is refreshed less often, up to the end of stale-while-revalidate. */
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
