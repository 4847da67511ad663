import { type Operation, targetPath } from '../../atlas/catalog.ts';
import { canonicalQuery, type Filters } from '../../atlas/query.ts';
import { scopeOf } from '../../atlas/rate-limit-buckets.ts';
import type { Clock } from '../../lib/clock.ts';
import { SENT_LATE, TIMED_OUT } from '../../upstream/failure.ts';
import { type DocumentRequest, fetchDocument } from '../../upstream/fetch-document.ts';
import type { UpstreamFailure } from '../../upstream/message.ts';
import type { Credential } from '../credentials/selection.ts';
import { createListingFactory, type ListingOptions, loadedListing } from './create-listing.ts';
import { expectedValueOf } from './document.ts';
import { createWait, PATIENCE_MS } from './early-wait.ts';
import { withFailover } from './failover.ts';
import type { LoadResult } from './list-cache.ts';
import type { ListLoad, ListLoader } from './list-loader.ts';
import type { CachedList } from './listing.ts';
import { invalidatesCache, unlessAddressRefused } from './upstream-denial.ts';
import { versionHeadersOf } from './version-headers.ts';

/** How far a load has come. `waiting`: for a token, the budget or another gateway; `queued`: for a connection. */
type Progress = 'waiting' | 'queued' | 'sent';

/** Loads documents from Atlas, each with one call. */
export function createDocumentLoader(options: ListingOptions, { clock }: { clock: Clock }): ListLoader {
  const listings = createListingFactory(options);
  const inProgress = new Map<number, Progress>();

  function advance(flight: number, progress: Progress): void {
    if (inProgress.has(flight)) inProgress.set(flight, progress);
  }

  async function loadWith(
    { send }: Credential,
    { flight, onCall, span }: ListLoad,
    request: DocumentRequest,
  ): Promise<LoadResult<CachedList>> {
    onCall();
    const result = await fetchDocument(send, {
      ...request,
      ...(span === undefined ? {} : { span }),
      onQueued: () => advance(flight, 'queued'),
      onSent: () => advance(flight, 'sent'),
    });
    switch (result.type) {
      case 'document':
        return loadedListing(await listings.whole([result.items], versionHeadersOf(result.headers)));
      case 'refused':
        return { ...result, invalidatesCache: invalidatesCache(result.response) };
      case 'failed':
        return result;
    }
  }

  async function load(wanted: ListLoad): Promise<LoadResult<CachedList>> {
    const request = documentRequestOf(wanted, clock.now() + wanted.timeoutMs);
    const loaded = await withFailover(wanted.credentials, (credential) =>
      loadWith(credential, wanted, request),
    );
    return unlessAddressRefused(loaded, wanted.before);
  }

  /** Atlas is not to blame for a request that spent its time waiting for a connection. */
  function failureAtDeadline(flight: number): UpstreamFailure {
    switch (inProgress.get(flight)) {
      case 'queued':
        return { ...SENT_LATE, unsent: true };
      case 'waiting':
        return { ...TIMED_OUT, unsent: true };
      case 'sent':
      case undefined:
        return TIMED_OUT;
    }
  }

  return {
    open(wanted) {
      const { flight } = wanted;
      inProgress.set(flight, 'waiting');
      return {
        run: () => load(wanted),
        pages: () => [],
        close: () => void inProgress.delete(flight),
      };
    },
    awaitEarly(flight, { deadlineAt, acceptsStale }) {
      if (!inProgress.has(flight)) return undefined;
      const { promise, answer, later } = createWait(clock);
      later(deadlineAt - clock.now(), () => answer(failureAtDeadline(flight)));
      if (acceptsStale) later(PATIENCE_MS, () => answer({ type: 'slow' }));
      return { answer: promise, end: () => answer(TIMED_OUT) };
    },
    counts() {
      const loading = [...inProgress.values()].filter((progress) => progress === 'sent').length;
      return { waiting: inProgress.size - loading, loading };
    },
  };
}

/** A few operations are described with an envelope by default; the gateway caches documents without one. */
const bareEnvelope = ({ queryParameters }: Operation): Filters =>
  queryParameters.some(({ name, default: byDefault }) => name === 'envelope' && byDefault === true)
    ? [['envelope', 'false']]
    : [];

function documentRequestOf({ query, priority, retry }: ListLoad, deadlineAt: number): DocumentRequest {
  const { operation, pathParameters, filters, mediaType, headers = [], caller } = query;
  return {
    operation: operation.id,
    path: targetPath(operation, pathParameters),
    filters: canonicalQuery([...filters, ...bareEnvelope(operation)]),
    headerParameters: headers,
    expected: expectedValueOf(operation),
    accept: mediaType,
    deadlineAt,
    priority,
    endpointSet: operation.endpointSet,
    scope: scopeOf(pathParameters),
    caller: caller.name,
    ...(retry ? {} : { attempts: 1 }),
  };
}
