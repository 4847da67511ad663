import { headerValue } from '../../lib/header-value.ts';
import type { UpstreamHeaders } from '../../upstream/message.ts';

/** Dates and `true` are short; longer values are not stored with every list and its pages. */
const MAX_LENGTH = 64;

function shortValue(value: string | undefined): string | undefined {
  const valid = headerValue(value);
  return valid !== undefined && valid.length <= MAX_LENGTH ? valid : undefined;
}

/** The media type of a version of the API; anything else, such as plain JSON, says nothing about the version. */
const VERSIONED = /^application\/vnd\.atlas\.[\w.-]+\+json *(; *charset=utf-8)?$/i;

/**
 * What Atlas's response says about its version, where it sent valid headers: `Deprecation` (RFC 9745), `Sunset` (RFC 8594), and the
 * `Content-Type`, since a date that the catalog does not know may resolve to any version.
 */
export function versionHeadersOf(headers: UpstreamHeaders): Record<string, string> {
  const deprecation = shortValue(headers['deprecation']);
  const sunset = shortValue(headers['sunset']);
  const contentType = shortValue(headers['content-type']);
  return {
    ...(deprecation === undefined ? {} : { Deprecation: deprecation }),
    ...(sunset === undefined ? {} : { Sunset: sunset }),
    ...(contentType !== undefined && VERSIONED.test(contentType) ? { 'Content-Type': contentType } : {}),
  };
}
