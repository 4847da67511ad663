import type { PageOptions } from '../../atlas/query.ts';
import type { EarlyAnswer, EarlyWait } from '../../cache/loads.ts';
import type { Clock } from '../../lib/clock.ts';
import { overloaded, upstreamFailure } from '../../upstream/failure.ts';
import type { UpstreamFailure } from '../../upstream/message.ts';
import type { ItemRange } from '../../upstream/walk/plan.ts';
import type { ListSlice } from '../../upstream/walk/progress.ts';
import type { Walk } from '../../upstream/walk/walk.ts';
import type { CachedList, Listing } from './listing.ts';

export type EarlyListAnswer = EarlyAnswer<CachedList, UpstreamFailure>;

/** A request that waits for a load. */
export interface WaitingRequest {
  /** The page it asks for; undefined if only the whole list can answer it. */
  readonly shape: PageOptions | undefined;
  /** Monotonic milliseconds. */
  readonly deadlineAt: number;
  /** Whether it takes an older listing if the load takes long. */
  readonly acceptsStale: boolean;
}

export interface ListProgressDependencies {
  readonly clock: Clock;
  /** Makes a page of what a walk has read. */
  readonly toPage: (slice: ListSlice, shape: PageOptions) => Listing;
  /** Loads a page by itself, in addition to the walk. */
  readonly loadPage: (shape: PageOptions, deadlineAt: number) => Promise<Listing | undefined>;
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

/** Longer than this, and a request takes an older listing, or loads its own page besides the walk. */
const PATIENCE_MS = 1_500;
/** How long a request waits for the load of another gateway before it loads its own page. */
const STAND_IN_MS = 300;
const TIMED_OUT = upstreamFailure('UPSTREAM_TIMEOUT', 'Atlas did not answer in time.');
const OVERLOADED: UpstreamFailure = {
  ...overloaded('The request waited too long for a connection to Atlas.'),
  unsent: true,
};
/** A request that waited for a connection for more than this fraction of its time. */
const LATE_FRACTION = 0.25;
/** How long a page that was loaded by itself answers further requests. */
const OWN_PAGE_MS = 5_000;

const rangeOf = ({ pageNum, itemsPerPage }: PageOptions): ItemRange => ({
  from: (pageNum - 1) * itemsPerPage,
  to: pageNum * itemsPerPage,
});

const pageKey = ({ pageNum, itemsPerPage, includeCount }: PageOptions) =>
  `${pageNum}/${itemsPerPage}/${includeCount}`;

/** A waiting request that a page can answer. */
interface Waiter {
  readonly shape: PageOptions;
  readonly range: ItemRange;
  readonly deadlineAt: number;
  readonly answer: (answer: EarlyListAnswer) => void;
  /** Runs unless the request has been answered by then. */
  readonly later: (ms: number, act: () => void) => void;
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
  /** Pages that were loaded by themselves, in addition to the walk. */
  const ownPages = new Map<
    string,
    { readonly startedAt: number; readonly page: Promise<Listing | undefined> }
  >();
  let walk: Walk | undefined;
  let hasHedged = false;

  function answerFromWalk(waiter: Waiter): void {
    const slice = walk?.slice(waiter.range);
    if (slice === undefined || (distrustsEmpty && slice.totalCount === 0)) return;
    const { totalCount: _count, ...uncounted } = slice;
    const { shape } = waiter;
    const value = toPage(shape.includeCount ? slice : uncounted, shape);
    waiter.answer({ type: 'partial', value, loadedAt: slice.loadedAt });
  }

  /** Loads a page by itself, once for all requests that need it; a failure leaves them to the walk. */
  async function answerFromOwnPage(waiter: Waiter): Promise<void> {
    const { shape, deadlineAt } = waiter;
    const key = pageKey(shape);
    const known = ownPages.get(key);
    const now = clock.now();
    const own =
      known !== undefined && now - known.startedAt < OWN_PAGE_MS
        ? known
        : { startedAt: now, page: loadPage(shape, deadlineAt) };
    ownPages.set(key, own);
    const value = await own.page;
    if (value !== undefined) waiter.answer({ type: 'partial', value, loadedAt: own.startedAt });
  }

  /** Atlas is not to blame for a request that spent its time waiting for a connection. */
  function failureAtDeadline({ range, joinedAt, deadlineAt }: Waiter): UpstreamFailure {
    const { queuedAt, sentAt } = walk?.timesOf(range) ?? {};
    const queuedMs = queuedAt === undefined ? 0 : (sentAt ?? deadlineAt) - Math.max(queuedAt, joinedAt);
    if (queuedMs > (deadlineAt - joinedAt) * LATE_FRACTION) return OVERLOADED;
    return sentAt === undefined ? { ...TIMED_OUT, unsent: true } : TIMED_OUT;
  }

  function hedge(waiter: Waiter): void {
    if (hasHedged || !mayHedge()) return;
    hasHedged = true;
    void answerFromOwnPage(waiter);
  }

  function standIn(waiter: Waiter): void {
    if (walk === undefined) void answerFromOwnPage(waiter);
  }

  function markSent(waiter: Waiter): void {
    if (waiter.isSent) return;
    waiter.isSent = true;
    waiter.later(PATIENCE_MS, () => hedge(waiter));
  }

  /** One request's wait: its timers end when it is answered. */
  function createWait(): { promise: Promise<EarlyListAnswer>; isOver(): boolean } & Pick<
    Waiter,
    'answer' | 'later'
  > {
    const timers: (() => void)[] = [];
    let over = false;
    let settle: (answer: EarlyListAnswer) => void = () => undefined;
    const promise = new Promise<EarlyListAnswer>((resolve) => {
      settle = resolve;
    });
    return {
      promise,
      isOver: () => over,
      answer(answer) {
        if (over) return;
        over = true;
        for (const cancel of timers) cancel();
        settle(answer);
      },
      later(ms, act) {
        timers.push(clock.after(ms, () => (over ? undefined : act())));
      },
    };
  }

  return {
    join({ shape, deadlineAt, acceptsStale }) {
      const { promise, answer, later } = createWait();
      const now = clock.now();
      const waiter: Waiter | undefined =
        shape === undefined
          ? undefined
          : { shape, range: rangeOf(shape), deadlineAt, joinedAt: now, answer, later, isSent: false };
      later(deadlineAt - now, () => answer(waiter === undefined ? TIMED_OUT : failureAtDeadline(waiter)));
      if (acceptsStale) later(PATIENCE_MS, () => answer({ type: 'slow' }));
      if (waiter !== undefined) {
        waiters.add(waiter);
        if (isShared) later(STAND_IN_MS, () => standIn(waiter));
        walk?.want(waiter.range);
        if (walk?.timesOf(waiter.range).sentAt !== undefined) markSent(waiter);
        answerFromWalk(waiter);
      }
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
      for (const { range } of waiters) next.want(range);
    },
    onPage() {
      for (const waiter of [...waiters]) answerFromWalk(waiter);
    },
    onPageFailed(failure, covers) {
      for (const waiter of [...waiters]) if (covers(waiter.range)) waiter.answer(failure);
    },
    onSent(covers) {
      for (const waiter of waiters) if (covers(waiter.range)) markSent(waiter);
    },
  };
}
