import { LRUCache } from 'lru-cache';
import type { LoadFailure } from './results.ts';

export interface CoolDownOptions<Failure extends LoadFailure> {
  /** The first pause; it doubles with each further failure. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** Whether a failure is evidence that the next load will fail, too. Others do not lengthen the pause. */
  readonly isRepeatable: (failure: Failure) => boolean;
}

/** The failed loads of a list or page since its last successful one. */
export interface FailedLoads<Failure extends LoadFailure> {
  readonly failure: Failure;
  /** Repeatable failures in a row. */
  readonly failures: number;
  readonly failedAt: number;
  /** No load begins before this time, in monotonic milliseconds. */
  readonly until: number;
}

/** Pauses loads that keep failing, so that a failing list costs Atlas little, however often it is requested. */
export interface CoolDown<Failure extends LoadFailure> {
  /** The recent failed loads of `key`, also after the pause has ended. */
  find(key: string): FailedLoads<Failure> | undefined;
  /** Records a failed load. `hasCopy`: an older value can be served, so even a first failure is followed by a pause. */
  failed(key: string, failure: Failure, hasCopy: boolean): void;
  /** Records a load that Atlas answered. */
  succeeded(key: string): void;
  clear(): void;
}

/** Failures that lie further back than this are no longer part of the row. */
const FORGET_MS = 600_000;
/** Keys contain queries of any length, so their number alone would not bound memory. */
const MAX_BYTES = 1_048_576;
const ENTRY_BYTES = 512;

export function createCoolDown<Failure extends LoadFailure>(
  { firstPauseMs, longestPauseMs, isRepeatable }: CoolDownOptions<Failure>,
  { clock }: { clock: { now(): number } },
): CoolDown<Failure> {
  const failedLoads = new LRUCache<string, FailedLoads<Failure>>({
    maxSize: MAX_BYTES,
    sizeCalculation: (_failed, key) => ENTRY_BYTES + 2 * key.length,
  });

  function find(key: string): FailedLoads<Failure> | undefined {
    if (failedLoads.size === 0) return undefined;
    const known = failedLoads.get(key);
    return known !== undefined && clock.now() - known.failedAt < FORGET_MS ? known : undefined;
  }

  function pauseMs(failures: number, hasCopy: boolean, retryAfterMs = 0): number {
    if (failures < 2 && !hasCopy) return 0;
    const backOff = firstPauseMs * 2 ** Math.max(0, failures - 2);
    return Math.min(longestPauseMs, Math.max(backOff, retryAfterMs));
  }

  return {
    find,
    failed(key, failure, hasCopy) {
      const repeatable = isRepeatable(failure);
      const failures = (find(key)?.failures ?? 0) + (repeatable ? 1 : 0);
      const failedAt = clock.now();
      const pause = pauseMs(repeatable ? failures : 1, hasCopy, failure.retryAfterMs);
      failedLoads.set(key, { failure, failures, failedAt, until: failedAt + pause });
    },
    succeeded(key) {
      failedLoads.delete(key);
    },
    clear() {
      failedLoads.clear();
    },
  };
}
