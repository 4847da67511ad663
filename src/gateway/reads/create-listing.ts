import { rewriteLinks } from '../../atlas/links.ts';
import { concatInSteps, countItems, type Items, partsOf } from '../../atlas/list-parser.ts';
import type { PageOptions } from '../../atlas/query.ts';
import type { Loaded } from '../../cache/results.ts';
import { createPauses, runInTurns, type Steps } from '../../lib/event-loop.ts';
import type { UpstreamFailure } from '../../upstream/message.ts';
import type { ListSlice } from '../../upstream/walk/progress.ts';
import { offsetOf } from './cache-key.ts';
import { deprecationHeadersOf } from './deprecation-headers.ts';
import { bytesOf, type CachedList, type Listing } from './listing.ts';
import { identify, snapshotOf } from './snapshot-id.ts';

export interface ListingOptions {
  /** Scheme and host for links in items. */
  readonly publicUrl: () => string;
  readonly nextRevision: () => number;
}

/** Makes listings of what Atlas sent. */
export interface ListingFactory {
  /** A whole list, from consecutive parts of it. Does not block the event loop, however large the list is. */
  whole(parts: readonly Items[], deprecationHeaders: Listing['deprecationHeaders']): Promise<Listing>;
  /** One page of a list. */
  page(slice: ListSlice, shape: PageOptions): Listing;
}

/** A listing as the result of a load. */
export const loadedListing = (value: Listing): Loaded<CachedList, UpstreamFailure> => ({
  type: 'loaded',
  value,
  bytes: bytesOf(value.items),
});

/** Joins the parts of a list, with links that lead to `origin`, and identifies it. */
function* joinAndIdentify(
  origin: string,
  parts: readonly Items[],
): Steps<Pick<Listing, 'items' | 'snapshot'>> {
  const pauseAfter = createPauses();
  const rewritten: Items[] = [];
  for (const part of parts.flatMap(partsOf)) {
    yield* pauseAfter(part.bytes.length);
    rewritten.push(rewriteLinks(origin, part));
  }
  const items = yield* concatInSteps(rewritten);
  return { items, snapshot: yield* identify(items) };
}

export function createListingFactory({ publicUrl, nextRevision }: ListingOptions): ListingFactory {
  return {
    async whole(parts, deprecationHeaders) {
      const { items, snapshot } = await runInTurns(joinAndIdentify(publicUrl(), parts));
      return {
        type: 'list',
        revision: nextRevision(),
        items,
        snapshot,
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
