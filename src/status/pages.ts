import type { ListCache } from '../cache/read-cache.ts';
import type { CachedConnections } from '../gateway/private-links.ts';
import type { CachedList } from '../gateway/reads/listing.ts';
import type { Clock } from '../lib/clock.ts';
import { cachedListsOf } from './cached-lists.ts';
import type { PageView } from './layout.tsx';
import type { ConnectionRow } from './links/rows.ts';
import { readFocus } from './overview/focus.ts';
import type { StatusReport } from './report.ts';
import type { SignInForm } from './sign-in.tsx';

export interface PagesOptions {
  /** Operation ids that can be purged. */
  readonly operations: readonly string[];
  /** The origin of the public listener. */
  readonly publicUrl: () => string;
}

export interface PagesDependencies {
  readonly report: () => StatusReport;
  readonly cache: Pick<ListCache<CachedList>, 'listings'>;
  readonly connectionsOf: (project: string) => CachedConnections | undefined;
  readonly clock: Clock;
}

/** Renders the pages as self-contained HTML documents. The templates are imported at the first request to keep startup fast. */
export function createPages(
  { operations, publicUrl }: PagesOptions,
  { report, cache, connectionsOf, clock }: PagesDependencies,
) {
  const sorted = operations.toSorted();
  /** Caches rows per list: an open page re-reads its list every few seconds and with every keystroke in a filter. */
  const rowsOfItems = new WeakMap<CachedConnections['items'], readonly ConnectionRow[]>();
  async function rowsOf({ items }: CachedConnections): Promise<readonly ConnectionRow[]> {
    const { rowOf } = await import('./links/rows.ts');
    const rows = rowsOfItems.get(items) ?? items.map(rowOf);
    rowsOfItems.set(items, rows);
    return rows;
  }
  return {
    async status(query: URLSearchParams, view: PageView) {
      const { writeStatusPage } = await import('./overview/page.tsx');
      const focus = readFocus(query);
      const lists = cachedListsOf(focus, cache.listings(), clock.now());
      return writeStatusPage({ report: report(), operations: sorted, focus, lists }, view);
    },
    async connections(project: string, query: URLSearchParams, view: PageView) {
      const { writeConnectionsPage } = await import('./links/page.tsx');
      const connections = connectionsOf(project);
      const list =
        connections === undefined
          ? undefined
          : { rows: await rowsOf(connections), whole: connections.whole, window: connections.window };
      return writeConnectionsPage({ project, query, list, now: clock.now(), publicUrl: publicUrl() }, view);
    },
    async signIn(form: SignInForm, view: PageView) {
      const { writeSignInPage } = await import('./sign-in.tsx');
      return writeSignInPage(form, view);
    },
  };
}
