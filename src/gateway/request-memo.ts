import { createPartitionedLru, LRU_OVERHEAD } from '../lib/partitioned-lru.ts';

/** Memoizes resolved requests by caller, target and `Accept`. */
export interface RequestMemo<Value> {
  /** The value memoized for this caller, `target` and `accept`, unless it has expired at `now`, in monotonic milliseconds. */
  get(caller: object, target: string, accept: string | undefined, now: number): Value | undefined;
  set(caller: object, target: string, accept: string | undefined, value: Value, now: number): void;
  /** Bytes of all entries, including their strings. */
  readonly bytes: number;
}

const TTL_MS = 10_000;
/** Requests with longer values are not memoized: they are not worth the memory. */
const MAX_TARGET_LENGTH = 512;
const MAX_ACCEPT_LENGTH = 256;

/** Counted per entry in addition to its strings. The target counts about twice, since keys are derived from it. */
const ENTRY_BYTES = 1_728;

interface MemoEntry<Value> {
  readonly accept: string | undefined;
  readonly value: Value;
  /** Checked against the time of the request, so that a hit does not read the clock again. */
  readonly until: number;
  readonly bytes: number;
}

/**
 * Memoizes by raw target, so that an identical request is not parsed again. A changed policy creates a new caller object, so no entry
 * outlives a policy. Each caller has `perCallerBytes`: a caller with ever new targets evicts only its own entries. When all entries exceed
 * `maxBytes`, the least recently used caller's are evicted. `textBytes` returns the bytes of the strings that a value retains.
 */
export function createRequestMemo<Value>({
  maxBytes,
  perCallerBytes,
  textBytes,
}: {
  maxBytes: number;
  perCallerBytes: number;
  textBytes: (value: Value) => number;
}): RequestMemo<Value> {
  const memo = createPartitionedLru<object, MemoEntry<Value>>({
    maxBytes,
    maxPartitionBytes: perCallerBytes,
    overhead: LRU_OVERHEAD,
  });
  return {
    get(caller, target, accept, now) {
      const known = memo.get(caller, target);
      if (known === undefined || known.accept !== accept || now >= known.until) return undefined;
      return known.value;
    },
    set(caller, target, accept, value, now) {
      const acceptLength = accept?.length ?? 0;
      if (target.length > MAX_TARGET_LENGTH || acceptLength > MAX_ACCEPT_LENGTH) return;
      const bytes = ENTRY_BYTES + 2 * target.length + acceptLength + textBytes(value);
      memo.set(caller, target, { accept, value, until: now + TTL_MS, bytes });
    },
    get bytes() {
      return memo.bytes;
    },
  };
}
