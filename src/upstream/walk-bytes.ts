import type { Reservation } from './budget/reservation.ts';

/** The bytes that walks in progress have received. A walk keeps all its pages until it ends; its reservation identifies it. */
export interface WalkBytes {
  readonly total: number;
  /** Adds what a walk has received. */
  add(walk: Reservation, bytes: number): void;
  /** Whether this is the first of the walks that have received something. */
  isOldest(walk: Reservation | undefined): boolean;
}

/** `onReleased` is called when a walk has ended. */
export function createWalkBytes(onReleased: () => void): WalkBytes {
  /** In the order in which the walks received their first page. */
  const received = new Map<Reservation, number>();
  let total = 0;

  function release(walk: Reservation): void {
    total -= received.get(walk) ?? 0;
    received.delete(walk);
    onReleased();
  }

  return {
    get total() {
      return total;
    },
    add(walk, bytes) {
      if (walk.ended) return;
      const known = received.get(walk);
      received.set(walk, (known ?? 0) + bytes);
      total += bytes;
      if (known === undefined) walk.atEnd(() => release(walk));
    },
    isOldest: (walk) => received.keys().next().value === walk,
  };
}
