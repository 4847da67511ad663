import { Trends } from '../chart.tsx';
import { type PageView, writeDocument } from '../layout.tsx';
import type { StatusReport } from '../report.ts';
import { Budgets } from './budgets.tsx';
import { Callers } from './callers.tsx';
import { Credentials } from './credentials.tsx';
import { Glance } from './glance.tsx';
import { MAX_PROJECTS, Projects } from './projects.tsx';
import { PurgeDialog } from './purge-dialog.tsx';
import { RecentErrors } from './recent-errors.tsx';

const REFRESH_MS = 3_000;

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
          <Credentials report={report} />
        </div>
        <Callers report={report} />
        <RecentErrors report={report} />
        <p class="foot">
          The same as JSON: <a href="/status.json">/status.json</a>. For Prometheus:{' '}
          <a href="/metrics">/metrics</a>.
        </p>
      </>
    ),
  });
}
