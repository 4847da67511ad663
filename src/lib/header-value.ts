/** Visible ASCII with inner spaces and tabs (RFC 9110 section 5.5), without the obsolete bytes that Node rejects. */
const FIELD_VALUE = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/;
const MAX_LENGTH = 1_024;

/** A header value from Atlas or a client that is safe to forward; undefined if it is absent or not valid. */
export const headerValue = (value: string | undefined): string | undefined =>
  value !== undefined && value.length <= MAX_LENGTH && FIELD_VALUE.test(value) ? value : undefined;
