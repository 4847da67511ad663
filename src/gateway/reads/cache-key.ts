import { targetPath } from '../../atlas/catalog.ts';
import { canonicalQuery, type PageOptions } from '../../atlas/query.ts';
import type { CoolingKind } from '../../cache/events.ts';
import type { PagePlace } from '../../cache/page-generation.ts';
import type { Credential } from '../credentials/selection.ts';
import type { ReadQuery } from './listing.ts';

/** The cache keys of a list, of one of its pages, and of its pinned listings. */
export interface CacheKeys {
  readonly whole: string;
  readonly page: PageKey;
  readonly pinned: string;
}

/** The key of a page, and which part of the list it is. */
export interface PageKey extends PagePlace {
  readonly key: string;
}

/** Number of items before a page. */
export const offsetOf = ({ pageNum, itemsPerPage }: PageOptions): number => (pageNum - 1) * itemsPerPage;

/** Which page of a list: requests with equal keys get the same one. */
export const pageKey = ({ pageNum, itemsPerPage, includeCount }: PageOptions): string =>
  `${pageNum}/${itemsPerPage}/${includeCount}`;

/** The key of a page of the list with the key `list`. */
export const pageKeyOf = (list: string, shape: PageOptions): PageKey => ({
  key: `${list}#${pageKey(shape)}`,
  list,
  offset: offsetOf(shape),
});

/** The key of the last whole listing of a list that is cached by the page. */
export const lastWholeKeyOf = (list: string): string => `${list}${LAST_WHOLE}`;
export const isLastWholeKey = (key: string): boolean => key.endsWith(LAST_WHOLE);
const LAST_WHOLE = '#last';

/** Whether a cache key is that of a whole list or of a page of one. Only keys of lists contain no `#`: paths and filters are encoded. */
export const cacheKindOf = (key: string): CoolingKind => (key.includes('#') ? 'page' : 'list');

/** The cache partition of a list: its project's, else its organization's, else one for all others. */
export const partitionOf = ({ groupId, orgId }: Readonly<Record<string, string>>): string =>
  groupId ?? orgId ?? '-';

/** Two queries share a key only if credentials, version, path and filters are equal. */
function keyOf(
  credentials: readonly Credential[],
  { operation, pathParameters, mediaType, filters }: ReadQuery,
): string {
  const names = credentials.map(({ name }) => name).join('|');
  return `${names} ${mediaType} ${targetPath(operation, pathParameters)}?${canonicalQuery(filters)}`;
}

/** The keys of a query; computed again only if its credentials change. `cut`: fingerprint of what its caller sees of a filtered list. */
export function createCacheKeys(
  query: ReadQuery,
  cut: string | undefined,
): (chosen: readonly Credential[]) => CacheKeys {
  let last: (CacheKeys & { readonly chosen: readonly Credential[] }) | undefined;
  return (chosen) => {
    if (last?.chosen === chosen) return last;
    const whole = keyOf(chosen, query);
    last = {
      chosen,
      whole,
      page: pageKeyOf(whole, query.shape),
      // Callers with the same grants share pinned listings; no other caller can follow a link to them.
      pinned: cut === undefined ? whole : `${whole} ${cut}`,
    };
    return last;
  };
}
