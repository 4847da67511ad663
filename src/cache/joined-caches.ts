import type { CoolingKind } from './events.ts';
import type { ProjectSize } from './memory-tier.ts';
import type { ListCache } from './read-cache.ts';
import type { LoadFailure } from './results.ts';

/** What operators see of several caches, as if they were one. */
export type JoinedCaches<Value, Failure extends LoadFailure> = Pick<
  ListCache<Value, Failure>,
  'bytes' | 'size' | 'loading' | 'coolingDown' | 'sizes' | 'listings'
>;

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

/** Sums up the caches at each call; the sizes of a project are added over all of them. */
export function joinCaches<Value, Failure extends LoadFailure>(
  caches: readonly JoinedCaches<Value, Failure>[],
): JoinedCaches<Value, Failure> {
  const coolingDown = (kind: CoolingKind) => sum(caches.map((cache) => cache.coolingDown()[kind]));

  function sizes(): Iterable<ProjectSize> {
    const byProject = new Map<string, ProjectSize>();
    for (const { project, bytes, entries } of caches.flatMap((cache) => [...cache.sizes()])) {
      const known = byProject.get(project) ?? { project, bytes: 0, entries: 0 };
      byProject.set(project, { project, bytes: known.bytes + bytes, entries: known.entries + entries });
    }
    return byProject.values();
  }

  return {
    get bytes() {
      return sum(caches.map(({ bytes }) => bytes));
    },
    get size() {
      return sum(caches.map(({ size }) => size));
    },
    get loading() {
      return sum(caches.map(({ loading }) => loading));
    },
    coolingDown: () => ({ list: coolingDown('list'), page: coolingDown('page') }),
    sizes,
    *listings() {
      for (const cache of caches) yield* cache.listings();
    },
  };
}
