import type { Operation } from '../../atlas/catalog.ts';
import type { CachePolicy, Listing, ReadQuery } from './listing.ts';
import { createReadThrough, type ReadThroughDependencies } from './read-through.ts';
import { createReader, type Reader, type ReaderDependencies } from './reader.ts';

/** Makes readers of queries: how an operation is read depends on how its lists are cached. */
export interface ReadService {
  createReader(query: ReadQuery): Reader;
}

export type ReadServiceDependencies = ReadThroughDependencies &
  Omit<ReaderDependencies, 'readThrough' | 'pinnedUntil'> & {
    readonly cachePolicyOf: (operation: Operation) => CachePolicy;
  };

/** `timeoutMs` limits an entire load. */
export function createReadService(
  options: { readonly timeoutMs: number },
  dependencies: ReadServiceDependencies,
): ReadService {
  const readThrough = createReadThrough(options, dependencies);
  const readers = { ...dependencies, readThrough, pinnedUntil: new WeakMap<Listing, number>() };
  return {
    createReader: (query) => createReader(query, dependencies.cachePolicyOf(query.operation), readers),
  };
}
