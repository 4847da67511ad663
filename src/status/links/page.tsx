import type { FreshnessWindow } from '../../cache/freshness.ts';
import { count, duration } from '../format.ts';
import { type PageView, writeDocument } from '../layout.tsx';
import {
  COLUMNS,
  type Column,
  type ConnectionOrder,
  type ConnectionRow,
  readFilter,
  readOrder,
  select,
} from './rows.ts';

const REFRESH_MS = 5_000;
const ROWS_A_PAGE = 100;
/** Longer menus are unusable; the text filter finds all values. */
const MAX_CHOICES = 40;

const NAMES: Readonly<Record<Column, string>> = {
  state: 'State',
  provider: 'Provider',
  vendor: 'Vendor',
  region: 'Region',
  endpoint: 'Endpoint',
};
const ENDPOINT_NAMES: Readonly<Record<string, string>> = {
  interfaceEndpointId: 'interface',
  interfaceEndpointName: 'interface name',
  serviceEndpointId: 'service',
  dnsDomain: 'domain',
  arn: 'ARN',
};

interface ConnectionList {
  readonly rows: readonly ConnectionRow[];
  /** False if only some pages of the list are cached. */
  readonly whole: boolean;
  readonly window: FreshnessWindow;
}

export interface ConnectionsPageOptions {
  readonly project: string;
  readonly query: URLSearchParams;
  /** Absent if no list is cached. */
  readonly list: ConnectionList | undefined;
  /** Monotonic milliseconds, on the same clock as `list.window`. */
  readonly now: number;
  readonly publicUrl: string;
}

const choicesOf = (rows: readonly ConnectionRow[], column: 'state' | 'provider') =>
  [...new Set(rows.map((row) => row[column]).filter((value) => value !== ''))].sort().slice(0, MAX_CHOICES);

function Choice({
  name,
  label,
  choices,
  chosen,
}: {
  readonly name: string;
  readonly label: string;
  readonly choices: readonly string[];
  readonly chosen: string;
}) {
  return (
    <label>
      {label}
      <select name={name}>
        <option value="">all</option>
        {choices.map((choice) => (
          <option value={choice} selected={choice === chosen}>
            {choice}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A column heading with a button that sorts by the column; pressed again, in reverse. */
function SortHeading({
  column,
  order,
}: {
  readonly column: Column;
  readonly order: ConnectionOrder | undefined;
}) {
  const isOrdered = order?.column === column;
  const descending = isOrdered && order.descending;
  return (
    <th scope="col" aria-sort={isOrdered ? (descending ? 'descending' : 'ascending') : 'none'}>
      <button
        type="submit"
        form="filters"
        name="sort"
        value={isOrdered && !descending ? `-${column}` : column}
        class="sort"
        data-key={`sort-${column}`}
      >
        {NAMES[column]}
        <span aria-hidden="true" class="arrow">
          {isOrdered ? (descending ? '▼' : '▲') : '↕'}
        </span>
      </button>
    </th>
  );
}

const GOOD = new Set(['DONE', 'IDLE']);
const BAD = new Set(['FAILED', 'REJECTED']);
const tagOf = (state: string) => (BAD.has(state) ? 'tag bad' : GOOD.has(state) ? 'tag good' : 'tag');

function Row({ row }: { readonly row: ConnectionRow }) {
  const { id, state, provider, vendor, region, endpoint, errorMessage } = row;
  const dash = <span class="faint">–</span>;
  return (
    <tr>
      <td>
        {state === '' ? dash : <span class={tagOf(state)}>{state}</span>}
        {errorMessage === '' ? null : (
          <p class="why">
            <bdi>{errorMessage}</bdi>
          </p>
        )}
      </td>
      <td>{provider === '' ? dash : <bdi>{provider}</bdi>}</td>
      <td>{vendor === '' ? dash : <bdi>{vendor}</bdi>}</td>
      <td>{region === '' ? dash : <bdi>{region}</bdi>}</td>
      <td>
        {endpoint.length === 0 ? dash : null}
        {endpoint.map(({ name, value }) => (
          <p class="endpoint">
            <span class="faint">{ENDPOINT_NAMES[name]}</span> <bdi class="mono">{value}</bdi>
          </p>
        ))}
      </td>
      <td class="mono">
        <bdi>{id}</bdi>
      </td>
    </tr>
  );
}

function Pager({ page, pages }: { readonly page: number; readonly pages: number }) {
  if (pages <= 1) return null;
  const button = (to: number, text: string) => (
    <button type="submit" form="filters" name="page" value={String(to)} disabled={to < 1 || to > pages}>
      {text}
    </button>
  );
  return (
    <nav class="pager" aria-label="Pages of the table">
      {button(page - 1, 'Previous')}
      <span>
        Page {count(page)} of {count(pages)}
      </span>
      {button(page + 1, 'Next')}
    </nav>
  );
}

function NothingCached({ project, publicUrl }: { readonly project: string; readonly publicUrl: string }) {
  const address = `${publicUrl}/api/atlas/v2/groups/${project}/streams/privateLinkConnections`;
  return (
    <section class="card" aria-labelledby="nothing-title">
      <div class="card-head">
        <h2 id="nothing-title">No list of this project is cached</h2>
      </div>
      <p>
        This page shows only cached data and sends no requests to Atlas. The list appears here once it has
        been read through the gateway:
      </p>
      <pre class="scroll" tabindex={0}>
        <code>
          {`curl -H 'Accept: application/vnd.atlas.2023-02-01+json' -H "Authorization: Bearer $CALLER_KEY" '${address}'`}
        </code>
      </pre>
    </section>
  );
}

/** The age of a list and its remaining freshness, as text. */
function age({ loadedAt, freshUntil }: FreshnessWindow, now: number): string {
  const loaded = `Loaded ${duration((now - loadedAt) / 1_000)} ago`;
  return now < freshUntil
    ? `${loaded}, fresh for ${duration((freshUntil - now) / 1_000)} more.`
    : `${loaded}; stale, will be refreshed at the next read.`;
}

function Connections({
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
  const pages = Math.max(1, Math.ceil(found.length / ROWS_A_PAGE));
  const wanted = Number(query.getAll('page').at(-1) ?? '1');
  const page = Number.isInteger(wanted) ? Math.min(pages, Math.max(1, wanted)) : 1;
  const shown = found.slice((page - 1) * ROWS_A_PAGE, page * ROWS_A_PAGE);
  return (
    <div class="card">
      <search aria-label="Connections">
        <form id="filters" method="get" class="filters">
          <label class="grow">
            Text in any column
            <input type="search" name="text" value={filter.text} autocomplete="off" spellcheck={false} />
          </label>
          <Choice name="state" label="State" choices={choicesOf(rows, 'state')} chosen={filter.state} />
          <Choice
            name="provider"
            label="Provider"
            choices={choicesOf(rows, 'provider')}
            chosen={filter.provider}
          />
          {order === undefined ? null : (
            <input type="hidden" name="sort" value={`${order.descending ? '-' : ''}${order.column}`} />
          )}
          <button type="submit" class="primary">
            Filter
          </button>
        </form>
      </search>
      <div class="card-head">
        <p id="found" role="status">
          {found.length === rows.length
            ? `${count(rows.length)} connections`
            : `${count(found.length)} of ${count(rows.length)} connections`}
          {whole ? '' : ', from the cached pages of a long list'}
        </p>
        <p class="faint">{age(window, now)}</p>
      </div>
      <section class="scroll" aria-labelledby="connections-title" tabindex={0}>
        <table id="connections">
          <caption class="unseen">Private link connections</caption>
          <thead>
            <tr>
              {COLUMNS.map((column) => (
                <SortHeading column={column} order={order} />
              ))}
              <th scope="col">Id</th>
            </tr>
          </thead>
          <tbody>
            {shown.length === 0 ? (
              <tr>
                <td class="empty" colspan={COLUMNS.length + 1}>
                  {rows.length === 0 ? 'The project has no connections.' : 'No connection matches.'}
                </td>
              </tr>
            ) : null}
            {shown.map((row) => (
              <Row row={row} />
            ))}
          </tbody>
        </table>
      </section>
      <Pager page={page} pages={pages} />
    </div>
  );
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
