import type { Clock } from './clock.ts';

/** Counts attempts by key, such as a client address, within windows of a fixed length. */
export interface AttemptLimit {
  /** Counts an attempt: 0 if it is within the limit, else the milliseconds until the window of its key ends. */
  count(key: string): number;
  /** Milliseconds until an attempt of this key is within the limit again; 0 if it is now. Counts nothing. */
  waitMs(key: string): number;
  /** Whether an attempt was counted in the current window of this key. */
  has(key: string): boolean;
}

interface Window {
  attempts: number;
  readonly endsAt: number;
}

/**
 * Allows `max` attempts per key in a window of `windowMs`, which starts with its first attempt. Beyond `maxKeys`, the key counted longest
 * ago is evicted.
 */
export function createAttemptLimit(
  { max, windowMs, maxKeys }: { max: number; windowMs: number; maxKeys: number },
  clock: Clock,
): AttemptLimit {
  const windows = new Map<string, Window>();

  function current(key: string): Window | undefined {
    const window = windows.get(key);
    return window !== undefined && clock.now() < window.endsAt ? window : undefined;
  }

  function makeRoom(): void {
    for (const [oldest, { endsAt }] of windows) {
      if (windows.size <= maxKeys && clock.now() < endsAt) return;
      windows.delete(oldest);
    }
  }

  const msLeft = ({ endsAt }: Window) => Math.max(1, Math.ceil(endsAt - clock.now()));

  return {
    count(key) {
      const window = current(key) ?? { attempts: 0, endsAt: clock.now() + windowMs };
      windows.delete(key);
      windows.set(key, window);
      makeRoom();
      if (window.attempts >= max) return msLeft(window);
      window.attempts++;
      return 0;
    },
    waitMs(key) {
      const window = current(key);
      return window !== undefined && window.attempts >= max ? msLeft(window) : 0;
    },
    has: (key) => current(key) !== undefined,
  };
}
