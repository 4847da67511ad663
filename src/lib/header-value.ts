/** Visible ASCII with spaces and tabs between (RFC 9110 section 5.5), without the obsolete bytes that Node refuses to write. */
const FIELD_VALUE = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/;
const MAX_LENGTH = 1_024;

/** A header value of somebody else's that may be sent on; undefined where there is none, or where it is not a valid one. */
export const headerValue = (value: string | undefined): string | undefined =>
  value !== undefined && value.length <= MAX_LENGTH && FIELD_VALUE.test(value) ? value : undefined;
