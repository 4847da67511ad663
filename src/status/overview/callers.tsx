import { count, percent } from '../format.ts';
import type { CallerReport } from '../report.ts';
import { Table } from '../table.tsx';
import type { Focus } from './focus.ts';
import { LeftOut } from './left-out.tsx';
import { CallerLink } from './links.tsx';

/** Keeps the page fast to render and readable; /status.json contains all callers. */
const MAX_CALLERS = 100;
const COLUMNS = [
  { name: 'Caller' },
  { name: 'Keys', number: true },
  { name: 'Requests', number: true },
  { name: 'From memory', number: true },
  { name: 'Requests to Atlas', number: true },
];

/** The callers with the most requests, by name. */
export function Callers({
  callers,
  focus,
}: {
  readonly callers: readonly CallerReport[];
  readonly focus: Focus;
}) {
  const shown = callers
    .toSorted((one, other) => other.requests - one.requests)
    .slice(0, MAX_CALLERS)
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  return (
    <Table
      id="callers"
      caption="Callers"
      columns={COLUMNS}
      rows={shown.map(({ name, keys, requests, hits, upstreamCalls }) => ({
        key: name,
        cells: [
          <CallerLink name={name} focus={focus} />,
          count(keys),
          count(requests),
          <>
            {count(hits)} <small>{percent(hits, requests)}</small>
          </>,
          count(upstreamCalls),
        ],
      }))}
      whenEmpty="No requests yet."
      {...(callers.length > MAX_CALLERS
        ? { more: <LeftOut shown={`${MAX_CALLERS} with the most requests`} total={callers.length} /> }
        : {})}
    />
  );
}
