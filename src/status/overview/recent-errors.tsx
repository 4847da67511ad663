import { Ago } from '../ago.tsx';
import { visible } from '../format.ts';
import type { StatusReport } from '../report.ts';
import { Table } from '../table.tsx';
import type { Focus } from './focus.ts';
import { CallerLink, OperationLink } from './links.tsx';
import { type Names, ProjectLink } from './project-name.tsx';

const COLUMNS = [
  { name: 'When' },
  { name: 'Status', number: true },
  { name: 'Code', mono: true },
  { name: 'Caller' },
  { name: 'Operation' },
  { name: 'Project' },
  { name: 'Reason' },
];

interface RecentErrorsProps {
  readonly refusals: StatusReport['refusals'];
  readonly time: string;
  readonly names: Names;
  readonly focus: Focus;
}

/** The latest requests that were answered with an error. */
export function RecentErrors({ refusals, time, names, focus }: RecentErrorsProps) {
  const dash = <span class="faint">–</span>;
  return (
    <Table
      id="refusals"
      caption="Recent errors"
      columns={COLUMNS}
      rows={refusals.map(({ at, caller, operation, project, status, code, reason }, index) => ({
        key: String(index),
        cells: [
          <Ago at={at} now={time} />,
          <span class={status >= 500 ? 'tag bad' : 'tag'}>{status}</span>,
          code === undefined ? dash : visible(code, 64),
          <CallerLink name={caller} focus={focus} />,
          <OperationLink name={operation} focus={focus} />,
          project === undefined ? dash : <ProjectLink id={project} names={names} focus={focus} />,
          reason === undefined ? dash : visible(reason),
        ],
      }))}
      whenEmpty="None since the start."
    />
  );
}
