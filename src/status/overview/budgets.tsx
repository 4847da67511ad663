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

const MAX_BUDGETS = 50;

const shareOf = ({ remaining, capacity }: BudgetReport) => remaining / capacity;
const isLow = (budget: BudgetReport) => shareOf(budget) < LOW_FRACTION;

/** The remaining calls of each of Atlas's rate limits, by credential. */
export function Budgets({ budget }: { readonly budget: readonly BudgetReport[] }) {
  const shown =
    budget.length <= MAX_BUDGETS
      ? budget
      : budget.toSorted((one, other) => shareOf(one) - shareOf(other)).slice(0, MAX_BUDGETS);
  return (
    <Table
      id="budgets"
      caption="Atlas rate limits"
      columns={COLUMNS}
      rows={shown.map((one) => ({
        key: `${one.credential} ${one.endpointSet}`,
        cells: [
          one.endpointSet,
          <bdi>{one.credential}</bdi>,
          <>
            {count(one.remaining)} <small>of {count(one.capacity)}</small>
          </>,
          <div class="bar-cell">
            <Bar part={shareOf(one)} low={isLow(one)} />
            {isLow(one) ? <span class="tag bad">low</span> : null}
          </div>,
        ],
      }))}
      whenEmpty="No requests to Atlas yet."
      {...(budget.length > MAX_BUDGETS
        ? { more: `The ${MAX_BUDGETS} with the least left of ${count(budget.length)}.` }
        : {})}
    />
  );
}
