import type { PageOptions } from '../../atlas/query.ts';
import type { EarlyWait } from '../../cache/loads.ts';
import type { Clock } from '../../lib/clock.ts';
import { LATE_FRACTION, SENT_LATE, TIMED_OUT } from '../../upstream/failure.ts';
import type { UpstreamFailure } from '../../upstream/message.ts';
import type { ItemRange } from '../../upstream/walk/plan.ts';
import type { ListSlice } from '../../upstream/walk/progress.ts';
import type { Walk } from '../../upstream/walk/walk.ts';
import { pageKey } from './cache-key.ts';
import { createWait, PATIENCE_MS, type Wait, type WaitingRequest } from './early-wait.ts';
import { type CachedList, itemsOf, type Listing } from './listing.ts';
import { createOwnPages, type OwnPageRequest } from './own-pages.ts';

export interface ListProgressDependencies {
  readonly clock: Clock;
  /** Makes a page of what a walk has read. */
  readonly toPage: (slice: ListSlice, shape: PageOptions) => Listing;
  /** Loads a page by itself, in addition to the walk; undefined if that failed. */
  readonly loadPage: (shape: PageOptions, request: OwnPageRequest) => Promise<Listing | undefined>;
  /** Whether there is budget for more calls than a walk needs. */
  readonly mayHedge: () => boolean;
  /** Whether another gateway may be loading the list, so that no walk begins here. */
  readonly isShared: boolean;
  /** Whether a list without items is more likely an error of Atlas than the truth. */
  readonly distrustsEmpty: boolean;
}

/** The requests that wait for one load, each answered once: as soon as the pages that hold its items have arrived. */
export interface ListProgress {
  join(request: WaitingRequest): EarlyWait<CachedList, UpstreamFailure>;
  /** The pages that requests wait for. */
  wanted(): readonly ItemRange[];
  /** Answers from this walk from now on. */
  follow(walk: Walk): void;
  onPage(): void;
  onPageFailed(failure: UpstreamFailure, covers: (range: ItemRange) => boolean): void;
  onSent(covers: (range: ItemRange) => boolean): void;
}

/** How long a request waits for the load of another gateway before it loads its own page. */
const STAND_IN_MS = 300;

const rangeOf = ({ pageNum, itemsPerPage }: PageOptions): ItemRange => ({
  from: (pageNum - 1) * itemsPerPage,
  to: pageNum * itemsPerPage,
});

/** A waiting request that a page can answer. */
interface Waiter extends Pick<Wait, 'answer' | 'fail' | 'later'> {
  readonly shape: PageOptions;
  readonly key: string;
  readonly range: ItemRange;
  readonly deadlineAt: number;
  readonly joinedAt: number;
  isSent: boolean;
}

export function createListProgress({
  clock,
  toPage,
  loadPage,
  mayHedge,
  isShared,
  distrustsEmpty,
}: ListProgressDependencies): ListProgress {
  const waiters = new Set<Waiter>();
  /** Pages made of what the walk has read, until it has read more. */
  const made = new Map<string, Listing>();
  let walk: Walk | undefined;

  const waitersFor = (key: string) => [...waiters].filter((waiter) => waiter.key === key);

  function answerWith(waiter: Waiter, value: Listing, loadedAt: number): void {
    const isEmptyList = itemsOf(value) === 0 && (value.totalCount ?? 0) === 0;
    if (!distrustsEmpty || !isEmptyList) waiter.answer({ type: 'partial', value, loadedAt });
  }

  const ownPages = createOwnPages({
    clock,
    load: loadPage,
    onLoaded(key, { page, loadedAt }) {
      for (const waiter of waitersFor(key)) answerWith(waiter, page, loadedAt);
    },
    onError(key, error) {
      for (const waiter of waitersFor(key)) waiter.fail(error);
    },
  });

  function pageOf({ totalCount, ...uncounted }: ListSlice, { key, shape }: Waiter): Listing {
    const counted = shape.includeCount && totalCount !== undefined ? { totalCount } : {};
    const page = made.get(key) ?? toPage({ ...uncounted, ...counted }, shape);
    made.set(key, page);
    return page;
  }

  /** Answers a request if what it needs has arrived. */
  function tryAnswer(waiter: Waiter): void {
    const slice = walk?.slice(waiter.range);
    if (slice !== undefined) answerWith(waiter, pageOf(slice, waiter), slice.loadedAt);
    const own = ownPages.find(waiter.key);
    if (own !== undefined) answerWith(waiter, own.page, own.loadedAt);
  }

  /** Atlas is not to blame for a request that spent its time waiting for a connection. */
  function failureAtDeadline({ range, joinedAt, deadlineAt }: Waiter): UpstreamFailure {
    const { queuedAt, sentAt } = walk?.timesOf(range) ?? {};
    const queuedMs = queuedAt === undefined ? 0 : (sentAt ?? deadlineAt) - Math.max(queuedAt, joinedAt);
    if (queuedMs > (deadlineAt - joinedAt) * LATE_FRACTION) return { ...SENT_LATE, unsent: true };
    return sentAt === undefined ? { ...TIMED_OUT, unsent: true } : TIMED_OUT;
  }

  function hedge({ shape, deadlineAt }: Waiter): void {
    if (mayHedge()) ownPages.request(shape, { deadlineAt, loadClass: 'walk' });
  }

  function standIn({ shape, deadlineAt }: Waiter): void {
    if (walk === undefined) ownPages.request(shape, { deadlineAt, loadClass: 'first-page' });
  }

  function markSent(waiter: Waiter): void {
    if (waiter.isSent) return;
    waiter.isSent = true;
    waiter.later(PATIENCE_MS, () => hedge(waiter));
  }

  function admit(waiter: Waiter): void {
    waiters.add(waiter);
    tryAnswer(waiter);
    if (isShared) waiter.later(STAND_IN_MS, () => standIn(waiter));
    walk?.want(waiter.range);
    if (walk?.timesOf(waiter.range).sentAt !== undefined) markSent(waiter);
  }

  return {
    join({ shape, deadlineAt, acceptsStale }) {
      const { promise, answer, fail, later } = createWait(clock);
      const now = clock.now();
      const waiter: Waiter | undefined =
        shape === undefined
          ? undefined
          : {
              ...{ shape, key: pageKey(shape), range: rangeOf(shape) },
              ...{ deadlineAt, joinedAt: now, answer, fail, later, isSent: false },
            };
      later(deadlineAt - now, () => answer(waiter === undefined ? TIMED_OUT : failureAtDeadline(waiter)));
      if (acceptsStale) later(PATIENCE_MS, () => answer({ type: 'slow' }));
      if (waiter !== undefined) admit(waiter);
      return {
        answer: promise,
        end() {
          if (waiter !== undefined) waiters.delete(waiter);
          answer(TIMED_OUT);
        },
      };
    },
    wanted: () => [...waiters].map(({ range }) => range),
    follow(next) {
      walk = next;
      made.clear();
    },
    onPage() {
      made.clear();
      for (const waiter of [...waiters]) tryAnswer(waiter);
    },
    onPageFailed(failure, covers) {
      for (const waiter of [...waiters]) if (covers(waiter.range)) waiter.answer(failure);
    },
    onSent(covers) {
      for (const waiter of waiters) if (covers(waiter.range)) markSent(waiter);
    },
  };
}
