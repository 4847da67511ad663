import type { Clock } from '../../lib/clock.ts';
import { createReservation } from '../budget/reservation.ts';
import { TIMED_OUT_PAGING, upstreamFailure } from '../failure.ts';
import type { Send, UpstreamFailure } from '../message.ts';
import type { LoadClass } from '../slot-queue.ts';
import { type Attempt, type AttemptEnd, startAttempt } from './attempt.ts';
import { createCensus } from './census.ts';
import { fetchPage, type ListRequest } from './fetch-page.ts';
import {
  expectedPages,
  type ItemRange,
  overlappingLayout,
  type PageLayout,
  pageParametersOf,
  plainLayout,
  SMALL_PAGE_SIZE,
  WALK_PAGE_SIZE,
} from './plan.ts';
import type { LoadedSlice } from './progress.ts';
import type { WalkResult } from './walk-result.ts';

export interface WalkOptions {
  readonly list: ListRequest;
  /** Longer lists, and lists that are expected to have more bytes, are not walked. */
  readonly maxItems: number;
  readonly maxBytes: number;
  /** Number of items when the list was last read; determines how many calls are charged in advance. */
  readonly expectedItems: number;
  /** Whether a page that failed is requested once more. */
  readonly retryPages: boolean;
  /** The items that callers wait for now. */
  readonly wanted: () => readonly ItemRange[];
  /** Whether larger pages of this list timed out recently. */
  readonly smallPages: boolean;
  /** A walk that takes longer fails, however much progress it makes. */
  readonly longestMs: number;
}

export interface WalkDependencies {
  readonly send: Send;
  readonly clock: Clock;
}

/** What happens during a walk. */
export interface WalkHandlers {
  /** A page has arrived. */
  readonly onPage: () => void;
  /** A page failed and the walk continues. `covers`: whether a range needs that page. */
  readonly onPageFailed: (failure: UpstreamFailure, covers: (range: ItemRange) => boolean) => void;
  /** The request for a page was sent. `covers`: whether a range needs that page. */
  readonly onSent: (covers: (range: ItemRange) => boolean) => void;
  /** Pages of 500 items take longer than the time limit of a call. */
  readonly onSlowPages: () => void;
  /** The list was torn although no item was created or deleted: Atlas does not return it in a stable order. */
  readonly onUnstableOrder: () => void;
}

/** The progress of the request for a page, in monotonic milliseconds. */
export interface PageTimes {
  readonly queuedAt?: number;
  readonly sentAt?: number;
}

/** A walk in progress: pages can be read from it before it is complete. */
export interface Walk {
  /** Requests the pages of this range before the others. */
  want(range: ItemRange): void;
  slice(range: ItemRange): LoadedSlice | undefined;
  /** When a page of this range began to wait for a connection, and when one was sent; empty if none is requested yet. */
  timesOf(range: ItemRange): PageTimes;
  /** Rejects only on an unexpected exception. */
  readonly done: Promise<WalkResult>;
}

/** Attempts for a list that changes during the walk, before it is cached by the page instead. */
const MAX_ATTEMPTS = 2;
/** Longest duration of a walk that callers may wait for. */
export const LONGEST_WALK_MS = 120_000;

/**
 * The first page, which contains the count, and the pages that callers wait for come first. Background walks stay in the background. A walk
 * that has not begun by its caller's deadline does not begin.
 */
function sendingOf(
  { priority, deadlineAt }: ListRequest,
  { begun, wanted }: { begun: boolean; wanted: boolean },
): { loadClass: LoadClass; sendBy?: number } {
  if (priority === 'background') return { loadClass: wanted ? 'first-page' : 'background' };
  if (!begun) return { loadClass: 'first-page', sendBy: deadlineAt };
  return { loadClass: wanted ? 'first-page' : 'walk' };
}

/** What each request of a walk is charged: all pages known when it is sent, so that the walk cannot run out of budget halfway. */
function createCharges(expectedPages: number) {
  let unpaid = Math.max(1, expectedPages);
  let paid = 0;
  let made = 0;
  return {
    next(): number {
      const cost = unpaid > 0 ? unpaid : made < paid ? 0 : 1;
      paid += cost;
      made++;
      unpaid = 0;
      return cost;
    },
    counted(pages: number): void {
      unpaid = Math.max(0, pages - paid);
    },
  };
}

/**
 * Reads a whole list, several pages at a time, and starts over if it changed in between so that its pages do not join. If counting times
 * out, the list is walked with `includeCount=false`; if pages of 500 items time out, with pages of 100.
 */
export function startWalk(
  options: WalkOptions,
  { send, clock }: WalkDependencies,
  handlers: WalkHandlers,
): Walk {
  const { list, maxItems, maxBytes, retryPages, wanted, longestMs } = options;
  /** Times of the pages of this attempt. */
  const times = new Map<number, PageTimes>();
  let begun = false;
  let counted = true;
  let pageSize = options.smallPages ? SMALL_PAGE_SIZE : WALK_PAGE_SIZE;
  let needsPlainPages = false;
  let layout = chooseLayout();
  let attempts = 0;
  const census = createCensus();
  let attempt: Attempt | undefined;
  let endReservation: () => void = () => undefined;
  let resolveDone: (result: WalkResult) => void = () => undefined;
  let rejectDone: (error: unknown) => void = () => undefined;
  const done = new Promise<WalkResult>((resolve, reject) => {
    [resolveDone, rejectDone] = [resolve, reject];
  });
  const deadlineAt = clock.now() + longestMs;
  const cancelDeadline = clock.after(longestMs, () =>
    finish(upstreamFailure('UPSTREAM_TIMEOUT', 'Atlas did not deliver the list in time.')),
  );

  function close(): void {
    cancelDeadline();
    attempt?.abandon();
    endReservation();
  }

  function finish(result: WalkResult): void {
    close();
    resolveDone(result);
  }

  /** Each outstanding page may throw; the first exception rejects the walk. */
  function fail(error: unknown): void {
    close();
    rejectDone(error);
  }

  /** Pages overlap if they can cover the list, as far as is known. */
  function chooseLayout(): PageLayout {
    const overlapping = overlappingLayout(pageSize);
    const isPlain = !counted || needsPlainPages || overlapping.pagesOf(options.expectedItems) === undefined;
    return isPlain ? plainLayout(pageSize) : overlapping;
  }

  function start(): void {
    layout = chooseLayout();
    const { rangeOf, pagesCovering } = layout;
    const covers = (pageNum: number) => (range: ItemRange) => pagesCovering(range).includes(pageNum);
    const reservation = createReservation();
    endReservation = reservation.end;
    times.clear();
    const charges = createCharges(expectedPages(options.expectedItems, pageSize));
    attempt = startAttempt(
      {
        layout,
        counted,
        identityFields: list.identityFields,
        census,
        maxItems,
        maxBytes,
        retryPages,
        wanted: wanted(),
        now: clock.now,
      },
      {
        fetchPage: (pageNum, state) =>
          fetchPage(
            send,
            {
              ...list,
              ...sendingOf(list, { ...state, begun: begun || state.begun }),
              reservation,
              deadlineAt,
            },
            {
              ...pageParametersOf(rangeOf(pageNum)),
              includeCount: counted,
              cost: charges.next(),
              onQueued: () => void times.set(pageNum, { queuedAt: clock.now() }),
              onSent() {
                times.set(pageNum, { ...times.get(pageNum), sentAt: clock.now() });
                handlers.onSent(covers(pageNum));
              },
            },
          ),
        onCounted: charges.counted,
        onPage: handlers.onPage,
        onPageFailed: (pageNum, failure) => handlers.onPageFailed(failure, covers(pageNum)),
        onEnd(end) {
          reservation.end();
          onEnd(end);
        },
        onError: fail,
      },
    );
  }

  /** The result of the walk; undefined if another attempt, made in another way, may succeed. */
  function resultAfter(end: AttemptEnd): WalkResult | undefined {
    switch (end.type) {
      case 'uncountable':
        if (!counted || !list.countable) return TIMED_OUT_PAGING;
        counted = false;
        return undefined;
      case 'slow-pages':
        handlers.onSlowPages();
        pageSize = SMALL_PAGE_SIZE;
        return undefined;
      case 'needs-plain-pages':
        needsPlainPages = true;
        return undefined;
      case 'torn':
        attempts++;
        if (attempts < MAX_ATTEMPTS) return undefined;
        if (census.isComplete) handlers.onUnstableOrder();
        return end;
      case 'walked':
      case 'too-long':
      case 'refused':
      case 'failed':
        return end;
    }
  }

  function onEnd(end: AttemptEnd): void {
    begun = true;
    const result = resultAfter(end);
    if (result === undefined) start();
    else finish(result);
  }

  start();
  return {
    want: (range) => attempt?.want(range),
    slice: (range) => attempt?.slice(range),
    timesOf(range) {
      const known = layout.pagesCovering(range).flatMap((pageNum) => times.get(pageNum) ?? []);
      return known.find(({ sentAt }) => sentAt !== undefined) ?? known[0] ?? {};
    },
    done,
  };
}

/** Reads a whole list that nobody waits for page by page. */
export const walkList = (
  options: Pick<WalkOptions, 'list' | 'maxItems' | 'maxBytes' | 'longestMs'>,
  dependencies: WalkDependencies,
): Promise<WalkResult> =>
  startWalk(
    { ...options, expectedItems: 0, retryPages: true, wanted: () => [], smallPages: false },
    dependencies,
    {
      onPage: () => undefined,
      onPageFailed: () => undefined,
      onSent: () => undefined,
      onSlowPages: () => undefined,
      onUnstableOrder: () => undefined,
    },
  ).done;
