/** A configuration reload: the new configuration is in force, or it is invalid and the previous one stays in force. */
export interface ReloadEvent {
  readonly type: 'config-reload';
  readonly outcome: 'applied' | 'rejected';
  /** Each with file, line and remedy; never with the value of a secret. */
  readonly problems: readonly string[];
}
