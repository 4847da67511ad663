import type { CachedListReport } from '../cached-lists.ts';
import { bytes, count, duration } from '../format.ts';
import { Table } from '../table.tsx';
import type { Focus } from './focus.ts';
import { OperationLink } from './links.tsx';
import { type Names, ProjectLink } from './project-name.tsx';

const MAX_LISTS = 200;
const COLUMNS = [
  { name: 'Operation' },
  { name: 'Project or organization' },
  { name: 'Items', number: true },
  { name: 'Size', number: true },
  { name: 'Age', number: true },
  { name: 'State' },
];

interface CachedListsProps {
  readonly lists: readonly CachedListReport[];
  readonly names: Names;
  readonly focus: Focus;
}

/** What is cached of the project or operation in focus, the oldest first. */
export function CachedLists({ lists, names, focus }: CachedListsProps) {
  const oldestFirst = lists.toSorted((one, other) => other.ageSeconds - one.ageSeconds);
  return (
    <Table
      id="cached"
      caption="Cached now"
      columns={COLUMNS}
      rows={oldestFirst.slice(0, MAX_LISTS).map((list, index) => ({
        key: `${index} ${list.operation}`,
        cells: [
          <OperationLink name={list.operation} focus={focus} />,
          <ProjectLink id={list.project} names={names} focus={focus} />,
          list.items === undefined ? '–' : count(list.items),
          bytes(list.bytes),
          duration(list.ageSeconds),
          <span class={list.isFresh ? 'tag good' : 'tag'}>{list.isFresh ? 'fresh' : 'stale'}</span>,
        ],
      }))}
      whenEmpty="Nothing."
      {...(lists.length > MAX_LISTS ? { more: `The ${MAX_LISTS} oldest of ${count(lists.length)}.` } : {})}
    />
  );
}
