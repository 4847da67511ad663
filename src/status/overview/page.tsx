import { Trends } from '../chart.tsx';
import { bytes, count, duration, percent, visible } from '../format.ts';
import { Ago, type PageView, Table, writeDocument } from '../layout.tsx';
import type { BudgetReport, CredentialReport, ProjectReport, StatusReport } from '../report.ts';

const REFRESH_MS = 3_000;
/** Keeps the page fast to render and readable; /status.json contains all projects. */
const MAX_PROJECTS = 200;
const MAX_CALLERS = 200;
const URGENT_DAYS = 3;
const SOON_DAYS = 30;
const LOW_FRACTION = 0.25;
const ACROSS = '-';

const secondsSince = (at: string, now: string) => (Date.parse(now) - Date.parse(at)) / 1_000;
const ago = (at: string, now: string) => `${duration(secondsSince(at, now))} ago`;
const nameOf = (id: string) => (id === ACROSS ? 'across projects' : visible(id, 64));

/** A bar for a ratio; hidden from screen readers because the number is next to it. */
function Bar({ part, low = false }: { readonly part: number; readonly low?: boolean }) {
  const width = Math.max(0, Math.min(100, Math.round(part * 1_000) / 10));
  return (
    <svg class={low ? 'bar low' : 'bar'} viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      <rect class="bar-all" width="100" height="6" />
      <rect class="bar-part" width={String(width)} height="6" />
    </svg>
  );
}

function Glance({ report }: { readonly report: StatusReport }) {
  const { state, version, node, uptimeSeconds, requests, inFlight, inFlightLimit, cache, reload, time } =
    report;
  return (
    <section class="glance" aria-labelledby="state-title">
      <h1 id="state-title">
        <span class={`badge ${state}`}>{state}</span>
        <span class="unseen"> atlas-gateway</span>
      </h1>
      <p class="build">
        version {version}, Node {node.replace(/^v/, '')}, up for {duration(uptimeSeconds)}
      </p>
      <dl class="tiles">
        <div>
          <dt>Requests</dt>
          <dd>{count(requests)}</dd>
          <dd class="more">since the start</dd>
        </div>
        <div>
          <dt>In flight</dt>
          <dd>
            {count(inFlight)} <small>of {count(inFlightLimit)}</small>
          </dd>
          <dd class="more">
            <Bar part={inFlight / inFlightLimit} low={inFlight > inFlightLimit * (1 - LOW_FRACTION)} />
          </dd>
        </div>
        <div>
          <dt>Memory</dt>
          <dd>
            {bytes(cache.bytes)} <small>of {bytes(cache.maxBytes)}</small>
          </dd>
          <dd class="more">
            <Bar part={cache.bytes / cache.maxBytes} />
          </dd>
        </div>
        <div>
          <dt>Cached lists</dt>
          <dd>{count(cache.listings)}</dd>
          <dd class="more">{count(cache.loading)} loading</dd>
        </div>
        <div>
          <dt>Configuration</dt>
          <dd>
            {reload === undefined ? 'unchanged' : reload.outcome === 'applied' ? 'reloaded' : 'rejected'}
          </dd>
          <dd class="more">
            {reload === undefined ? 'since the start' : <Ago at={reload.at} text={ago(reload.at, time)} />}
          </dd>
        </div>
      </dl>
      {reload === undefined || reload.problems.length === 0 ? null : (
        <div class={reload.outcome === 'rejected' ? 'problem' : 'hint'}>
          <p>
            {reload.outcome === 'rejected'
              ? 'The changed configuration is invalid; the previous one stays in force:'
              : 'The changed configuration is in force, except for:'}
          </p>
          <ul>
            {reload.problems.map((problem) => (
              <li>{visible(problem)}</li>
            ))}
          </ul>
        </div>
      )}
    </section>
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
        <span class="unseen"> private link connections of {nameOf(id)}</span>
      </a>
      {failed === 0 ? null : <span class="tag bad">{count(failed)} failed</span>}
    </>
  );
}

function Projects({ report }: { readonly report: StatusReport }) {
  const { projects, time } = report;
  const shown = new Set(
    projects.length <= MAX_PROJECTS
      ? projects
      : projects.toSorted((one, other) => other.requests - one.requests).slice(0, MAX_PROJECTS),
  );
  const note = (
    <button type="button" class="needs-script" data-purge="">
      Purge…
    </button>
  );
  const columns = [
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
  return (
    <Table id="projects" caption="Projects" note={note} columns={columns}>
      {projects.length === 0 ? (
        <tr data-key="none">
          <td class="empty" colspan={columns.length}>
            No project was read yet: a project appears here after its first request.
          </td>
        </tr>
      ) : null}
      {projects
        .filter((project) => shown.has(project))
        .map((project) => {
          const { id, listings, items, oldestSeconds, requests, hits, lastError } = project;
          return (
            <tr data-key={id}>
              <th scope="row" class={id === ACROSS ? undefined : 'mono'}>
                {nameOf(id)}
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
                    Purge<span class="unseen"> project {nameOf(id)}</span>…
                  </button>
                )}
              </td>
            </tr>
          );
        })}
      {projects.length > MAX_PROJECTS ? (
        <tr data-key="more">
          <td class="empty" colspan={columns.length}>
            The {MAX_PROJECTS} most requested of {count(projects.length)}; all of them are in{' '}
            <a href="/status.json">/status.json</a>.
          </td>
        </tr>
      ) : null}
    </Table>
  );
}

const isLow = ({ remaining, capacity }: BudgetReport) => remaining < capacity * LOW_FRACTION;

function Budgets({ budget }: { readonly budget: readonly BudgetReport[] }) {
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

const KIND_NAMES = { 'service-account': 'service account', 'api-key': 'API key' } as const;

function Expiry({ daysLeft, expires }: Pick<CredentialReport, 'daysLeft' | 'expires'>) {
  if (daysLeft === undefined || expires === undefined) return <span class="faint">unknown</span>;
  const day = expires.slice(0, 10);
  const text =
    daysLeft < 0 ? `expired ${day}` : daysLeft === 1 ? '1 day left' : `${count(daysLeft)} days left`;
  const tag = daysLeft <= URGENT_DAYS ? 'tag bad' : daysLeft <= SOON_DAYS ? 'tag warn' : undefined;
  return (
    <time datetime={day} title={day} class={tag}>
      {text}
    </time>
  );
}

function Credentials({ credentials }: { readonly credentials: readonly CredentialReport[] }) {
  return (
    <Table
      id="credentials"
      caption="Credentials"
      columns={[{ name: 'Credential' }, { name: 'Kind' }, { name: 'Secret' }, { name: 'Circuit' }]}
    >
      {credentials.map(({ name, kind, circuitOpen, daysLeft, expires }) => (
        <tr data-key={name}>
          <th scope="row">{name}</th>
          <td>{KIND_NAMES[kind]}</td>
          <td>
            <Expiry
              {...(daysLeft === undefined ? {} : { daysLeft })}
              {...(expires === undefined ? {} : { expires })}
            />
          </td>
          <td>{circuitOpen ? <span class="tag bad">open</span> : <span class="tag good">closed</span>}</td>
        </tr>
      ))}
    </Table>
  );
}

function Callers({ report }: { readonly report: StatusReport }) {
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

function Refusals({ report }: { readonly report: StatusReport }) {
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
          <td class="mono">{project === undefined ? dash : nameOf(project)}</td>
          <td>{reason === undefined ? dash : visible(reason)}</td>
        </tr>
      ))}
    </Table>
  );
}

/** Confirms a purge. The script preselects the project of the button that opened it. */
function PurgeDialog({
  operations,
  projects,
}: {
  readonly operations: readonly string[];
  readonly projects: readonly ProjectReport[];
}) {
  return (
    <dialog id="purge" aria-labelledby="purge-title">
      <form method="dialog" id="purge-form">
        <h2 id="purge-title">Purge lists</h2>
        <label>
          Project or organization
          <select name="project">
            <option value="">all</option>
            {projects
              .filter(({ id }) => id !== ACROSS)
              .map(({ id }) => (
                <option value={id}>{nameOf(id)}</option>
              ))}
          </select>
        </label>
        <label>
          Lists
          <select name="operation">
            <option value="">all</option>
            {operations.map((id) => (
              <option value={id}>{id}</option>
            ))}
          </select>
        </label>
        <label class="check">
          <input type="checkbox" name="soft" />
          <span>Mark stale instead: reload at the next use, serve the cached lists if Atlas fails</span>
        </label>
        <p id="purge-says" class="hint" aria-live="polite" />
        <div class="buttons">
          <button type="submit" value="cancel" formnovalidate>
            Cancel
          </button>
          <button type="submit" value="purge" class="danger">
            Purge
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** Renders the status page. */
export function writeStatusPage(
  { report, operations }: { readonly report: StatusReport; readonly operations: readonly string[] },
  view: PageView,
): string {
  return writeDocument({
    title: report.state === 'ready' ? 'atlas-gateway' : `${report.state}: atlas-gateway`,
    view,
    refreshMs: REFRESH_MS,
    after: <PurgeDialog operations={operations} projects={report.projects.slice(0, MAX_PROJECTS)} />,
    children: (
      <>
        <p class="hint without-script">
          Without JavaScript this page does not refresh itself: reload it for current data. To purge lists,
          use <code>curl -X POST -d &#39;{'{}'}&#39;</code> with <code>/cache/purge</code> on this address.
        </p>
        <Glance report={report} />
        <section aria-labelledby="trends-title">
          <h2 id="trends-title" class="unseen">
            The last hour
          </h2>
          <Trends trend={report.trend} />
        </section>
        <Projects report={report} />
        <div class="columns">
          <Budgets budget={report.budget} />
          <Credentials credentials={report.credentials} />
        </div>
        <Callers report={report} />
        <Refusals report={report} />
        <p class="foot">
          The same as JSON: <a href="/status.json">/status.json</a>. For Prometheus:{' '}
          <a href="/metrics">/metrics</a>.
        </p>
      </>
    ),
  });
}
