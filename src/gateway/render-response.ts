import { targetPath } from '../atlas/catalog.ts';
import { countItems } from '../atlas/list-parser.ts';
import { renderPage } from '../atlas/page-renderer.ts';
import { type PageOptions, SNAPSHOT_PARAMETER } from '../atlas/query.ts';
import type { createRenderedPages, Representation } from '../cache/rendered-pages.ts';
import type { Clock } from '../lib/clock.ts';
import { chooseCoding, matchesEtag } from '../lib/content-coding.ts';
import type { DeprecatedEvent, PartialResponseEvent } from './events.ts';
import { gatewayError } from './gateway-error.ts';
import type { Listing, ReadResult } from './reads/listing.ts';
import type { RequestContext } from './request-context.ts';
import type { RequestHeaders, ResolvedRequest } from './resolve-request.ts';
import {
  type CachedHeads,
  errorResponse,
  type GatewayResponse,
  pageResponse,
  upstreamErrorResponse,
} from './response.ts';

export interface RenderDependencies {
  readonly renderedPages: ReturnType<typeof createRenderedPages<CachedHeads>>;
  readonly clock: Clock;
  readonly observe: (event: DeprecatedEvent | PartialResponseEvent) => void;
}

const NOT_CACHED = gatewayError(
  'NOT_CACHED',
  'The list is not cached, and the only-if-cached directive of the request forbids loading it.',
);
const OVERLOADED = gatewayError('OVERLOADED', 'Too many requests are already waiting for Atlas.', {
  retryAfterMs: 1_000,
});

/** Step 7: renders the requested page of the list. `publicUrl`: scheme and host for links; never taken from a request. */
export function createRenderResponse(
  { publicUrl }: { readonly publicUrl: () => string },
  { renderedPages, clock, observe }: RenderDependencies,
) {
  function render({ query, parameters }: ResolvedRequest, list: Listing): Buffer {
    const { operation, pathParameters, shape } = query;
    const { items, offset, hasMore, totalCount } = list;
    const count = shape.includeCount || !list.whole ? totalCount : undefined;
    return renderPage(
      {
        items,
        offset,
        hasMore,
        address: `${publicUrl()}${targetPath(operation, pathParameters)}`,
        parameters,
        // A list that is cached page by page has no pinned listing for links to lead back to.
        suffix: list.whole ? `&${SNAPSHOT_PARAMETER.name}=${list.snapshot}` : '',
        ...(count === undefined ? {} : { totalCount: count }),
      },
      shape,
    );
  }

  /** The requested page of a list, or 304 if the client has it. */
  function toPage(
    headers: RequestHeaders,
    resolved: ResolvedRequest,
    read: Extract<ReadResult, { type: 'value' }>,
  ): GatewayResponse | Promise<GatewayResponse> {
    const { operation, shape, caller, mediaType, version } = resolved.query;
    const { value: list, window, cacheStatus } = read;
    const { deprecationHeaders } = list;
    if (list.whole && hasOtherPages(list, shape)) resolved.reader.pin(list, window);
    if ('Sunset' in deprecationHeaders)
      observe({ type: 'deprecated', operation: operation.id, caller: caller.name, version });
    if (cacheStatus.detail === 'partial') observe({ type: 'partial-response', operation: operation.id });
    const key = pageKey(resolved, list);
    const page = renderedPages.get(resolved.partition, key, () => render(resolved, list));
    const coding = page.compressible ? chooseCoding(headers.acceptEncoding) : 'identity';
    const respond = (body: Representation<CachedHeads>) =>
      pageResponse({
        ...{ body, coding, mediaType, deprecationHeaders, cacheStatus, window },
        now: clock.now(),
        unchanged: matchesEtag(headers.ifNoneMatch, body.etag),
      });
    const body = page.body(coding);
    return body instanceof Promise ? body.then(respond) : respond(body);
  }

  return (
    headers: RequestHeaders,
    resolved: ResolvedRequest,
    read: ReadResult,
    context: RequestContext,
  ): GatewayResponse | Promise<GatewayResponse> => {
    context.upstreamCalls = read.upstreamCalls;
    if (read.type === 'not-cached') return errorResponse(NOT_CACHED);
    if (read.type === 'overloaded') return errorResponse(OVERLOADED);
    context.cache = read.cacheStatus.outcome;
    switch (read.type) {
      case 'failed': {
        const { code, detail, retryAfterMs } = read.failure;
        return errorResponse(gatewayError(code, detail, retryAfterMs === undefined ? {} : { retryAfterMs }));
      }
      case 'refused':
        return upstreamErrorResponse(read.response, read.cacheStatus, read.window, clock.now());
      case 'value':
        return toPage(headers, resolved, read);
    }
  };
}

/** Key of the rendered page: the revision identifies the listing and thus version and filters, the rest the page options. */
function pageKey(resolved: ResolvedRequest, { revision }: Listing): string {
  if (resolved.page?.revision !== revision) {
    const { itemsPerPage, pageNum } = resolved.query.shape;
    resolved.page = { revision, key: `${revision} ${resolved.parameters}${itemsPerPage}/${pageNum}` };
  }
  return resolved.page.key;
}

/** Whether this page contains links to other pages. */
const hasOtherPages = ({ items }: Listing, { pageNum, itemsPerPage }: PageOptions) =>
  pageNum > 1 || countItems(items) > itemsPerPage;
