/** A rejected admin sign-in: the token was wrong, or it was not compared because the attempt limit was reached. */
export interface SignInEvent {
  readonly type: 'admin-sign-in-refused';
  readonly reason: 'wrong-token' | 'too-many-attempts';
  /** Undefined for requests without a socket. */
  readonly clientIp: string | undefined;
}
