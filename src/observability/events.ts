/**
 * A configuration reload: the new configuration is in force, or it is invalid and the previous one stays in force; `partial`: the new one is
 * in force with previous secrets in place of some that could not be read.
 */
export interface ReloadEvent {
  readonly type: 'config-reload';
  readonly outcome: 'applied' | 'partial' | 'rejected';
  /** Each with file, line and remedy; never with the value of a secret. */
  readonly problems: readonly string[];
}

/** A rejected admin sign-in: the token was wrong, or it was not compared because the attempt limit was reached. */
export interface SignInEvent {
  readonly type: 'admin-sign-in-refused';
  readonly reason: 'wrong-token' | 'too-many-attempts';
  /** Undefined for requests without a socket. */
  readonly clientIp: string | undefined;
}
