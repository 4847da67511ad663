import { createPartitionedLru, LRU_OVERHEAD } from '../lib/partitioned-lru.ts';

/** Memoizes resolved requests by caller, target, and what else the value depends on: the request's `variant`. */
export interface RequestMemo<Value> {
  get(caller: object, target: string, variant: string | undefined): Value | undefined;
  set(caller: object, target: string, variant: string | undefined, value: Value): void;
  /** Bytes of all entries, including their strings. */
  readonly bytes: number;
}

/** Requests with longer values are not memoized: they are not worth the memory. */
const MAX_TARGET_LENGTH = 512;
const MAX_VARIANT_LENGTH = 256;

/** Counted per entry in addition to its strings. The target counts about twice, since keys are derived from it. */
const ENTRY_BYTES = 1_728;

interface MemoEntry<Value> {
  readonly variant: string | undefined;
  readonly value: Value;
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
    get(caller, target, variant) {
      const known = memo.get(caller, target);
      return known?.variant === variant ? known?.value : undefined;
    },
    set(caller, target, variant, value) {
      const variantLength = variant?.length ?? 0;
      if (target.length > MAX_TARGET_LENGTH || variantLength > MAX_VARIANT_LENGTH) return;
      const bytes = ENTRY_BYTES + 2 * target.length + variantLength + textBytes(value);
      memo.set(caller, target, { variant, value, bytes });
    },
    get bytes() {
      return memo.bytes;
    },
  };
}
