import type { CachedListReport } from '../cached-lists.ts';

import { type PageView, writeDocument } from '../layout.tsx';
import type { StatusReport } from '../report.ts';
import { Trends } from '../trends.tsx';
import { Budgets } from './budgets.tsx';
import { CachedLists } from './cached-lists.tsx';
import { Callers } from './callers.tsx';
import { Credentials } from './credentials.tsx';
import { type Focus, inFocus, isFocused } from './focus.ts';
import { FocusBar } from './focus-bar.tsx';
import { Glance, StateTitle } from './glance.tsx';
import { healthOf } from './health.ts';
import type { Names } from './project-name.tsx';
import { MAX_PROJECTS, Projects } from './projects.tsx';
import { PurgeDialog } from './purge-dialog.tsx';
import { RecentErrors } from './recent-errors.tsx';
import { RefusalGroups } from './refusal-groups.tsx';
import { Trouble } from './trouble.tsx';
import { Usages } from './usages.tsx';

const REFRESH_MS = 3_000;
const MAX_USAGES = 15;
const MAX_FOCUSED_USAGES = 200;

export interface StatusPageContent {
  readonly report: StatusReport;
  /** Operation ids that can be purged. */
  readonly operations: readonly string[];
  readonly focus: Focus;
  /** The cached lists of the project or operation in focus. */
  readonly lists: readonly CachedListReport[];
}

interface SectionsProps extends Omit<StatusPageContent, 'operations'> {
  readonly names: Names;
}

/** Renders the status page. */
export function writeStatusPage(content: StatusPageContent, view: PageView): string {
  const { report, operations, focus, lists } = content;
  const names: Names = new Map(
    report.projects.flatMap(({ id, name }) => (name === undefined ? [] : [[id, name]])),
  );
  const shown = { report, focus, lists, names };
  return writeDocument({
    title: titleOf(report),
    view,
    refreshMs: REFRESH_MS,
    after: (
      <PurgeDialog operations={operations} projects={report.projects.slice(0, MAX_PROJECTS)} names={names} />
    ),
    children: (
      <>
        <p class="hint without-script">
          Without JavaScript this page does not refresh itself: reload it for current data. To purge lists,
          use <code>curl -X POST -d &#39;{'{}'}&#39;</code> with <code>/cache/purge</code> on this address.
        </p>
        <Trouble report={report} names={names} focus={focus} />
        {isFocused(focus) ? <FocusedSections {...shown} /> : <AllSections {...shown} />}
        <p class="foot">
          The same as JSON: <a href="/status.json">/status.json</a>. For Prometheus:{' '}
          <a href="/metrics">/metrics</a>.
        </p>
      </>
    ),
  });
}

/** The most urgent first, since a tab shows only the beginning. */
function titleOf(report: StatusReport): string {
  if (report.state !== 'ready') return `${report.state}: atlas-gateway`;
  const health = healthOf(report);
  return health === 'ok' ? 'atlas-gateway' : `${health}: atlas-gateway`;
}

function AllSections({ report, names, focus }: SectionsProps) {
  return (
    <>
      <Glance report={report} />
      <section aria-labelledby="trends-title">
        <h2 id="trends-title" class="unseen">
          The last hour
        </h2>
        <Trends trend={report.trend} />
      </section>
      <Projects report={report} projects={report.projects} names={names} focus={focus} />
      <div class="columns">
        <Budgets budget={report.budget} />
        <Credentials report={report} />
      </div>
      <Callers callers={report.callers} focus={focus} />
      <Usages usages={report.usage} max={MAX_USAGES} names={names} focus={focus} />
      <RefusalGroups groups={report.refusalGroups} time={report.time} focus={focus} />
      <RecentErrors refusals={report.refusals} time={report.time} names={names} focus={focus} />
    </>
  );
}

/** What concerns the project, caller or operation in focus. */
function FocusedSections({ report, lists, names, focus }: SectionsProps) {
  const usages = report.usage.filter((usage) => inFocus(focus, usage));
  const { project, caller, operation } = focus;
  const used = {
    projects: new Set(usages.map((one) => one.project)),
    callers: new Set(usages.map((one) => one.caller)),
  };
  const projects = report.projects.filter(({ id }) =>
    project === undefined ? used.projects.has(id) : id === project,
  );
  const callers = report.callers.filter(({ name }) =>
    caller === undefined ? used.callers.has(name) : name === caller,
  );
  return (
    <>
      <div class="focus">
        <StateTitle report={report} />
        <FocusBar focus={focus} names={names} />
      </div>
      <Projects report={report} projects={projects} names={names} focus={focus} />
      <Usages usages={usages} max={MAX_FOCUSED_USAGES} names={names} focus={focus} />
      {project === undefined && operation === undefined ? null : (
        <CachedLists lists={lists} names={names} focus={focus} />
      )}
      <Callers callers={callers} focus={focus} />
      {project === undefined ? (
        <RefusalGroups
          groups={report.refusalGroups.filter((group) => inFocus(focus, group))}
          time={report.time}
          focus={focus}
        />
      ) : null}
      <RecentErrors
        refusals={report.refusals.filter((refusal) => inFocus(focus, refusal))}
        time={report.time}
        names={names}
        focus={focus}
      />
    </>
  );
}
