import type { CachedConnections } from '../gateway/private-links.ts';
import type { Clock } from '../lib/clock.ts';
import type { PageView } from './layout.tsx';
import type { ConnectionRow } from './links/rows.ts';
import type { StatusReport } from './report.ts';
import type { SignInForm } from './sign-in.tsx';

export interface PagesOptions {
  /** Operation ids that a purge can name. */
  readonly operations: readonly string[];
  /** Scheme and host under which lists are asked for. */
  readonly publicUrl: () => string;
}

export interface PagesDependencies {
  readonly report: () => StatusReport;
  readonly connectionsOf: (project: string) => CachedConnections | undefined;
  readonly clock: Clock;
}

/** The pages for people, as whole HTML documents that ask for nothing from anywhere else. What writes them is read when the first is asked for. */
export function createPages(
  { operations, publicUrl }: PagesOptions,
  { report, connectionsOf, clock }: PagesDependencies,
) {
  const sorted = operations.toSorted();
  /** Whoever looks at a list looks at it again: every few seconds, and with every letter of a filter. */
  const rowsOfItems = new WeakMap<CachedConnections['items'], readonly ConnectionRow[]>();
  async function rowsOf({ items }: CachedConnections): Promise<readonly ConnectionRow[]> {
    const { rowOf } = await import('./links/rows.ts');
    const rows = rowsOfItems.get(items) ?? items.map(rowOf);
    rowsOfItems.set(items, rows);
    return rows;
  }
  return {
    async status(view: PageView) {
      const { writeStatusPage } = await import('./overview/page.tsx');
      return writeStatusPage({ report: report(), operations: sorted }, view);
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
