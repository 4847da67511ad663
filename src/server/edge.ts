import type { IncomingMessage } from 'node:http';
import { type GatewayError, gatewayError } from '../gateway/gateway-error.ts';
import type { GatewayRequest } from '../gateway/resolve-request.ts';
import { originForm } from './origin-form.ts';
import { readHeaders, type SeenHeaders } from './request-headers.ts';

const MAX_TARGET_BYTES = 8_192;
/** `.` or `..` as a path segment, plain or percent-encoded (RFC 3986 section 6.2.2.3). */
const DOT_SEGMENT = /\/(\.|%2e){1,2}(\/|$)/i;
/** Everything RFC 3986 allows in a path and query. */
const TARGET = /^\/[\w\-.~%!$&'()*+,;=:@/?]*$/;

/** Fast path for most targets: no empty segment, no dot, nothing percent-encoded. */
const PLAIN = /^(?:\/[\w\-~!$&'()*+,;=:@?]+)+$/;

/** The parts of a request that the edge checks: the request line and the headers. */
export interface EdgeRequest extends GatewayRequest {
  readonly headers: SeenHeaders;
}

/** Where clients reach the gateway. */
export interface PublicAddress {
  /** Scheme, host, and the path under which a proxy serves the gateway, if any. */
  readonly publicUrl: () => string;
  /** That path, without a trailing slash; empty if there is none. */
  readonly basePath: string;
}

/** The target without the path under which a proxy serves the gateway, for proxies that do not remove it. */
function withoutBasePath(target: string, basePath: string): string {
  const rest = target.slice(basePath.length);
  if (rest.startsWith('/')) return rest;
  return rest === '' || rest.startsWith('?') ? `/${rest}` : target;
}

/**
 * Reads a request from a socket. A target in absolute form that names this gateway is replaced by its origin form, and the path of
 * `publicUrl` is removed, in the request too; any other target stays as it is, for `checkEdge` to reject.
 */
export function readEdgeRequest(
  request: IncomingMessage,
  { publicUrl, basePath }: PublicAddress,
): EdgeRequest {
  if (request.url?.startsWith('/') === false) request.url = originForm(request, publicUrl()) ?? request.url;
  if (basePath !== '' && request.url?.startsWith(basePath) === true)
    request.url = withoutBasePath(request.url, basePath);
  return {
    method: request.method ?? 'GET',
    target: request.url ?? '/',
    headers: readHeaders(request),
    peer: request.socket.remoteAddress,
  };
}

/**
 * Rejects targets and headers that two parsers could interpret differently, before any other code reads them. Only an origin-form target
 * without dot segments passes, with exactly one `Host`, and with a body only if the method allows one.
 */
export function checkEdge({ method, target, headers }: EdgeRequest): GatewayError | undefined {
  if (target.length > MAX_TARGET_BYTES)
    return gatewayError('URI_TOO_LONG', `The request target is longer than ${MAX_TARGET_BYTES} bytes.`);
  if (headers.hosts !== 1) return gatewayError('INVALID_REQUEST', 'Send exactly one Host header.');
  const malformed = PLAIN.test(target) ? undefined : refuseTarget(target);
  if (malformed !== undefined) return malformed;
  if (method === 'TRACE' || method === 'CONNECT')
    return gatewayError('METHOD_NOT_ALLOWED', 'This gateway is read-only: use GET or HEAD.', {
      headers: { Allow: 'GET, HEAD' },
    });
  // Request smuggling: what follows a GET or HEAD could be parsed as a body or as another request. Other methods are left to routing.
  if (headers.hasBody && (method === 'GET' || method === 'HEAD'))
    return gatewayError('INVALID_REQUEST', `${method} requests must not have a body.`);
  return undefined;
}

function refuseTarget(target: string): GatewayError | undefined {
  if (!TARGET.test(target))
    return gatewayError(
      'INVALID_REQUEST',
      'The request target must be a percent-encoded path that begins with a slash, or an absolute URL of this gateway.',
    );
  if (target.startsWith('//') || DOT_SEGMENT.test(target.split('?', 1)[0] ?? ''))
    return gatewayError(
      'INVALID_REQUEST',
      'The request target must not begin with two slashes or contain dot segments.',
    );
  return undefined;
}
