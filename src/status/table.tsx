import type { Child } from 'hono/jsx';

export interface Column {
  readonly name: string;
  readonly number?: boolean;
  readonly mono?: boolean;
  /** The heading is for screen readers only. */
  readonly unseen?: boolean;
}

/** The first cell is the heading of the row. */
export interface Row {
  /** Identifies the row when the page is refreshed; unique within the table. */
  readonly key: string;
  readonly cells: readonly Child[];
}

interface TableProps {
  readonly id: string;
  readonly caption: string;
  /** Next to the caption. */
  readonly note?: Child;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  /** Replaces the rows if there are none. */
  readonly whenEmpty: string;
  /** A last row, such as one that says how many were left out. */
  readonly more?: Child;
}

const classOf = ({ number, mono }: Column): string | undefined =>
  number === true ? 'number' : mono === true ? 'mono' : undefined;

/** A table that scrolls horizontally if it is wider than the page. On narrow pages each row is a card, its cells labelled by `data-label`. */
export function Table({ id, caption, note, columns, rows, whenEmpty, more }: TableProps) {
  return (
    <div class="card">
      <div class="card-head">
        <h2 id={`${id}-title`}>{caption}</h2>
        {note}
      </div>
      <section class="scroll" aria-labelledby={`${id}-title`} tabindex={0}>
        <table id={id} class="cards">
          <caption class="unseen">{caption}</caption>
          <thead>
            <tr>
              {columns.map((column) => (
                <th scope="col" class={classOf(column)}>
                  {column.unseen === true ? <span class="unseen">{column.name}</span> : column.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.length === 0 ? <WideRow text={whenEmpty} columns={columns.length} /> : null}
            {rows.map((row) => (
              <BodyRow row={row} columns={columns} />
            ))}
            {more === undefined ? null : <WideRow text={more} columns={columns.length} />}
          </tbody>
        </table>
      </section>
    </div>
  );
}

function WideRow({ text, columns }: { readonly text: Child; readonly columns: number }) {
  return (
    <tr>
      <td class="empty" colspan={columns}>
        {text}
      </td>
    </tr>
  );
}

function BodyRow({
  row: { key, cells },
  columns,
}: {
  readonly row: Row;
  readonly columns: readonly Column[];
}) {
  return (
    <tr data-key={key}>
      {columns.map((column, index) =>
        index === 0 ? (
          <th scope="row" class={classOf(column)}>
            {cells[index]}
          </th>
        ) : (
          <td class={classOf(column)} data-label={column.unseen === true ? undefined : column.name}>
            {cells[index]}
          </td>
        ),
      )}
    </tr>
  );
}
