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
export interface Held {
  readonly loadedAt: number;
  readonly freshUntil: number;
  readonly staleUntil: number;
  readonly fallbackUntil: number;
}

/**
 * `fresh`: serve. `stale`: serve and refresh in the background. `fallback`: load, and serve only if that fails. `expired`: never serve.
 */
export type Freshness = 'fresh' | 'stale' | 'fallback' | 'expired';

/** The absolute times of something loaded at `loadedAt`. */
export function hold(loadedAt: number, lifetimes: Lifetimes): Held {
  const freshUntil = loadedAt + lifetimes.freshMs;
  return {
    loadedAt,
    freshUntil,
    staleUntil: freshUntil + lifetimes.staleWhileRevalidateMs,
    fallbackUntil: freshUntil + Math.max(lifetimes.staleIfErrorMs, lifetimes.staleWhileRevalidateMs),
  };
}

/** The same times for something that is to be asked again at its next use: fresh no more, its other limits unchanged. */
export const outdated = (held: Held, now: number): Held => ({
  ...held,
  freshUntil: Math.min(held.freshUntil, now),
});

/** The same times for something that is to be asked for more seldom: fresh `factor` times as long, within what may be served stale. */
export const stretched = (held: Held, factor: number): Held => ({
  ...held,
  freshUntil: Math.min(held.staleUntil, held.loadedAt + (held.freshUntil - held.loadedAt) * factor),
});

/** Pure: the state of an entry at `now`. */
export function freshness(held: Held, now: number): Freshness {
  if (now < held.freshUntil) return 'fresh';
  if (now < held.staleUntil) return 'stale';
  return now < held.fallbackUntil ? 'fallback' : 'expired';
}
