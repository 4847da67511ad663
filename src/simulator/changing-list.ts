import type { Clock } from '../lib/clock.ts';
import type { Churn } from './weather-settings.ts';

/** A list whose items are created and deleted as time passes. */
export interface ChangingList<Item> {
  /** The items at this moment. The array is not changed afterwards. */
  items(): readonly Item[];
  /** Changes the rates from now on. */
  changeRates(churn: Churn): void;
  /** Inserts an item at the start. */
  prepend(item: Item): void;
}

const KINDS = ['creates', 'deletes', 'pairs'] as const;
/** Fractions of an interval by which the kinds are apart, so that equal rates do not change a list at the same moments. */
const PHASES = { creates: 0, deletes: 0.5, pairs: 0.25 };

/** `create` makes the item with this number; numbers are never used again. */
export function createChangingList<Item>(
  initial: readonly Item[],
  churnAtStart: Churn,
  { create, clock, fraction }: { create: (index: number) => Item; clock: Clock; fraction: () => number },
): ChangingList<Item> {
  let current = initial;
  let churn = churnAtStart;
  let created = initial.length;
  let startedAt = clock.now();
  let done = { creates: 0, deletes: 0, pairs: 0 };

  const anywhere = (length: number) => Math.floor(fraction() * length);

  function insert(items: Item[]): void {
    const position = { start: 0, end: items.length, anywhere: anywhere(items.length + 1) }[churn.at];
    items.splice(position, 0, create(created++));
  }

  function remove(items: Item[]): void {
    if (items.length > 0) items.splice(anywhere(items.length), 1);
  }

  function change(kind: (typeof KINDS)[number], items: Item[]): void {
    if (kind !== 'creates') remove(items);
    if (kind !== 'deletes') insert(items);
  }

  /** Applies the changes that have become due since the last call, in order of time. */
  function catchUp(): void {
    const elapsedMs = clock.now() - startedAt;
    const due = KINDS.flatMap((kind) => {
      const perMs = churn[kind] / 1_000;
      const from = done[kind];
      const until = Math.floor(elapsedMs * perMs + (perMs === 0 ? 0 : PHASES[kind]));
      return Array.from({ length: Math.max(0, until - from) }, (_none, index) => ({
        kind,
        atMs: (from + index + 1 - PHASES[kind]) / perMs,
      }));
    });
    if (due.length === 0) return;
    const items = [...current];
    for (const { kind } of due.toSorted((one, other) => one.atMs - other.atMs)) {
      done[kind]++;
      change(kind, items);
    }
    current = items;
  }

  return {
    items() {
      catchUp();
      return current;
    },
    changeRates(next) {
      if (next === churn) return;
      catchUp();
      churn = next;
      startedAt = clock.now();
      done = { creates: 0, deletes: 0, pairs: 0 };
    },
    prepend(item) {
      catchUp();
      current = [item, ...current];
    },
  };
}
