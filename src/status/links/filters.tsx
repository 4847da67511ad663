import type { ConnectionFilter, ConnectionOrder, ConnectionRow } from './rows.ts';

/** Longer menus are unusable; the text filter finds all values. */
const MAX_CHOICES = 40;

const choicesOf = (rows: readonly ConnectionRow[], column: 'state' | 'provider') =>
  [...new Set(rows.map((row) => row[column]).filter((value) => value !== ''))].sort().slice(0, MAX_CHOICES);

/** The form that filters the table; its column headings and page buttons submit it as well. */
export function Filters({
  rows,
  filter,
  order,
}: {
  readonly rows: readonly ConnectionRow[];
  readonly filter: ConnectionFilter;
  readonly order: ConnectionOrder | undefined;
}) {
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
        {order === undefined ? null : (
          <input type="hidden" name="sort" value={`${order.descending ? '-' : ''}${order.column}`} />
        )}
        <button type="submit" class="primary">
          Filter
        </button>
      </form>
    </search>
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
