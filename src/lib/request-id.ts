const VALID = /^[A-Za-z0-9._-]{1,128}$/;

/** An `X-Request-Id` that a client may choose: one that log lines, headers and trace attributes can carry as it is; else undefined. */
export const validRequestId = (id: string | undefined): string | undefined =>
  id !== undefined && VALID.test(id) ? id : undefined;
