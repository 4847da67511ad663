import { ago, visible } from '../format.ts';
import { Ago, Table } from '../layout.tsx';
import type { StatusReport } from '../report.ts';
import { projectName } from './project-name.ts';

/** The latest requests that were answered with an error. */
export function RecentErrors({ report }: { readonly report: StatusReport }) {
  const { refusals, time } = report;
  const dash = <span class="faint">–</span>;
  return (
    <Table
      id="refusals"
      caption="Recent errors"
      columns={[
        { name: 'When', number: true },
        { name: 'Status', number: true },
        { name: 'Code' },
        { name: 'Caller' },
        { name: 'Operation' },
        { name: 'Project' },
        { name: 'Reason' },
      ]}
    >
      {refusals.length === 0 ? (
        <tr>
          <td class="empty" colspan={7}>
            None since the start.
          </td>
        </tr>
      ) : null}
      {refusals.map(({ at, caller, operation, project, status, code, reason }) => (
        <tr>
          <td class="number">
            <Ago at={at} text={ago(at, time)} />
          </td>
          <td class="number">
            <span class={status >= 500 ? 'tag bad' : 'tag'}>{status}</span>
          </td>
          <td class="mono">{code === undefined ? dash : visible(code, 64)}</td>
          <td>{caller === undefined ? dash : visible(caller, 64)}</td>
          <td>{operation ?? dash}</td>
          <td class="mono">{project === undefined ? dash : projectName(project)}</td>
          <td>{reason === undefined ? dash : visible(reason)}</td>
        </tr>
      ))}
    </Table>
  );
}
