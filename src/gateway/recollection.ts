/** What requests turned out to mean, remembered by who asked and how. */
export interface Recollection<Meaning> {
  /** What this caller's `target` with this `Accept` meant a moment before `now`, in monotonic milliseconds. */
  recall(caller: object, target: string, accept: string | undefined, now: number): Meaning | undefined;
  remember(caller: object, target: string, accept: string | undefined, meaning: Meaning, now: number): void;
  readonly size: number;
}

/** A version may end at midnight, and what is remembered with it: for no longer than this. */
const REMEMBERED_MS = 10_000;
/** Longer ones are not worth their memory. */
const MAX_TARGET_LENGTH = 512;
const MAX_ACCEPT_LENGTH = 256;

interface Memory<Meaning> {
  readonly accept: string | undefined;
  readonly meaning: Meaning;
  readonly until: number;
}

/**
 * Remembers by raw target, so that a request that was understood before need not be read again. A caller whose policy changed is another
 * caller, so nothing remembered outlives a policy. Each caller has `perCaller` places, of which the oldest is given up first: who asks for
 * ever new targets loses only its own. Past `max` altogether all is forgotten, which costs nobody more than reading once.
 */
export function createRecollection<Meaning>({
  max,
  perCaller,
}: {
  max: number;
  perCaller: number;
}): Recollection<Meaning> {
  let places = new WeakMap<object, Map<string, Memory<Meaning>>>();
  let size = 0;
  return {
    recall(caller, target, accept, now) {
      const known = places.get(caller)?.get(target);
      if (known === undefined || known.accept !== accept || now >= known.until) return undefined;
      return known.meaning;
    },
    remember(caller, target, accept, meaning, now) {
      if (target.length > MAX_TARGET_LENGTH || (accept?.length ?? 0) > MAX_ACCEPT_LENGTH || max === 0) return;
      if (size >= max) {
        places = new WeakMap();
        size = 0;
      }
      const own = places.get(caller) ?? new Map<string, Memory<Meaning>>();
      places.set(caller, own);
      size += own.delete(target) ? 0 : 1;
      own.set(target, { accept, meaning, until: now + REMEMBERED_MS });
      if (own.size <= perCaller) return;
      for (const oldest of own.keys()) {
        own.delete(oldest);
        size--;
        return;
      }
    },
    get size() {
      return size;
    },
  };
}
