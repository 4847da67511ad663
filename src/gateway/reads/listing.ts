import type { Operation } from '../../atlas/catalog.ts';
import { countItems, type Items } from '../../atlas/list-parser.ts';
import type { Filters, PageOptions } from '../../atlas/query.ts';
import type { Lifetimes } from '../../cache/freshness.ts';
import type { Caller } from '../auth/key-auth.ts';
import type { CacheRead } from './list-cache.ts';

/** A cached list: all of it, or one page. */
export interface Listing {
  readonly type: 'list';
  /** Unique among all listings of this process. */
  readonly revision: number;
  readonly items: Items;
  /** Whether `items` is the whole list rather than one page. */
  readonly whole: boolean;
  /** Number of items before the first one in `items`. */
  readonly offset: number;
  /** Total number of items; absent if Atlas did not count them. */
  readonly totalCount?: number;
  readonly hasMore: boolean;
  /** Identifies this listing in links; equal for lists with equal items. */
  readonly snapshot: string;
  /** `Deprecation` and `Sunset` as Atlas sent them. */
  readonly deprecationHeaders: Readonly<Record<string, string>>;
}

/** Cached in place of a list that cannot be cached whole: while this entry lives, the list is cached page by page. */
interface TooLong {
  readonly type: 'long';
}

/** The values of the list cache. */
export type CachedList = Listing | TooLong;

/** A resolved query for a list: equivalent requests resolve to equal queries. */
export interface ReadQuery {
  readonly operation: Operation;
  readonly pathParameters: Readonly<Record<string, string>>;
  readonly mediaType: string;
  readonly version: string;
  readonly filters: Filters;
  readonly shape: PageOptions;
  readonly caller: Caller;
}

/** How lists of an operation are cached. */
export interface CachePolicy extends Lifetimes {
  readonly whole: boolean;
}

/** The result of a read, and the number of upstream calls that this request caused. */
export type ReadResult = Exclude<CacheRead<Listing>, never> & { readonly upstreamCalls: number };

export const TOO_LONG: TooLong = { type: 'long' };
/** How long a list is cached by the page before it is walked again. */
const TOO_LONG_MS = 600_000;

/** The marker of a list that is cached by the page is usable for as long as any page that was loaded because of it. */
export const tooLongLifetimes = ({
  freshMs,
  staleWhileRevalidateMs,
  staleIfErrorMs,
}: Lifetimes): Lifetimes => ({
  freshMs: TOO_LONG_MS,
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: freshMs + Math.max(staleIfErrorMs, staleWhileRevalidateMs),
});
export const TOO_LONG_BYTES = 64;

/** Bytes that items count as in the cache. */
export const bytesOf = ({ bytes, starts }: Items): number => bytes.length + starts.byteLength;

/** Number of cached items; 0 if the list is not cached or is cached page by page. */
export const itemsOf = (listing: CachedList | undefined): number =>
  listing?.type === 'list' ? countItems(listing.items) : 0;
