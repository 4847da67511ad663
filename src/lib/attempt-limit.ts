import { LRUCache } from 'lru-cache';
import type { Clock } from './clock.ts';
import { expireAfter } from './lru-expiry.ts';

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
  const windows = new LRUCache<string, Window>({ max: maxKeys, ...expireAfter(windowMs, clock) });

  function open(key: string): Window {
    const window = { attempts: 0, endsAt: clock.now() + windowMs };
    windows.set(key, window);
    return window;
  }

  const msLeft = ({ endsAt }: Window) => Math.max(1, Math.ceil(endsAt - clock.now()));

  return {
    count(key) {
      const window = windows.get(key) ?? open(key);
      if (window.attempts >= max) return msLeft(window);
      window.attempts++;
      return 0;
    },
    waitMs(key) {
      const window = windows.peek(key);
      return window !== undefined && window.attempts >= max ? msLeft(window) : 0;
    },
    has: (key) => windows.has(key),
  };
}
