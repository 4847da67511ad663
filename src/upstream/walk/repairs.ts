import type { Progress } from './progress.ts';

/** How often the pages around a boundary where they do not join are requested again. */
const MAX_REPAIRS = 2;

/** Chooses the pages that are requested again because the list changed between them and their neighbours. */
export interface Repairs {
  /** The pages to request again now; `hopeless` if two pages did not join after their last repair. */
  next(isRequested: (pageNum: number) => boolean): readonly number[] | 'hopeless';
}

/** Repairs of one attempt, whose pages are in `progress`. */
export function createRepairs(progress: Pick<Progress, 'unjoined' | 'olderOf'>): Repairs {
  /** Repairs by the second of the two pages. */
  const made = new Map<number, number>();

  /** First the older page, because the newer one already reflects the change; then both, so that they date from the same moment. */
  const pagesToRepair = (pageNum: number, repairs: number) =>
    repairs === 0 ? [progress.olderOf(pageNum - 1, pageNum)] : [pageNum - 1, pageNum];

  return {
    next(isRequested) {
      const again = new Set<number>();
      for (const pageNum of progress.unjoined()) {
        if ([pageNum - 1, pageNum].some((around) => isRequested(around) || again.has(around))) continue;
        const repairs = made.get(pageNum) ?? 0;
        if (repairs === MAX_REPAIRS) return 'hopeless';
        made.set(pageNum, repairs + 1);
        for (const around of pagesToRepair(pageNum, repairs)) again.add(around);
      }
      return [...again];
    },
  };
}
