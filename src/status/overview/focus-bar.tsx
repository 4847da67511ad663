import { visible } from '../format.ts';
import { addressOf, type Focus } from './focus.ts';
import { type Names, projectText } from './project-name.tsx';

/** Says what the page is narrowed down to, with links that widen it again. */
export function FocusBar({ focus, names }: { readonly focus: Focus; readonly names: Names }) {
  const { project, caller, operation } = focus;
  const { project: _project, ...otherThanProject } = focus;
  const { caller: _caller, ...otherThanCaller } = focus;
  const { operation: _operation, ...otherThanOperation } = focus;
  return (
    <nav class="focus" aria-label="Shown">
      {project === undefined ? null : (
        <Chip kind="Project" text={projectText(project, names)} without={otherThanProject} />
      )}
      {caller === undefined ? null : (
        <Chip kind="Caller" text={visible(caller, 64)} without={otherThanCaller} />
      )}
      {operation === undefined ? null : (
        <Chip kind="Operation" text={visible(operation, 100)} without={otherThanOperation} />
      )}
      <a href="/">Show everything</a>
    </nav>
  );
}

function Chip({
  kind,
  text,
  without,
}: {
  readonly kind: string;
  readonly text: string;
  readonly without: Focus;
}) {
  return (
    <span class="chip">
      {kind} <b>{text}</b>{' '}
      <a href={addressOf(without)} aria-label={`Stop showing only this ${kind.toLowerCase()}`}>
        ×
      </a>
    </span>
  );
}
