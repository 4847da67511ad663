import { headerValue } from '../../lib/header-value.ts';
import type { UpstreamHeaders } from '../../upstream/message.ts';

/** Dates and `true` are short; longer values are not stored with every list and its pages. */
const MAX_LENGTH = 64;

function shortValue(value: string | undefined): string | undefined {
  const valid = headerValue(value);
  return valid !== undefined && valid.length <= MAX_LENGTH ? valid : undefined;
}

/** `Deprecation` (RFC 9745) and `Sunset` (RFC 8594) of Atlas's response, where it sent valid ones. */
export function deprecationHeadersOf(headers: UpstreamHeaders): Record<string, string> {
  const deprecation = shortValue(headers['deprecation']);
  const sunset = shortValue(headers['sunset']);
  return {
    ...(deprecation === undefined ? {} : { Deprecation: deprecation }),
    ...(sunset === undefined ? {} : { Sunset: sunset }),
  };
}
