import { Ago } from '../ago.tsx';
import { bytes, count, duration, percent, visible } from '../format.ts';
import type { ProjectReport, StatusReport } from '../report.ts';
import { type Row, Table } from '../table.tsx';
import type { Focus } from './focus.ts';
import { LeftOut } from './left-out.tsx';
import { ACROSS, type Names, ProjectLink, projectText } from './project-name.tsx';

/** Keeps the page fast to render and readable; /status.json contains all projects. */
export const MAX_PROJECTS = 100;

const COLUMNS = [
  { name: 'Project or organization' },
  { name: 'Lists', number: true },
  { name: 'Items', number: true },
  { name: 'Oldest', number: true },
  { name: 'Size', number: true },
  { name: 'Requests', number: true },
  { name: 'From memory', number: true },
  { name: 'Private links', number: true },
  { name: 'Last error' },
  { name: 'Purge', unseen: true },
];

interface ProjectsProps {
  readonly report: StatusReport;
  /** Those to show, in the order of the report. */
  readonly projects: readonly ProjectReport[];
  readonly names: Names;
  readonly focus: Focus;
}

/** The projects in the order of the report, with buttons to purge them. */
export function Projects({ report, projects, names, focus }: ProjectsProps) {
  const failing = new Set(report.failing.map(({ project }) => project));
  const shown = new Set(mostUrgent(projects, failing));
  const rows = projects
    .filter((project) => shown.has(project))
    .map((project) =>
      rowOf(project, { time: report.time, isFailing: failing.has(project.id), names, focus }),
    );
  return (
    <Table
      id="projects"
      caption="Projects"
      note={
        <button type="button" class="needs-script" data-purge="">
          Purge…
        </button>
      }
      columns={COLUMNS}
      rows={rows}
      whenEmpty="No project was read yet: a project appears here after its first request."
      {...(projects.length > MAX_PROJECTS
        ? { more: <LeftOut shown={`${MAX_PROJECTS} most requested and failing`} total={projects.length} /> }
        : {})}
    />
  );
}

/** Those that fail, then the most requested. */
function mostUrgent(
  projects: readonly ProjectReport[],
  failing: ReadonlySet<string>,
): readonly ProjectReport[] {
  if (projects.length <= MAX_PROJECTS) return projects;
  const urgency = ({ id }: ProjectReport) => Number(failing.has(id));
  return projects
    .toSorted((one, other) => urgency(other) - urgency(one) || other.requests - one.requests)
    .slice(0, MAX_PROJECTS);
}

interface RowContext {
  readonly time: string;
  readonly isFailing: boolean;
  readonly names: Names;
  readonly focus: Focus;
}

function rowOf(project: ProjectReport, { time, isFailing, names, focus }: RowContext): Row {
  const { id, listings, items, requests, hits, lastError } = project;
  return {
    key: id,
    cells: [
      <ProjectLink id={id} names={names} focus={focus} />,
      count(listings),
      count(items),
      <Oldest project={project} isFailing={isFailing} />,
      bytes(project.bytes),
      count(requests),
      percent(hits, requests),
      <Connections id={id} connections={project.privateLinkConnections} />,
      <LastError lastError={lastError} time={time} />,
      id === ACROSS ? null : (
        <button type="button" class="small needs-script" data-purge={id}>
          Purge<span class="unseen"> project {projectText(id, names)}</span>…
        </button>
      ),
    ],
  };
}

/** The age of the oldest list. It is marked if lists are no longer fresh, and marked as a problem if Atlas does not renew them. */
function Oldest({ project, isFailing }: { readonly project: ProjectReport; readonly isFailing: boolean }) {
  const { listings, staleListings, oldestSeconds } = project;
  if (listings === 0) return <>–</>;
  return (
    <>
      {duration(oldestSeconds)}
      {staleListings === 0 ? null : (
        <>
          {' '}
          <span class={isFailing ? 'tag warn' : 'tag'}>
            {staleListings === listings ? 'stale' : `${count(staleListings)} stale`}
          </span>
        </>
      )}
    </>
  );
}

function LastError({
  lastError,
  time,
}: {
  readonly lastError: ProjectReport['lastError'];
  readonly time: string;
}) {
  if (lastError === undefined) return <span class="faint">none</span>;
  const { at, code, operation } = lastError;
  return (
    <span class="nowrap" title={operation}>
      <span class="mono">{visible(code, 64)}</span>{' '}
      <span class="faint">
        <Ago at={at} now={time} />
      </span>
    </span>
  );
}

function Connections({
  id,
  connections,
}: {
  readonly id: string;
  readonly connections: ProjectReport['privateLinkConnections'];
}) {
  if (connections === undefined) return <span class="faint">–</span>;
  const { total, failed } = connections;
  return (
    <>
      <a href={`/projects/${id}/private-link-connections`}>
        {count(total)}
        <span class="unseen"> private link connections of {visible(id, 64)}</span>
      </a>
      {failed === 0 ? null : <span class="tag bad links-failed">{count(failed)} failed</span>}
    </>
  );
}
