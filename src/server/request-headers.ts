import type { IncomingMessage } from 'node:http';
import type { RequestHeaders } from '../gateway/resolve-request.ts';

/** The headers that the gateway reads, and the properties that the edge checks. */
export interface SeenHeaders extends RequestHeaders {
  readonly hosts: number;
  readonly hasBody: boolean;
}

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

/** One value of a header that Node joins; its types allow a list for names they do not know. */
const joined = (value: string | string[] | undefined) => (Array.isArray(value) ? value.join(', ') : value);

/** Reads the headers that the gateway uses. Node joins the values of repeated headers, except for `Authorization`, where the first wins. */
export function readHeaders({ headers, rawHeaders }: IncomingMessage): SeenHeaders {
  return {
    authorization: headers.authorization,
    accept: headers.accept,
    acceptEncoding: joined(headers['accept-encoding']),
    ifNoneMatch: headers['if-none-match'],
    cacheControl: headers['cache-control'],
    pragma: headers.pragma,
    hosts: countHosts(rawHeaders),
    hasBody: headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? '0') > 0,
  };
}
