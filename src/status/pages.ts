import type { HeldConnections } from '../gateway/private-links.ts';
import type { Clock } from '../lib/clock.ts';
import { type ConnectionRow, rowOf } from './connection-rows.ts';
import { writeConnectionsPage } from './connections-page.tsx';
import type { PageView } from './layout.tsx';
import type { StatusReport } from './report.ts';
import { writeSignInPage } from './sign-in-page.tsx';
import { writeStatusPage } from './status-page.tsx';

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

/** The pages for people, as whole HTML documents that ask for nothing from anywhere else. */
export function createPages(
  { operations, publicUrl }: PagesOptions,
  { report, connectionsOf, clock }: PagesDependencies,
) {
  const sorted = operations.toSorted();
  /** Whoever looks at a list looks at it again: every few seconds, and with every letter of a filter. */
  const rowsOfItems = new WeakMap<HeldConnections['items'], readonly ConnectionRow[]>();
  function rowsOf({ items }: HeldConnections): readonly ConnectionRow[] {
    const rows = rowsOfItems.get(items) ?? items.map(rowOf);
    rowsOfItems.set(items, rows);
    return rows;
  }
  return {
    status: (view: PageView) => writeStatusPage({ report: report(), operations: sorted }, view),
    connections(project: string, query: URLSearchParams, view: PageView) {
      const connections = connectionsOf(project);
      const list =
        connections === undefined
          ? undefined
          : { rows: rowsOf(connections), whole: connections.whole, held: connections.held };
      return writeConnectionsPage({ project, query, list, now: clock.now(), publicUrl: publicUrl() }, view);
    },
    signIn: (form: { readonly next: string; readonly refused: boolean }, view: PageView) =>
      writeSignInPage(form, view),
  };
}
