import type { Random } from './random.ts';

/** An exponential back-off; times in milliseconds. */
export interface BackoffOptions {
  readonly firstMs: number;
  readonly longestMs: number;
  /** Shortens each pause by a random part of up to `fraction` of it, so that clients that failed together do not retry together. */
  readonly jitter?: { readonly fraction: number; readonly random: Random };
}

/** Returns the pause after `doublings` earlier ones: `firstMs` for 0, twice as long for each further one, up to `longestMs`. */
export const createBackoff =
  ({ firstMs, longestMs, jitter }: BackoffOptions): ((doublings: number) => number) =>
  (doublings) => {
    const pauseMs = Math.min(longestMs, firstMs * 2 ** doublings);
    return jitter === undefined
      ? pauseMs
      : pauseMs * (1 - jitter.fraction + jitter.random.fraction() * jitter.fraction);
  };
