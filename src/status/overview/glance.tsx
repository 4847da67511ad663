import { Ago } from '../ago.tsx';
import { bytes, count, duration, visible } from '../format.ts';
import type { StatusReport } from '../report.ts';
import { Bar, LOW_FRACTION } from './bar.tsx';
import { type Health, healthOf } from './health.ts';
import { Loading } from './loading.tsx';

const HEALTH_TEXT: Readonly<Record<Health, string>> = {
  ok: '',
  stale: ', serving stale',
  failing: ', Atlas failing',
};

const RELOADED = { applied: 'reloaded', partial: 'reloaded in part', rejected: 'rejected' } as const;

/** The state of the gateway at one glance, with the outcome of the last reload. */
export function Glance({ report }: { readonly report: StatusReport }) {
  const { state, version, node, uptimeSeconds, inFlight, reload } = report;
  return (
    <section class="glance" aria-labelledby="state-title">
      <StateTitle report={report} />
      <p class="build">
        version {version}, Node {node.replace(/^v/, '')}, up for {duration(uptimeSeconds)}
      </p>
      {state === 'draining' ? (
        <p class="hint">
          The gateway is shutting down: it reports itself as not ready, finishes{' '}
          {inFlight === 1 ? 'one request' : `${count(inFlight)} requests`} and ends. This page then stays as
          it is.
        </p>
      ) : null}
      <Tiles report={report} />
      {reload === undefined ? null : <ReloadProblems reload={reload} />}
    </section>
  );
}

/** The heading of the page: the state of the gateway. */
export function StateTitle({ report }: { readonly report: StatusReport }) {
  const { state } = report;
  const health = healthOf(report);
  return (
    <h1 id="state-title">
      <span id="state" class={`badge ${state} ${health}`} data-state={state}>
        {state}
        {HEALTH_TEXT[health]}
      </span>
      <span class="unseen"> atlas-gateway</span>
    </h1>
  );
}

function Tiles({ report }: { readonly report: StatusReport }) {
  const { requests, inFlight, inFlightLimit, cache, reload, time } = report;
  return (
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
      <Loading report={report} />
      <div>
        <dt>Configuration</dt>
        <dd>{reload === undefined ? 'unchanged' : RELOADED[reload.outcome]}</dd>
        <dd class="more">{reload === undefined ? 'since the start' : <Ago at={reload.at} now={time} />}</dd>
      </div>
    </dl>
  );
}

function ReloadProblems({ reload }: { readonly reload: NonNullable<StatusReport['reload']> }) {
  const { outcome, problems } = reload;
  if (problems.length === 0) return null;
  return (
    <div class={outcome === 'applied' ? 'hint' : 'problem'}>
      <p>
        {outcome === 'rejected'
          ? 'The changed configuration is invalid; the previous one stays in force:'
          : 'The changed configuration is in force, except for:'}
      </p>
      <ul>
        {problems.map((problem) => (
          <li>{visible(problem)}</li>
        ))}
      </ul>
    </div>
  );
}
