import type { Operation } from '../../atlas/catalog.ts';
import { documentQuery, freshOnly, isDocument, namesTimeRange } from './document.ts';
import { createElements, type ElementDependencies } from './element.ts';
import type { ListLoader } from './list-loader.ts';
import type { CachePolicy, Listing, ReadQuery } from './listing.ts';
import { createReadThrough, type ReadThroughDependencies } from './read-through.ts';
import { createReader, type Reader, type ReaderDependencies } from './reader.ts';

/** Makes readers of queries: how an operation is read depends on its kind. */
export interface ReadService {
  createReader(query: ReadQuery): Reader;
}

export type ReadServiceDependencies = Omit<ReadThroughDependencies, 'forgetElement'> &
  Omit<ReaderDependencies, 'readThrough' | 'pinnedUntil'> & {
    readonly cachePolicyOf: (operation: Operation) => CachePolicy;
    /** Loads everything that is not a paginated list. */
    readonly documentLoader: ListLoader;
    readonly listOf: ElementDependencies['listOf'];
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
  const elements = createElements(dependencies);
  const readersWith = (own: Partial<ReadThroughDependencies>): ReaderDependencies => {
    const all = { ...dependencies, forgetElement: elements.forget, ...own };
    return { ...all, pinnedUntil, readThrough: createReadThrough(options, all) };
  };
  const lists = readersWith({});
  const documents = readersWith({ loader: documentLoader });
  const documentsOfTimeRanges = readersWith({ ...timeRanges, sharing: undefined });

  const readerOfList = (query: ReadQuery) => createReader(query, cachePolicyOf(query.operation), lists);

  return {
    createReader(query) {
      if (!isDocument(query.operation)) return readerOfList(query);
      const policy = cachePolicyOf(query.operation);
      const document = documentQuery(query);
      if (namesTimeRange(document)) return createReader(document, freshOnly(policy), documentsOfTimeRanges);
      const reader = createReader(document, policy, documents);
      return elements.createReader(document, reader, readerOfList);
    },
  };
}
