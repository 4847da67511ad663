import { LRUCache } from 'lru-cache';

/** Where a cached page belongs. */
export interface PagePlace {
  /** The key of the list whose page it is. */
  readonly list: string;
  /** Number of items of the list before the page. */
  readonly offset: number;
}

/** When a page was read; monotonic milliseconds. */
export interface PageTimes {
  readonly requestedAt: number;
  readonly completedAt: number;
}

/**
 * The pages of a list that may be served together. Only pages requested since `startedAt` belong to it, and of these a page that begins
 * after another one must have been requested when that one had arrived: a reader who follows `next` then reads ever later states of the
 * list, so that an item that new ones push to a later page is not skipped.
 */
export interface Generation {
  readonly startedAt: number;
  /** Ordered by offset and by time: a later load of an earlier page makes the loads of the pages after it irrelevant. */
  readonly loads: readonly { readonly offset: number; readonly completedAt: number }[];
}

/** Before this time a page at `offset` must not have been requested. */
export const earliestRequest = ({ startedAt, loads }: Generation, offset: number): number =>
  Math.max(startedAt, loads.findLast((load) => load.offset < offset)?.completedAt ?? startedAt);

/** The generation without the pages that were requested before `startedAt`. */
const restartedAt = ({ loads }: Generation, startedAt: number): Generation => ({
  startedAt,
  loads: loads.filter(({ completedAt }) => completedAt > startedAt),
});

/** Loads that a generation records; a longer sweep of an endless list begins a new one. */
const MAX_LOADS = 1_000;

/** The generation after a page was loaded: a new one if the page was requested after the current one had been fresh for `freshMs`. */
export function afterPageLoad(
  current: Generation | undefined,
  offset: number,
  { requestedAt, completedAt }: PageTimes,
  freshMs: number,
): Generation {
  const none: Generation = { startedAt: requestedAt, loads: [] };
  const isOver =
    current !== undefined &&
    (requestedAt >= current.startedAt + freshMs || current.loads.length >= MAX_LOADS);
  const { startedAt, loads } = isOver ? restartedAt(current, requestedAt) : (current ?? none);
  return {
    startedAt,
    loads: [...loads.filter((load) => load.offset < offset), { offset, completedAt }],
  };
}

/** The generations of the lists that are cached by the page. */
export interface PageGenerations {
  /** Before this time the page must not have been requested; 0 if no generation is known. */
  earliestRequest(project: string, place: PagePlace): number;
  /** Whether a page may only be served if Atlas fails: it belongs to an earlier generation, or to none that is known. */
  isSuperseded(project: string, place: PagePlace, requestedAt: number): boolean;
  /** Records that a page was loaded. */
  loaded(project: string, place: PagePlace, times: PageTimes, freshMs: number): void;
  /** Begins a generation of a list that has one, unless that began later. */
  start(project: string, list: string, startedAt: number): void;
}

/** Loads recorded of all lists together, about 5 MiB. The pages of a list that is forgotten are loaded again. */
const MAX_RECORDED = 50_000;

/** Bounded by `MAX_RECORDED`; the least recently used list is forgotten first. */
export function createPageGenerations(): PageGenerations {
  const generations = new LRUCache<string, Generation>({
    maxSize: MAX_RECORDED,
    sizeCalculation: ({ loads }) => loads.length + 1,
  });
  const keyOf = (project: string, list: string) => `${project} ${list}`;

  return {
    earliestRequest(project, { list, offset }) {
      const current = generations.get(keyOf(project, list));
      return current === undefined ? 0 : earliestRequest(current, offset);
    },
    isSuperseded(project, { list, offset }, requestedAt) {
      const current = generations.get(keyOf(project, list));
      return current === undefined || requestedAt < earliestRequest(current, offset);
    },
    loaded(project, { list, offset }, times, freshMs) {
      const key = keyOf(project, list);
      generations.set(key, afterPageLoad(generations.get(key), offset, times, freshMs));
    },
    start(project, list, startedAt) {
      const key = keyOf(project, list);
      const current = generations.get(key);
      if (current !== undefined && current.startedAt < startedAt)
        generations.set(key, restartedAt(current, startedAt));
    },
  };
}
