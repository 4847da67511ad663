import { count } from '../format.ts';
import type { BudgetReport } from '../report.ts';
import { Table } from '../table.tsx';
import { Bar, LOW_FRACTION } from './bar.tsx';

const COLUMNS = [
  { name: 'Endpoint set' },
  { name: 'Credential' },
  { name: 'Calls left', number: true },
  { name: 'Share left' },
];

const isLow = ({ remaining, capacity }: BudgetReport) => remaining < capacity * LOW_FRACTION;

/** The remaining calls of each of Atlas's rate limits, by credential. */
export function Budgets({ budget }: { readonly budget: readonly BudgetReport[] }) {
  return (
    <Table
      id="budgets"
      caption="Atlas rate limits"
      columns={COLUMNS}
      rows={budget.map((one) => ({
        key: `${one.credential} ${one.endpointSet}`,
        cells: [
          one.endpointSet,
          one.credential,
          <>
            {count(one.remaining)} <small>of {count(one.capacity)}</small>
          </>,
          <div class="bar-cell">
            <Bar part={one.remaining / one.capacity} low={isLow(one)} />
            {isLow(one) ? <span class="tag bad">low</span> : null}
          </div>,
        ],
      }))}
      whenEmpty="No requests to Atlas yet."
    />
  );
}
