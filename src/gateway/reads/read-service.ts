import type { Operation } from '../../atlas/catalog.ts';
import { documentQuery, freshOnly, isDocument, namesTimeRange } from './document.ts';
import type { ListLoader } from './list-loader.ts';
import type { CachePolicy, Listing, ReadQuery } from './listing.ts';
import { createReadThrough, type ReadThroughDependencies } from './read-through.ts';
import { createReader, type Reader, type ReaderDependencies } from './reader.ts';

/** Makes readers of queries: how an operation is read depends on its kind. */
export interface ReadService {
  createReader(query: ReadQuery): Reader;
}

export type ReadServiceDependencies = ReadThroughDependencies &
  Omit<ReaderDependencies, 'readThrough' | 'pinnedUntil'> & {
    readonly cachePolicyOf: (operation: Operation) => CachePolicy;
    /** Loads everything that is not a paginated list. */
    readonly documentLoader: ListLoader;
    /** The cache of documents of a time range, which are neither persisted nor shared, and their loader. */
    readonly timeRanges: Pick<ReadThroughDependencies, 'cache' | 'loader'>;
  };

/** `timeoutMs` limits an entire load. */
export function createReadService(
  options: { readonly timeoutMs: number },
  dependencies: ReadServiceDependencies,
): ReadService {
  const { cachePolicyOf, documentLoader, timeRanges } = dependencies;
  const pinnedUntil = new WeakMap<Listing, number>();
  const readersWith = (own: Partial<ReadThroughDependencies>): ReaderDependencies => {
    const all = { ...dependencies, ...own };
    return { ...all, pinnedUntil, readThrough: createReadThrough(options, all) };
  };
  const lists = readersWith({});
  const documents = readersWith({ loader: documentLoader });
  const documentsOfTimeRanges = readersWith({ ...timeRanges, sharing: undefined });

  return {
    createReader(query) {
      const policy = cachePolicyOf(query.operation);
      if (!isDocument(query.operation)) return createReader(query, policy, lists);
      const document = documentQuery(query);
      return namesTimeRange(document)
        ? createReader(document, freshOnly(policy), documentsOfTimeRanges)
        : createReader(document, policy, documents);
    },
  };
}
