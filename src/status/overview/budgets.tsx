import { count } from '../format.ts';
import { Table } from '../layout.tsx';
import type { BudgetReport } from '../report.ts';
import { Bar, LOW_FRACTION } from './bar.tsx';

const isLow = ({ remaining, capacity }: BudgetReport) => remaining < capacity * LOW_FRACTION;

/** The remaining calls of each of Atlas's rate limits, by credential. */
export function Budgets({ budget }: { readonly budget: readonly BudgetReport[] }) {
  return (
    <Table
      id="budgets"
      caption="Atlas rate limits"
      columns={[
        { name: 'Endpoint set' },
        { name: 'Credential' },
        { name: 'Calls left', number: true },
        { name: 'Share left' },
      ]}
    >
      {budget.length === 0 ? (
        <tr data-key="none">
          <td class="empty" colspan={4}>
            No requests to Atlas yet.
          </td>
        </tr>
      ) : null}
      {budget.map((one) => (
        <tr data-key={`${one.credential} ${one.endpointSet}`}>
          <th scope="row">{one.endpointSet}</th>
          <td>{one.credential}</td>
          <td class="number">
            {count(one.remaining)} <small>of {count(one.capacity)}</small>
          </td>
          <td class="bar-cell">
            <Bar part={one.remaining / one.capacity} low={isLow(one)} />
            {isLow(one) ? <span class="tag bad">low</span> : null}
          </td>
        </tr>
      ))}
    </Table>
  );
}
