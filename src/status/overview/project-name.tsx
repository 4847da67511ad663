import { visible } from '../format.ts';
import { addressOf, type Focus } from './focus.ts';

/** The id of the lists across projects in reports. */
export const ACROSS = '-';

/** Names of projects and organizations by id, as far as they are known. */
export type Names = ReadonlyMap<string, string>;

/** The name of a project or organization in running text: its name, if known, and its id. */
export function projectText(id: string, names: Names): string {
  if (id === ACROSS) return 'across projects';
  const name = names.get(id);
  return name === undefined ? visible(id, 64) : `${visible(name, 64)} (${visible(id, 64)})`;
}

/** A project or organization as a link that narrows the page down to it. */
export function ProjectLink({
  id,
  names,
  focus,
}: {
  readonly id: string;
  readonly names: Names;
  readonly focus: Focus;
}) {
  const name = names.get(id);
  const href = addressOf({ ...focus, project: id });
  if (id === ACROSS) return <a href={href}>across projects</a>;
  if (name === undefined)
    return (
      <a href={href} class="mono">
        {visible(id, 64)}
      </a>
    );
  return (
    <>
      <a href={href}>
        <bdi>{visible(name, 64)}</bdi>
      </a>{' '}
      <span class="mono faint id">{visible(id, 64)}</span>
    </>
  );
}
