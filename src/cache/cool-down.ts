import { LRUCache } from 'lru-cache';
import type { EntryAddress } from './entry-store.ts';
import type { CacheEvent, CoolingKind } from './events.ts';
import type { LoadFailure } from './results.ts';

export interface CoolDownOptions<Failure extends LoadFailure> {
  /** The first pause; it doubles with each further failure. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** Whether a failure is evidence that the next load will fail, too. Others do not lengthen the pause. */
  readonly isRepeatable: (failure: Failure) => boolean;
  /** What is cached under a key. */
  readonly kindOf: (key: string) => CoolingKind;
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
  /** The recent failed loads of a list or page, also after the pause has ended. */
  find(address: EntryAddress): FailedLoads<Failure> | undefined;
  /** Records a failed load. `hasCopy`: an older value can be served, so even a first failure is followed by a pause. */
  failed(address: EntryAddress, failure: Failure, hasCopy: boolean): void;
  /** Records a load that Atlas answered. */
  succeeded(address: EntryAddress): void;
  clear(): void;
  /** How many lists and pages pause now because their loads fail. */
  counts(): Readonly<Record<CoolingKind, number>>;
}

/** Failed loads as recorded, with the address to report. */
interface Recorded<Failure extends LoadFailure> extends FailedLoads<Failure> {
  readonly operation: string;
  readonly project: string;
  readonly kind: CoolingKind;
  /** The longest pause reported; 0 if none was. */
  readonly reportedMs: number;
}

/** Failures that lie further back than this are no longer part of the row. */
const FORGET_MS = 600_000;
/** Keys contain queries of any length, so their number alone would not bound memory. */
const MAX_BYTES = 1_048_576;
const ENTRY_BYTES = 512;

const idOf = ({ project, key }: EntryAddress) => `${project} ${key}`;

/** At most `MAX_BYTES` of failed loads are recorded; beyond that, the least recently used record is forgotten, and its list may be loaded. */
export function createCoolDown<Failure extends LoadFailure>(
  { firstPauseMs, longestPauseMs, isRepeatable, kindOf }: CoolDownOptions<Failure>,
  { clock, observe }: { clock: { now(): number }; observe: (event: CacheEvent) => void },
): CoolDown<Failure> {
  const recorded = new LRUCache<string, Recorded<Failure>>({
    maxSize: MAX_BYTES,
    sizeCalculation: (_failed, id) => ENTRY_BYTES + 2 * id.length,
  });

  function find(address: EntryAddress): Recorded<Failure> | undefined {
    if (recorded.size === 0) return undefined;
    const known = recorded.get(idOf(address));
    return known !== undefined && clock.now() - known.failedAt < FORGET_MS ? known : undefined;
  }

  function pauseAfter(failures: number, hasCopy: boolean, retryAfterMs = 0): number {
    if (failures < 2 && !hasCopy) return 0;
    const backOff = firstPauseMs * 2 ** Math.max(0, failures - 2);
    return Math.min(longestPauseMs, Math.max(backOff, retryAfterMs));
  }

  return {
    find,
    failed(address, failure, hasCopy) {
      const known = find(address);
      const repeatable = isRepeatable(failure);
      const failures = (known?.failures ?? 0) + (repeatable ? 1 : 0);
      const failedAt = clock.now();
      const pauseMs = pauseAfter(repeatable ? failures : 1, hasCopy, failure.retryAfterMs);
      const { operation, project, key } = address;
      const named = { operation, project, kind: kindOf(key) };
      const reportedMs = known?.reportedMs ?? 0;
      // A list that keeps failing is reported when its pause grows, not at each attempt.
      const isLonger = repeatable && pauseMs > reportedMs;
      recorded.set(idOf(address), {
        ...named,
        failure,
        failures,
        failedAt,
        until: failedAt + pauseMs,
        reportedMs: isLonger ? pauseMs : reportedMs,
      });
      if (isLonger)
        observe({ type: 'cool-down', state: 'begun', ...named, failures, pauseMs, code: failure.code });
    },
    succeeded(address) {
      const known = find(address);
      recorded.delete(idOf(address));
      if (known === undefined || known.reportedMs === 0) return;
      const { operation, project, kind, failures } = known;
      observe({ type: 'cool-down', state: 'ended', operation, project, kind, failures });
    },
    clear() {
      recorded.clear();
    },
    counts() {
      const now = clock.now();
      const counts = { list: 0, page: 0 };
      for (const { kind, failures, until } of recorded.values())
        if (failures > 0 && now < until) counts[kind]++;
      return counts;
    },
  };
}
