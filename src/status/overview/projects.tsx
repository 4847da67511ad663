import { ago, bytes, count, duration, percent, visible } from '../format.ts';
import { Ago, Table } from '../layout.tsx';
import type { ProjectReport, StatusReport } from '../report.ts';
import { ACROSS, projectName } from './project-name.ts';

/** Keeps the page fast to render and readable; /status.json contains all projects. */
export const MAX_PROJECTS = 200;

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

/** The projects in the order of the report, with buttons to purge them. */
export function Projects({ report }: { readonly report: StatusReport }) {
  const { projects, time } = report;
  const shown = new Set(mostRequested(projects));
  const note = (
    <button type="button" class="needs-script" data-purge="">
      Purge…
    </button>
  );
  return (
    <Table id="projects" caption="Projects" note={note} columns={COLUMNS}>
      {projects.length === 0 ? (
        <tr data-key="none">
          <td class="empty" colspan={COLUMNS.length}>
            No project was read yet: a project appears here after its first request.
          </td>
        </tr>
      ) : null}
      {projects
        .filter((project) => shown.has(project))
        .map((project) => (
          <ProjectRow project={project} time={time} />
        ))}
      {projects.length > MAX_PROJECTS ? (
        <tr data-key="more">
          <td class="empty" colspan={COLUMNS.length}>
            The {MAX_PROJECTS} most requested of {count(projects.length)}; all of them are in{' '}
            <a href="/status.json">/status.json</a>.
          </td>
        </tr>
      ) : null}
    </Table>
  );
}

const mostRequested = (projects: readonly ProjectReport[]): readonly ProjectReport[] =>
  projects.length <= MAX_PROJECTS
    ? projects
    : projects.toSorted((one, other) => other.requests - one.requests).slice(0, MAX_PROJECTS);

function ProjectRow({ project, time }: { readonly project: ProjectReport; readonly time: string }) {
  const { id, listings, items, oldestSeconds, requests, hits, lastError } = project;
  return (
    <tr data-key={id}>
      <th scope="row" class={id === ACROSS ? undefined : 'mono'}>
        {projectName(id)}
      </th>
      <td class="number">{count(listings)}</td>
      <td class="number">{count(items)}</td>
      <td class="number">{listings === 0 ? '–' : duration(oldestSeconds)}</td>
      <td class="number">{bytes(project.bytes)}</td>
      <td class="number">{count(requests)}</td>
      <td class="number">{percent(hits, requests)}</td>
      <td class="number">
        <Connections id={id} connections={project.privateLinkConnections} />
      </td>
      <td class="nowrap">
        {lastError === undefined ? (
          <span class="faint">none</span>
        ) : (
          <>
            <span class="mono">{visible(lastError.code, 64)}</span>{' '}
            <span class="faint">
              <Ago at={lastError.at} text={ago(lastError.at, time)} />
            </span>
          </>
        )}
      </td>
      <td>
        {id === ACROSS ? null : (
          <button type="button" class="small needs-script" data-purge={id}>
            Purge<span class="unseen"> project {projectName(id)}</span>…
          </button>
        )}
      </td>
    </tr>
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
        <span class="unseen"> private link connections of {projectName(id)}</span>
      </a>
      {failed === 0 ? null : <span class="tag bad">{count(failed)} failed</span>}
    </>
  );
}
