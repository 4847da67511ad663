import type { IncomingMessage } from 'node:http';
import { type Refusal, refuse } from '../gateway/refusal.ts';

const MAX_TARGET_BYTES = 8_192;
/** `.` or `..` as a path segment, plain or percent-encoded (RFC 3986 section 6.2.2.3). */
const DOT_SEGMENT = /\/(\.|%2e){1,2}(\/|$)/i;
/** Everything RFC 3986 allows in a path and query. */
const TARGET = /^\/[\w\-.~%!$&'()*+,;=:@/?]*$/;

const countHosts = (rawHeaders: readonly string[]) =>
  rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === 'host').length;

const hasBody = ({ headers }: IncomingMessage) =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? '0') > 0;

/**
 * What is refused before anything looks at a request: targets and headers that two readers could understand differently. The one
 * form that passes is an origin-form target without dot segments, one `Host`, and a body only where one is taken.
 */
export function refuseAtEdge(request: IncomingMessage, takesBody: boolean): Refusal | undefined {
  const { url = '', rawHeaders } = request;
  const path = url.split('?', 1)[0] ?? '';
  if (url.length > MAX_TARGET_BYTES)
    return refuse('URI_TOO_LONG', `The address is longer than ${MAX_TARGET_BYTES} bytes.`);
  if (countHosts(rawHeaders) !== 1) return refuse('INVALID_REQUEST', 'Send exactly one Host header.');
  if (!TARGET.test(url))
    return refuse(
      'INVALID_REQUEST',
      'The address must be a path, beginning with one slash and percent-encoded.',
    );
  if (path.startsWith('//') || DOT_SEGMENT.test(path))
    return refuse('INVALID_REQUEST', 'The address must not begin with two slashes nor have dot segments.');
  if (request.method === 'TRACE' || request.method === 'CONNECT')
    return refuse('METHOD_NOT_ALLOWED', 'This gateway only reads: use GET or HEAD.', {
      headers: { Allow: 'GET, HEAD' },
    });
  if (hasBody(request) && !takesBody)
    return refuse(
      request.method === 'GET' || request.method === 'HEAD' ? 'INVALID_REQUEST' : 'METHOD_NOT_ALLOWED',
      'This gateway takes no body: use GET or HEAD.',
      { headers: { Allow: 'GET, HEAD' } },
    );
  return undefined;
}
