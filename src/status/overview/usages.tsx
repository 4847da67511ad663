import { count, percent } from '../format.ts';
import type { StatusReport } from '../report.ts';
import { Table } from '../table.tsx';
import type { Focus } from './focus.ts';
import { CallerLink, OperationLink } from './links.tsx';
import { type Names, ProjectLink } from './project-name.tsx';

const COLUMNS = [
  { name: 'Operation' },
  { name: 'Project or organization' },
  { name: 'Caller' },
  { name: 'Requests', number: true },
  { name: 'From memory', number: true },
  { name: 'Failed', number: true },
];

interface UsagesProps {
  readonly usages: StatusReport['usage'];
  /** How many rows to show. */
  readonly max: number;
  readonly names: Names;
  readonly focus: Focus;
}

/** Who reads what: requests by operation, project and caller, the most frequent first. */
export function Usages({ usages, max, names, focus }: UsagesProps) {
  return (
    <Table
      id="usages"
      caption="Reads"
      columns={COLUMNS}
      rows={usages.slice(0, max).map(({ caller, operation, project, requests, hits, errors }) => ({
        key: `${operation} ${project} ${caller}`,
        cells: [
          <OperationLink name={operation} focus={focus} />,
          <ProjectLink id={project} names={names} focus={focus} />,
          <CallerLink name={caller} focus={focus} />,
          count(requests),
          percent(hits, requests),
          errors === 0 ? <span class="faint">0</span> : <span class="tag bad">{count(errors)}</span>,
        ],
      }))}
      whenEmpty="No requests yet."
      {...(usages.length > max
        ? {
            more: `The ${count(max)} most frequent of ${count(usages.length)}; narrow the page down to see others.`,
          }
        : {})}
    />
  );
}
