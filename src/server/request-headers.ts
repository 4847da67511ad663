import type { IncomingMessage } from 'node:http';
import type { RequestHeaders } from '../gateway/resolve-request.ts';

/** The headers that the gateway reads, and the properties that the edge checks. */
export interface SeenHeaders extends RequestHeaders {
  readonly hosts: number;
  readonly hasBody: boolean;
}

const NONE: SeenHeaders = {
  authorization: undefined,
  accept: undefined,
  acceptEncoding: undefined,
  ifNoneMatch: undefined,
  cacheControl: undefined,
  pragma: undefined,
  parameters: undefined,
  requestId: undefined,
  traceparent: undefined,
  userAgent: undefined,
  forwardedFor: undefined,
  hosts: 0,
  hasBody: false,
};

function countHosts(rawHeaders: readonly string[]): number {
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name === 'Host' || (name?.length === 4 && name.toLowerCase() === 'host')) hosts++;
  }
  return hosts;
}

/** Whether a request has exactly one `Host` (RFC 9112 section 3.2). HTTP/1.0 does not require it, and HAProxy's health checks omit it. */
export function namesItsHostOnce({ rawHeaders, httpVersion }: IncomingMessage): boolean {
  const hosts = countHosts(rawHeaders);
  return hosts === 1 || (hosts === 0 && httpVersion === '1.0');
}

/** Whether a request has a header of this name, which is in lower case. */
export function hasHeader({ rawHeaders }: IncomingMessage, name: string): boolean {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const sent = rawHeaders[index];
    if (sent?.length === name.length && sent.toLowerCase() === name) return true;
  }
  return false;
}

/** Repeated headers are joined (RFC 9110 section 5.3). */
const joined = (before: string | undefined, value: string) =>
  before === undefined ? value : `${before}, ${value}`;

/**
 * Reads the headers that the gateway uses, as Node's `headers` would have them: repeated ones joined, but of `Authorization` and
 * `User-Agent` the first.
 * Node would build an object of all headers, most of which nobody reads.
 */
export function readHeaders({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>): SeenHeaders {
  const seen: { -readonly [name in keyof SeenHeaders]: SeenHeaders[name] } = { ...NONE };
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const value = rawHeaders[index + 1] ?? '';
    const name = rawHeaders[index]?.toLowerCase();
    switch (name) {
      case 'host':
        seen.hosts++;
        break;
      case 'authorization':
        seen.authorization ??= value;
        break;
      case 'accept':
        seen.accept = joined(seen.accept, value);
        break;
      case 'accept-encoding':
        seen.acceptEncoding = joined(seen.acceptEncoding, value);
        break;
      case 'if-none-match':
        seen.ifNoneMatch = joined(seen.ifNoneMatch, value);
        break;
      case 'cache-control':
        seen.cacheControl = joined(seen.cacheControl, value);
        break;
      case 'pragma':
        seen.pragma = joined(seen.pragma, value);
        break;
      case 'use-effective-instance-fields':
      case 'use-effective-fields-replication-specs':
        seen.parameters = { ...seen.parameters, [name]: joined(seen.parameters?.[name], value) };
        break;
      case 'user-agent':
        seen.userAgent ??= value;
        break;
      case 'x-request-id':
        seen.requestId = joined(seen.requestId, value);
        break;
      case 'x-forwarded-for':
        seen.forwardedFor = joined(seen.forwardedFor, value);
        break;
      case 'traceparent':
        seen.traceparent = joined(seen.traceparent, value);
        break;
      case 'transfer-encoding':
        seen.hasBody = true;
        break;
      case 'content-length':
        seen.hasBody ||= Number(value) > 0;
        break;
    }
  }
  return seen;
}
