import { type GatewayError, gatewayError } from '../gateway/gateway-error.ts';
import type { SeenHeaders } from './request-headers.ts';

const MAX_TARGET_BYTES = 8_192;
/** `.` or `..` as a path segment, plain or percent-encoded (RFC 3986 section 6.2.2.3). */
const DOT_SEGMENT = /\/(\.|%2e){1,2}(\/|$)/i;
/** Everything RFC 3986 allows in a path and query. */
const TARGET = /^\/[\w\-.~%!$&'()*+,;=:@/?]*$/;

/** A path and query in which nothing needs a second look: no empty segment, no dot, nothing encoded. Most targets are such. */
const PLAIN = /^(?:\/[\w\-~!$&'()*+,;=:@?]+)+$/;

/** What the edge looks at: the request line and the headers. */
export interface EdgeRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: SeenHeaders;
}

/**
 * What is refused before anything looks at a request: targets and headers that two readers could understand differently. The one
 * form that passes is an origin-form target without dot segments, one `Host`, and a body only with a method that may have one.
 */
export function checkEdge({ method, target, headers }: EdgeRequest): GatewayError | undefined {
  if (target.length > MAX_TARGET_BYTES)
    return gatewayError('URI_TOO_LONG', `The address is longer than ${MAX_TARGET_BYTES} bytes.`);
  if (headers.hosts !== 1) return gatewayError('INVALID_REQUEST', 'Send exactly one Host header.');
  const malformed = PLAIN.test(target) ? undefined : refuseTarget(target);
  if (malformed !== undefined) return malformed;
  if (method === 'TRACE' || method === 'CONNECT')
    return gatewayError('METHOD_NOT_ALLOWED', 'This gateway only reads: use GET or HEAD.', {
      headers: { Allow: 'GET, HEAD' },
    });
  // Reads take none: what follows one could be meant, or taken, for a second request. Routing decides about writes.
  if (headers.hasBody && (method === 'GET' || method === 'HEAD'))
    return gatewayError('INVALID_REQUEST', `${method} takes no body here.`);
  return undefined;
}

function refuseTarget(target: string): GatewayError | undefined {
  if (!TARGET.test(target))
    return gatewayError(
      'INVALID_REQUEST',
      'The address must be a path, beginning with one slash and percent-encoded.',
    );
  if (target.startsWith('//') || DOT_SEGMENT.test(target.split('?', 1)[0] ?? ''))
    return gatewayError(
      'INVALID_REQUEST',
      'The address must not begin with two slashes nor have dot segments.',
    );
  return undefined;
}
