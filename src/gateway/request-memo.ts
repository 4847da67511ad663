/** Memoizes resolved requests by caller, target and `Accept`. */
export interface RequestMemo<Value> {
  /** The value memoized for this caller, `target` and `accept`, unless it has expired at `now`, in monotonic milliseconds. */
  get(caller: object, target: string, accept: string | undefined, now: number): Value | undefined;
  set(caller: object, target: string, accept: string | undefined, value: Value, now: number): void;
  /** Bytes of all entries, including their strings. */
  readonly bytes: number;
}

/** Short, because an API version may be sunset at midnight and memoized requests must expire with it. */
const TTL_MS = 10_000;
/** Requests with longer values are not memoized: they are not worth the memory. */
const MAX_TARGET_LENGTH = 512;
const MAX_ACCEPT_LENGTH = 256;

/** Counted per entry in addition to its strings. The target counts about twice, since keys are derived from it. */
const ENTRY_BYTES = 1_792;

interface MemoEntry<Value> {
  readonly accept: string | undefined;
  readonly value: Value;
  readonly until: number;
  readonly bytes: number;
}

/** The entries of one caller, oldest first. */
interface CallerMemo<Value> {
  readonly byTarget: Map<string, MemoEntry<Value>>;
  bytes: number;
}

/**
 * Memoizes by raw target, so that an identical request is not parsed again. A changed policy creates a new caller object, so no entry
 * outlives a policy. Each caller has `perCallerBytes`, from which its oldest entries are evicted first: a caller with ever new targets
 * evicts only its own entries. When all entries exceed `maxBytes`, the memo is cleared, and each request is parsed once more. `textBytes`
 * returns the bytes of the strings that a value retains.
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
  const callers = new Map<object, CallerMemo<Value>>();
  let bytes = 0;

  function count(own: CallerMemo<Value>, more: number): void {
    own.bytes += more;
    bytes += more;
  }

  function evict(own: CallerMemo<Value>, target: string): void {
    const known = own.byTarget.get(target);
    if (known === undefined) return;
    own.byTarget.delete(target);
    count(own, -known.bytes);
  }

  function memoOf(caller: object): CallerMemo<Value> {
    const known = callers.get(caller);
    if (known !== undefined) return known;
    const own = { byTarget: new Map(), bytes: 0 };
    callers.set(caller, own);
    return own;
  }

  return {
    get(caller, target, accept, now) {
      const known = callers.get(caller)?.byTarget.get(target);
      if (known === undefined || known.accept !== accept || now >= known.until) return undefined;
      return known.value;
    },
    set(caller, target, accept, value, now) {
      const acceptLength = accept?.length ?? 0;
      if (target.length > MAX_TARGET_LENGTH || acceptLength > MAX_ACCEPT_LENGTH) return;
      const size = ENTRY_BYTES + 2 * target.length + acceptLength + textBytes(value);
      if (size > perCallerBytes) return;
      if (bytes + size > maxBytes) {
        callers.clear();
        bytes = 0;
      }
      const own = memoOf(caller);
      evict(own, target);
      own.byTarget.set(target, { accept, value, until: now + TTL_MS, bytes: size });
      count(own, size);
      for (const oldest of own.byTarget.keys()) {
        if (own.bytes <= perCallerBytes) break;
        evict(own, oldest);
      }
    },
    get bytes() {
      return bytes;
    },
  };
}
