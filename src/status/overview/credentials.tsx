import { Moment } from '../ago.tsx';
import { count, duration } from '../format.ts';
import type { CredentialReport, StatusReport } from '../report.ts';
import { Table } from '../table.tsx';

const URGENT_DAYS = 3;
const SOON_DAYS = 30;
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

function Circuit({ since, time }: { readonly since: string | undefined; readonly time: string }) {
  if (since === undefined) return <span class="tag good">closed</span>;
  return (
    <>
      <span class="tag bad">open</span>{' '}
      <span class="faint">
        for <Moment at={since} text={duration((Date.parse(time) - Date.parse(since)) / 1_000)} />, probes once
        a second
      </span>
    </>
  );
}

/** The credentials, how long their secrets are valid, and whether Atlas is reachable with them. */
export function Credentials({ report: { credentials, time } }: { readonly report: StatusReport }) {
  return (
    <Table
      id="credentials"
      caption="Credentials"
      columns={[{ name: 'Credential' }, { name: 'Kind' }, { name: 'Secret' }, { name: 'Circuit' }]}
      rows={credentials.map(({ name, kind, circuitOpenSince, daysLeft, expires }) => ({
        key: name,
        cells: [
          <bdi>{name}</bdi>,
          KIND_NAMES[kind],
          <Expiry
            {...(daysLeft === undefined ? {} : { daysLeft })}
            {...(expires === undefined ? {} : { expires })}
          />,
          <span>
            <Circuit since={circuitOpenSince} time={time} />
          </span>,
        ],
      }))}
      whenEmpty="None."
    />
  );
}
