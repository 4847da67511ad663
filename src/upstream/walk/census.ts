/** What all pages that a walk has read, in all its attempts, say about the list as a whole. */
export interface Census {
  /** `count` is absent if Atlas did not count the list. */
  record(identities: Float64Array, count: number | undefined): void;
  /** Whether items were created or deleted meanwhile: counts differ, or more items were seen than were counted. */
  readonly hasChanged: boolean;
  /** Whether exactly the counted items were seen. */
  readonly isComplete: boolean;
}

export function createCensus(): Census {
  const seen = new Set<number>();
  const counts = new Set<number>();
  return {
    record(identities, count) {
      for (const identity of identities) seen.add(identity);
      if (count !== undefined) counts.add(count);
    },
    get hasChanged() {
      const [count] = counts;
      return counts.size > 1 || (count !== undefined && seen.size > count);
    },
    get isComplete() {
      return counts.size === 1 && counts.has(seen.size);
    },
  };
}
