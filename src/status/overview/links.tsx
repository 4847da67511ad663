import { visible } from '../format.ts';
import { addressOf, type Focus } from './focus.ts';

interface LinkProps {
  readonly name: string | undefined;
  readonly focus: Focus;
}

const dash = <span class="faint">–</span>;

/** A caller as a link that narrows the page down to it. */
export function CallerLink({ name, focus }: LinkProps) {
  return name === undefined ? (
    dash
  ) : (
    <a href={addressOf({ ...focus, caller: name })}>
      <bdi>{visible(name, 64)}</bdi>
    </a>
  );
}

/** An operation as a link that narrows the page down to it. */
export function OperationLink({ name, focus }: LinkProps) {
  return name === undefined ? dash : <a href={addressOf({ ...focus, operation: name })}>{name}</a>;
}
