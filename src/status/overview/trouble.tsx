import { Moment } from '../ago.tsx';
import type { FailingReport } from '../failing-report.ts';
import { count, duration, visible } from '../format.ts';
import type { StatusReport } from '../report.ts';
import type { Focus } from './focus.ts';
import { failureText, healthOf, mainCode } from './health.ts';
import { OperationLink } from './links.tsx';
import { type Names, ProjectLink } from './project-name.tsx';

const MAX_LISTED = 5;

/** The banner that says what fails, since when, what is served meanwhile and when Atlas is asked again; nothing while all is well. */
export function Trouble({
  report,
  names,
  focus,
}: {
  readonly report: StatusReport;
  readonly names: Names;
  readonly focus: Focus;
}) {
  const { failing } = report;
  const [first] = failing;
  if (first === undefined) return null;
  const health = healthOf(report);
  return (
    <section id="trouble" class={`trouble ${health}`} aria-labelledby="trouble-title">
      <h2 id="trouble-title">
        {failureText(visible(mainCode(failing), 64))} since <Since at={first.since} now={report.time} />;{' '}
        {servedText(failing)}; {attemptText(report)}.
      </h2>
      <ul>
        {failing.slice(0, MAX_LISTED).map((list) => (
          <li data-key={`${list.operation} ${list.project}`}>
            <OperationLink name={list.operation} focus={focus} /> of{' '}
            <ProjectLink id={list.project} names={names} focus={focus} />:{' '}
            <span class="mono">{visible(list.code, 64)}</span>, {listText(list)}
          </li>
        ))}
        {failing.length > MAX_LISTED ? <li>and {count(failing.length - MAX_LISTED)} more</li> : null}
      </ul>
    </section>
  );
}

function listText({ servedSeconds, failsRequests }: FailingReport): string {
  if (servedSeconds === undefined) return 'requests fail';
  const served = `served from ${duration(servedSeconds)} ago`;
  return failsRequests ? `some requests fail, others are ${served}` : served;
}

/** The time of day in UTC, with the date if it is not today. */
function Since({ at, now }: { readonly at: string; readonly now: string }) {
  const today = at.slice(0, 10) === now.slice(0, 10);
  return <Moment at={at} text={`${today ? '' : `${at.slice(0, 10)} `}${at.slice(11, 16)} UTC`} />;
}

function servedText(failing: readonly FailingReport[]): string {
  const ages = failing.flatMap(({ servedSeconds }) => (servedSeconds === undefined ? [] : [servedSeconds]));
  const unserved = failing.filter(({ failsRequests }) => failsRequests).length;
  const served = `serving lists up to ${duration(Math.max(...ages))} old`;
  if (unserved === 0) return served;
  const failures =
    unserved === 1 ? 'requests for one list fail' : `requests for ${count(unserved)} lists fail`;
  return ages.length === 0 ? failures : `${served}, and ${failures}`;
}

function attemptText({ failing, credentials }: StatusReport): string {
  if (credentials.some(({ circuitOpen }) => circuitOpen)) return 'Atlas is probed once a second';
  const seconds = Math.min(...failing.map(({ nextAttemptSeconds }) => nextAttemptSeconds));
  return seconds === 0 ? 'the next request tries again' : `next attempt in ${duration(seconds)}`;
}
