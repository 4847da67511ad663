import { COLUMNS, type Column, type ConnectionOrder, type ConnectionRow } from './rows.ts';

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

/** The rows of one page of the table. */
export function ConnectionsTable({
  rows,
  order,
  whenEmpty,
}: {
  readonly rows: readonly ConnectionRow[];
  readonly order: ConnectionOrder | undefined;
  readonly whenEmpty: string;
}) {
  return (
    <section class="scroll" aria-labelledby="connections-title" tabindex={0}>
      <table id="connections" class="cards">
        <caption class="unseen">Private link connections</caption>
        {/* Fixed widths: the columns stay where they are while filters and pages change the rows. */}
        <colgroup>
          {COLUMNS.map((column) => (
            <col class={`column-${column}`} />
          ))}
          <col class="column-id" />
        </colgroup>
        <thead>
          <tr>
            {COLUMNS.map((column) => (
              <SortHeading column={column} order={order} />
            ))}
            <th scope="col">Id</th>
          </tr>
        </thead>
        <tbody>
          {rows.length === 0 ? (
            <tr>
              <td class="empty" colspan={COLUMNS.length + 1}>
                {whenEmpty}
              </td>
            </tr>
          ) : null}
          {rows.map((row) => (
            <Row row={row} />
          ))}
        </tbody>
      </table>
    </section>
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
      <td data-label={NAMES.state}>
        {state === '' ? dash : <span class={tagOf(state)}>{state}</span>}
        {errorMessage === '' ? null : (
          <p class="why">
            <bdi>{errorMessage}</bdi>
          </p>
        )}
      </td>
      <td data-label={NAMES.provider}>{provider === '' ? dash : <bdi>{provider}</bdi>}</td>
      <td data-label={NAMES.vendor}>{vendor === '' ? dash : <bdi>{vendor}</bdi>}</td>
      <td data-label={NAMES.region}>{region === '' ? dash : <bdi>{region}</bdi>}</td>
      <td data-label={NAMES.endpoint}>
        {endpoint.length === 0 ? dash : null}
        {endpoint.map(({ name, value }) => (
          <p class="endpoint">
            <span class="faint">{ENDPOINT_NAMES[name]}</span> <bdi class="mono">{value}</bdi>
          </p>
        ))}
      </td>
      <td class="mono" data-label="Id">
        <bdi>{id}</bdi>
      </td>
    </tr>
  );
}
