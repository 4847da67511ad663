/** An attempt to use the admin listener with a wrong token, or one that was not looked at because there were too many. */
export interface SignInEvent {
  readonly type: 'admin-sign-in-refused';
  readonly reason: 'wrong-token' | 'too-many-attempts';
  /** Absent where the request did not come over a socket. */
  readonly clientIp: string | undefined;
}
