import type { HeldConnections } from '../gateway/private-links.ts';
import type { Clock } from '../lib/clock.ts';
import type { ConnectionRow } from './connection-rows.ts';
import type { PageView } from './layout.tsx';
import type { StatusReport } from './report.ts';
import type { SignInForm } from './sign-in-page.tsx';

export interface PagesOptions {
  /** Operation ids that a purge can name. */
  readonly operations: readonly string[];
  /** Scheme and host under which lists are asked for. */
  readonly publicUrl: () => string;
}

export interface PagesDependencies {
  readonly report: () => StatusReport;
  readonly connectionsOf: (project: string) => HeldConnections | undefined;
  readonly clock: Clock;
}

/** The pages for people, as whole HTML documents that ask for nothing from anywhere else. What writes them is read when the first is asked for. */
export function createPages(
  { operations, publicUrl }: PagesOptions,
  { report, connectionsOf, clock }: PagesDependencies,
) {
  const sorted = operations.toSorted();
  /** Whoever looks at a list looks at it again: every few seconds, and with every letter of a filter. */
  const rowsOfItems = new WeakMap<HeldConnections['items'], readonly ConnectionRow[]>();
  async function rowsOf({ items }: HeldConnections): Promise<readonly ConnectionRow[]> {
    const { rowOf } = await import('./connection-rows.ts');
    const rows = rowsOfItems.get(items) ?? items.map(rowOf);
    rowsOfItems.set(items, rows);
    return rows;
  }
  return {
    async status(view: PageView) {
      const { writeStatusPage } = await import('./status-page.tsx');
      return writeStatusPage({ report: report(), operations: sorted }, view);
    },
    async connections(project: string, query: URLSearchParams, view: PageView) {
      const { writeConnectionsPage } = await import('./connections-page.tsx');
      const connections = connectionsOf(project);
      const list =
        connections === undefined
          ? undefined
          : { rows: await rowsOf(connections), whole: connections.whole, held: connections.held };
      return writeConnectionsPage({ project, query, list, now: clock.now(), publicUrl: publicUrl() }, view);
    },
    async signIn(form: SignInForm, view: PageView) {
      const { writeSignInPage } = await import('./sign-in-page.tsx');
      return writeSignInPage(form, view);
    },
  };
}
