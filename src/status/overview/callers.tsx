import { count, percent, visible } from '../format.ts';
import { Table } from '../layout.tsx';
import type { StatusReport } from '../report.ts';

const MAX_CALLERS = 200;

/** The callers with the most requests, by name. */
export function Callers({ report }: { readonly report: StatusReport }) {
  const callers = report.callers
    .toSorted((one, other) => other.requests - one.requests)
    .slice(0, MAX_CALLERS)
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  return (
    <Table
      id="callers"
      caption="Callers"
      columns={[
        { name: 'Caller' },
        { name: 'Keys', number: true },
        { name: 'Requests', number: true },
        { name: 'From memory', number: true },
        { name: 'Requests to Atlas', number: true },
      ]}
    >
      {callers.length === 0 ? (
        <tr data-key="none">
          <td class="empty" colspan={5}>
            No requests yet.
          </td>
        </tr>
      ) : null}
      {callers.map(({ name, keys, requests, hits, upstreamCalls }) => (
        <tr data-key={name}>
          <th scope="row">{visible(name, 64)}</th>
          <td class="number">{count(keys)}</td>
          <td class="number">{count(requests)}</td>
          <td class="number">
            {count(hits)} <small>{percent(hits, requests)}</small>
          </td>
          <td class="number">{count(upstreamCalls)}</td>
        </tr>
      ))}
    </Table>
  );
}
