import type { UpstreamFailure } from '../message.ts';
import { isTimeoutWhilePaging, type PageResult } from './fetch-page.ts';
import { type ItemRange, WALK_PAGE_SIZE } from './plan.ts';
import { createProgress, type LoadedSlice, type ProgressOptions } from './progress.ts';
import { createRepairs } from './repairs.ts';
import type { WalkResult } from './walk-result.ts';

/**
 * How an attempt ended. `uncountable`: Atlas ran out of time while counting. `slow-pages`: its pages of 500 items take too long.
 * `needs-plain-pages`: overlapping pages cannot cover the list.
 */
export type AttemptEnd = WalkResult | { readonly type: 'uncountable' | 'slow-pages' | 'needs-plain-pages' };

export interface AttemptOptions extends ProgressOptions {
  /** Whether a page that failed is requested once more. */
  readonly retryPages: boolean;
  /** The items that callers wait for when the attempt begins. */
  readonly wanted: readonly ItemRange[];
}

export interface AttemptHandlers {
  /** `begun`: another page has arrived before. `wanted`: a caller waits for this one. */
  readonly fetchPage: (
    pageNum: number,
    state: { readonly begun: boolean; readonly wanted: boolean },
  ) => Promise<PageResult>;
  /** Called once, when the number of pages is known. */
  readonly onCounted: (pages: number) => void;
  /** Called when a page has arrived and the list is not complete. */
  readonly onPage: () => void;
  /** Called when a page failed and the attempt continues. */
  readonly onPageFailed: (pageNum: number, failure: UpstreamFailure) => void;
  /** Called once. */
  readonly onEnd: (end: AttemptEnd) => void;
  /** Called instead of `onEnd` if anything throws. */
  readonly onError: (error: unknown) => void;
}

/** One attempt to read all pages of a list: the wanted ones first, several at a time. */
export interface Attempt {
  /** Requests the pages of this range before the others. */
  want(range: ItemRange): void;
  slice(range: ItemRange): LoadedSlice | undefined;
  /** Ends without a result; pages that arrive later are ignored. */
  abandon(): void;
}

/** Maximum concurrent requests for pages of one list. */
const MAX_PAGES_OUT = 4;
/** Pages requested before the first one has arrived: that one, which contains the count, and those that the first caller needs. */
const MAX_FIRST_PAGES_OUT = 3;
/** Failures that have nothing to do with the page: another request for it would fail in the same way. */
const FINAL: ReadonlySet<UpstreamFailure['code']> = new Set([
  'UPSTREAM_RATE_LIMITED',
  'CALLER_RATE_LIMITED',
  'CREDENTIALS_UNAVAILABLE',
  'UPSTREAM_AUTH',
  'UPSTREAM_REDIRECT',
  'UPSTREAM_TOO_LARGE',
  'OVERLOADED',
]);

export function startAttempt(options: AttemptOptions, handlers: AttemptHandlers): Attempt {
  const { layout, retryPages } = options;
  const progress = createProgress(options);
  const repairs = createRepairs(progress);
  const wanted = new Set<number>();
  /** Pages that have arrived and are requested again. */
  const again = new Set<number>();
  const out = new Set<number>();
  const failed = new Set<number>();
  let ended = false;
  let counted = false;

  function end(result: AttemptEnd): void {
    if (ended) return;
    ended = true;
    handlers.onEnd(result);
  }

  const isMissing = (pageNum: number) =>
    (!progress.has(pageNum) || again.has(pageNum)) &&
    !out.has(pageNum) &&
    (progress.lastPage === undefined || pageNum <= progress.lastPage);

  /** The next page to request: the first one, then those that callers wait for, then repairs, then the others in their order. */
  function nextPage(): number | undefined {
    for (const pageNum of [1, ...wanted, ...again]) if (isMissing(pageNum)) return pageNum;
    if (progress.lastPage === undefined) {
      // Without a count, only the previous page shows whether there is another one.
      const next = progress.nextPage();
      return next > 1 && isMissing(next) ? next : undefined;
    }
    for (let pageNum = 1; pageNum <= progress.lastPage; pageNum++) if (isMissing(pageNum)) return pageNum;
    return undefined;
  }

  function requestPages(): void {
    while (!ended && out.size < (progress.arrived === 0 ? MAX_FIRST_PAGES_OUT : MAX_PAGES_OUT)) {
      const pageNum = nextPage();
      if (pageNum === undefined) return;
      out.add(pageNum);
      const state = { begun: progress.arrived > 0, wanted: wanted.has(pageNum) };
      handlers
        .fetchPage(pageNum, state)
        .then((result) => settle(pageNum, result))
        .catch(handlers.onError);
    }
  }

  function settle(pageNum: number, result: PageResult): void {
    out.delete(pageNum);
    if (ended) return;
    switch (result.type) {
      case 'list': {
        again.delete(pageNum);
        const added = progress.add(pageNum, result);
        // The list will be read in another way, but callers can be answered from the pages that have arrived.
        if (added === 'too-long' || added === 'needs-plain-pages') handlers.onPage();
        if (added === 'added') advance();
        else end({ type: added });
        return;
      }
      case 'refused':
        end(isTimeoutWhilePaging(result.response) ? { type: 'uncountable' } : result);
        return;
      case 'failed':
        fail(pageNum, result);
    }
  }

  function advance(): void {
    const whole = progress.whole();
    if (whole !== undefined) {
      end(whole === 'torn' ? { type: 'torn' } : { type: 'walked', ...whole });
      return;
    }
    if (!counted && progress.lastPage !== undefined) {
      counted = true;
      handlers.onCounted(progress.lastPage);
    }
    if (!repair()) {
      end({ type: 'torn' });
      return;
    }
    handlers.onPage();
    requestPages();
  }

  /** Whether pages of this size take too long. One slow page among others is only requested once more. */
  const isSlow = (pageNum: number, { code, unconnected }: UpstreamFailure) =>
    code === 'UPSTREAM_TIMEOUT' &&
    unconnected !== true &&
    layout.rangeOf(1).to === WALK_PAGE_SIZE &&
    (progress.arrived === 0 || failed.has(pageNum) || !retryPages);

  /** Whether the pages that do not join can still be requested again. */
  function repair(): boolean {
    const pages = repairs.next((pageNum) => out.has(pageNum) || again.has(pageNum));
    if (pages === 'hopeless') return false;
    for (const pageNum of pages) again.add(pageNum);
    return true;
  }

  /** Whether the attempt cannot go on after a page has failed. */
  const isFatal = (pageNum: number, { code }: UpstreamFailure) =>
    !retryPages || FINAL.has(code) || failed.has(pageNum) || (progress.arrived === 0 && out.size === 0);

  function fail(pageNum: number, failure: UpstreamFailure): void {
    if (isSlow(pageNum, failure)) end({ type: 'slow-pages' });
    else if (isFatal(pageNum, failure)) end(failure);
    else {
      failed.add(pageNum);
      wanted.delete(pageNum);
      handlers.onPageFailed(pageNum, failure);
      requestPages();
    }
  }

  function addWanted(range: ItemRange): void {
    for (const pageNum of layout.pagesCovering(range)) wanted.add(pageNum);
  }

  options.wanted.forEach(addWanted);
  requestPages();
  return {
    want(range) {
      addWanted(range);
      requestPages();
    },
    slice: progress.slice,
    abandon: () => {
      ended = true;
    },
  };
}
