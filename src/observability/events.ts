/** A configuration was read again: it is in force, or it was wrong and the old one stays. */
export interface ReloadEvent {
  readonly type: 'config-reload';
  readonly outcome: 'applied' | 'rejected';
  /** What is wrong, with file, line and the way out; never a value of a secret. */
  readonly problems: readonly string[];
}
