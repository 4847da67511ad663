import { DEFAULT_PAGE_SIZE, PAGE_SIZES } from './page-size.ts';
import type { ConnectionFilter, ConnectionOrder, ConnectionRow } from './rows.ts';

/** Longer menus are unusable; the text filter finds all values. */
const MAX_CHOICES = 40;

const choicesOf = (rows: readonly ConnectionRow[], column: 'state' | 'provider') =>
  [...new Set(rows.map((row) => row[column]).filter((value) => value !== ''))].sort().slice(0, MAX_CHOICES);

const isFiltering = ({ text, state, provider }: ConnectionFilter) => text + state + provider !== '';

interface FiltersProps {
  readonly rows: readonly ConnectionRow[];
  readonly filter: ConnectionFilter;
  readonly order: ConnectionOrder | undefined;
  readonly rowsAPage: number;
}

/** The form that filters the table; its column headings and page buttons submit it as well. */
export function Filters({ rows, filter, order, rowsAPage }: FiltersProps) {
  return (
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
        <PageSize chosen={rowsAPage} />
        {order === undefined ? null : (
          <input type="hidden" name="sort" value={`${order.descending ? '-' : ''}${order.column}`} />
        )}
        <button type="submit" class="primary">
          Filter
        </button>
        <ClearLink filter={filter} order={order} rowsAPage={rowsAPage} />
      </form>
    </search>
  );
}

/** Removes the filter; order and page size stay. Without a filter its place stays empty, so that nothing moves. */
function ClearLink({ filter, order, rowsAPage }: Omit<FiltersProps, 'rows'>) {
  const query = new URLSearchParams();
  if (order !== undefined) query.set('sort', `${order.descending ? '-' : ''}${order.column}`);
  if (rowsAPage !== DEFAULT_PAGE_SIZE) query.set('rows', String(rowsAPage));
  return (
    <span class="clear">
      {isFiltering(filter) ? <a href={`?${query.toString()}`}>Clear filter</a> : null}
    </span>
  );
}

/** The default has no value, which keeps it out of the address. */
function PageSize({ chosen }: { readonly chosen: number }) {
  return (
    <label class="short">
      Rows a page
      <select name="rows">
        {PAGE_SIZES.map((size) => (
          <option value={size === DEFAULT_PAGE_SIZE ? '' : String(size)} selected={size === chosen}>
            {size}
          </option>
        ))}
      </select>
    </label>
  );
}

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
