import type { Clock } from '../lib/clock.ts';

/** Callers waiting until the value under a name changes. */
export interface ChangeWaiters {
  /** Resolves to true when the name changes, or to false after `ms`. */
  wait(name: string, ms: number): Promise<boolean>;
  /** Resolves all who wait for this name. */
  notify(name: string): void;
}

export function createChangeWaiters(clock: Clock): ChangeWaiters {
  const waiting = new Map<string, Set<() => void>>();
  return {
    wait: (name, ms) =>
      new Promise((resolve) => {
        const end = (changed: boolean) => {
          cancel();
          wakeups.delete(wake);
          if (wakeups.size === 0) waiting.delete(name);
          resolve(changed);
        };
        const wake = () => end(true);
        const wakeups = waiting.get(name) ?? new Set();
        waiting.set(name, wakeups.add(wake));
        const cancel = clock.after(ms, () => end(false));
      }),
    notify(name) {
      for (const wake of [...(waiting.get(name) ?? [])]) wake();
    },
  };
}
