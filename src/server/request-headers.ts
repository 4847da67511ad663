import type { IncomingMessage } from 'node:http';
import type { RequestHeaders } from '../gateway/way.ts';

/** The headers that the gateway looks at, and what the edge counts. */
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

/** Reads what is needed of a request's headers. Of repeated ones Node has joined the values, but for `Authorization`, of which the first counts. */
export function readHeaders({ headers, rawHeaders }: IncomingMessage): SeenHeaders {
  return {
    authorization: headers.authorization,
    accept: headers.accept,
    acceptEncoding: headers['accept-encoding'] as string | undefined,
    ifNoneMatch: headers['if-none-match'],
    cacheControl: headers['cache-control'],
    pragma: headers.pragma,
    hosts: countHosts(rawHeaders),
    hasBody: headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? '0') > 0,
  };
}
