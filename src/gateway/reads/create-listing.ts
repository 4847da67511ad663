import { rewriteLinks, rewriteLinksInTurns } from '../../atlas/links.ts';
import { countItems, type Items } from '../../atlas/list-parser.ts';
import type { PageOptions } from '../../atlas/query.ts';
import type { Loaded } from '../../cache/results.ts';
import type { UpstreamFailure } from '../../upstream/message.ts';
import type { ListSlice } from '../../upstream/walk/progress.ts';
import { offsetOf } from './cache-key.ts';
import { deprecationHeadersOf } from './deprecation-headers.ts';
import { bytesOf, type CachedList, type Listing } from './listing.ts';
import { snapshotInTurns, snapshotOf } from './snapshot-id.ts';

export interface ListingOptions {
  /** Scheme and host for links in items. */
  readonly publicUrl: () => string;
  readonly nextRevision: () => number;
}

/** Makes listings of what Atlas sent. */
export interface ListingFactory {
  /** A whole list. */
  whole(items: Items, deprecationHeaders: Listing['deprecationHeaders']): Promise<Listing>;
  /** One page of a list. */
  page(slice: ListSlice, shape: PageOptions): Listing;
}

/** A listing as the result of a load. */
export const loadedListing = (value: Listing): Loaded<CachedList, UpstreamFailure> => ({
  type: 'loaded',
  value,
  bytes: bytesOf(value.items),
});

export function createListingFactory({ publicUrl, nextRevision }: ListingOptions): ListingFactory {
  return {
    async whole(items, deprecationHeaders) {
      const rewritten = await rewriteLinksInTurns(publicUrl(), items);
      return {
        type: 'list',
        revision: nextRevision(),
        items: rewritten,
        snapshot: await snapshotInTurns(rewritten),
        deprecationHeaders,
        whole: true,
        offset: 0,
        hasMore: false,
        totalCount: countItems(items),
      };
    },
    page({ items, headers, hasMore, totalCount }, shape) {
      const rewritten = rewriteLinks(publicUrl(), items);
      return {
        type: 'list',
        revision: nextRevision(),
        items: rewritten,
        snapshot: snapshotOf(rewritten),
        deprecationHeaders: deprecationHeadersOf(headers),
        whole: false,
        offset: offsetOf(shape),
        hasMore,
        ...(totalCount === undefined ? {} : { totalCount }),
      };
    },
  };
}
