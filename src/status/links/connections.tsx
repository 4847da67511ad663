import type { FreshnessWindow } from '../../cache/freshness.ts';
import { count, duration } from '../format.ts';
import { Filters } from './filters.tsx';
import { readPageSize } from './page-size.ts';
import { Pager } from './pager.tsx';
import { type ConnectionRow, readFilter, readOrder, select } from './rows.ts';
import { ConnectionsTable } from './table.tsx';

export interface ConnectionList {
  readonly rows: readonly ConnectionRow[];
  /** False if only some pages of the list are cached. */
  readonly whole: boolean;
  readonly window: FreshnessWindow;
}

/** The age of a list and its remaining freshness, as text. */
function age({ loadedAt, freshUntil }: FreshnessWindow, now: number): string {
  const loaded = `Loaded ${duration((now - loadedAt) / 1_000)} ago`;
  return now < freshUntil
    ? `${loaded}, fresh for ${duration((freshUntil - now) / 1_000)} more.`
    : `${loaded}; stale, will be refreshed at the next read.`;
}

/** The cached connections, filtered, ordered and cut as the query says. */
export function Connections({
  list: { rows, whole, window },
  query,
  now,
}: {
  readonly list: ConnectionList;
  readonly query: URLSearchParams;
  readonly now: number;
}) {
  const filter = readFilter(query);
  const order = readOrder(query);
  const found = select(rows, filter, order);
  const rowsAPage = readPageSize(query);
  const pages = Math.max(1, Math.ceil(found.length / rowsAPage));
  const wanted = Number(query.getAll('page').at(-1) ?? '1');
  const page = Number.isInteger(wanted) ? Math.min(pages, Math.max(1, wanted)) : 1;
  const shown = found.slice((page - 1) * rowsAPage, page * rowsAPage);
  return (
    <div class="card">
      <Filters rows={rows} filter={filter} order={order} rowsAPage={rowsAPage} />
      <div class="card-head">
        <p id="found" role="status">
          {found.length === rows.length
            ? `${count(rows.length)} connections`
            : `${count(found.length)} of ${count(rows.length)} connections`}
          {whole ? '' : ', from the cached pages of a long list'}
        </p>
        <p class="faint">{age(window, now)}</p>
      </div>
      <ConnectionsTable
        rows={shown}
        order={order}
        whenEmpty={rows.length === 0 ? 'The project has no connections.' : 'No connection matches.'}
      />
      <Pager page={page} pages={pages} />
    </div>
  );
}
