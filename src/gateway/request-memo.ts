/** What requests turned out to mean, remembered by who asked and how. */
export interface RequestMemo<Meaning> {
  /** What this caller's `target` with this `Accept` meant a moment before `now`, in monotonic milliseconds. */
  get(caller: object, target: string, accept: string | undefined, now: number): Meaning | undefined;
  set(caller: object, target: string, accept: string | undefined, meaning: Meaning, now: number): void;
  /** What it keeps, texts included. */
  readonly bytes: number;
}

/** A version may end at midnight, and what is remembered with it: for no longer than this. */
const REMEMBERED_MS = 10_000;
/** Longer ones are not worth their memory. */
const MAX_TARGET_LENGTH = 512;
const MAX_ACCEPT_LENGTH = 256;

/** Counted for each question in addition to its texts; the texts of its target are kept about twice, since keys are made of them. */
const ENTRY_BYTES = 1_792;

interface Memory<Meaning> {
  readonly accept: string | undefined;
  readonly meaning: Meaning;
  readonly until: number;
  readonly bytes: number;
}

/** What one caller asked, the oldest first. */
interface CallerMemory<Meaning> {
  readonly byTarget: Map<string, Memory<Meaning>>;
  bytes: number;
}

/**
 * Remembers by raw target, so that a request that was understood before need not be read again. A caller whose policy changed is another
 * caller, so nothing remembered outlives a policy. Each caller has `perCallerBytes`, from which the oldest questions are evicted first: a
 * caller with ever new targets loses only its own. Past `maxBytes` altogether all is forgotten, which costs nobody more than reading once.
 * `textBytes` gives the bytes of the texts that a meaning keeps.
 */
export function createRequestMemo<Meaning>({
  maxBytes,
  perCallerBytes,
  textBytes,
}: {
  maxBytes: number;
  perCallerBytes: number;
  textBytes: (meaning: Meaning) => number;
}): RequestMemo<Meaning> {
  const callers = new Map<object, CallerMemory<Meaning>>();
  let bytes = 0;

  function count(own: CallerMemory<Meaning>, more: number): void {
    own.bytes += more;
    bytes += more;
  }

  function forget(own: CallerMemory<Meaning>, target: string): void {
    const known = own.byTarget.get(target);
    if (known === undefined) return;
    own.byTarget.delete(target);
    count(own, -known.bytes);
  }

  function memoryOf(caller: object): CallerMemory<Meaning> {
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
      return known.meaning;
    },
    set(caller, target, accept, meaning, now) {
      const acceptLength = accept?.length ?? 0;
      if (target.length > MAX_TARGET_LENGTH || acceptLength > MAX_ACCEPT_LENGTH) return;
      const size = ENTRY_BYTES + 2 * target.length + acceptLength + textBytes(meaning);
      if (size > perCallerBytes) return;
      if (bytes + size > maxBytes) {
        callers.clear();
        bytes = 0;
      }
      const own = memoryOf(caller);
      forget(own, target);
      own.byTarget.set(target, { accept, meaning, until: now + REMEMBERED_MS, bytes: size });
      count(own, size);
      for (const oldest of own.byTarget.keys()) {
        if (own.bytes <= perCallerBytes) break;
        forget(own, oldest);
      }
    },
    get bytes() {
      return bytes;
    },
  };
}
