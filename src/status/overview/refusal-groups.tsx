import { Ago } from '../ago.tsx';
import { count, visible } from '../format.ts';
import type { StatusReport } from '../report.ts';
import { Table } from '../table.tsx';
import type { Focus } from './focus.ts';
import { CallerLink, OperationLink } from './links.tsx';

const MAX_GROUPS = 50;
const COLUMNS = [
  { name: 'Code', mono: true },
  { name: 'Status', number: true },
  { name: 'Caller' },
  { name: 'Operation' },
  { name: 'Requests', number: true },
  { name: 'Last' },
];

interface RefusalGroupsProps {
  readonly groups: StatusReport['refusalGroups'];
  readonly time: string;
  readonly focus: Focus;
}

/** The errors since the start, counted by code, caller and operation. */
export function RefusalGroups({ groups, time, focus }: RefusalGroupsProps) {
  return (
    <Table
      id="refusal-groups"
      caption="Errors since the start"
      columns={COLUMNS}
      rows={groups.slice(0, MAX_GROUPS).map(({ code, status, caller, operation, requests, lastAt }) => ({
        key: `${code} ${operation} ${caller}`,
        cells: [
          visible(code, 64),
          <span class={status >= 500 ? 'tag bad' : 'tag'}>{status}</span>,
          <CallerLink name={caller} focus={focus} />,
          <OperationLink name={operation} focus={focus} />,
          count(requests),
          <Ago at={lastAt} now={time} />,
        ],
      }))}
      whenEmpty="None since the start."
      {...(groups.length > MAX_GROUPS
        ? {
            more: `The ${MAX_GROUPS} most frequent of ${count(groups.length)}; narrow the page down to see others.`,
          }
        : {})}
    />
  );
}
