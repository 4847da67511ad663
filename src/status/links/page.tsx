import { type PageView, writeDocument } from '../layout.tsx';
import { type ConnectionList, Connections } from './connections.tsx';
import { NothingCached } from './nothing-cached.tsx';

const REFRESH_MS = 5_000;

export interface ConnectionsPageOptions {
  readonly project: string;
  readonly query: URLSearchParams;
  /** Absent if no list is cached. */
  readonly list: ConnectionList | undefined;
  /** Monotonic milliseconds, on the same clock as `list.window`. */
  readonly now: number;
  readonly publicUrl: string;
}

/** Renders a project's private link connections from the cached list. */
export function writeConnectionsPage(options: ConnectionsPageOptions, view: PageView): string {
  const { project, query, list, now, publicUrl } = options;
  return writeDocument({
    title: `Private link connections of ${project}: atlas-gateway`,
    view,
    crumbs: [project],
    refreshMs: REFRESH_MS,
    children: (
      <>
        <h1 id="connections-title">Private link connections</h1>
        {list === undefined ? (
          <NothingCached project={project} publicUrl={publicUrl} />
        ) : (
          <Connections list={list} query={query} now={now} />
        )}
      </>
    ),
  });
}
