import { codesOf, isTimeout, isTls, isUnreachable, upstreamFailure } from './failure.ts';
import type { UpstreamFailure } from './message.ts';
import type { ProxyAddress } from './proxy-address.ts';

/** The proxy opened no connection to Atlas. Undici passes it on to every request that waits for the connection. */
export class ProxyError extends Error {
  readonly failure: UpstreamFailure;

  constructor(failure: UpstreamFailure) {
    super(failure.detail);
    this.failure = failure;
  }
}

/** The proxy accepts connections, but does not answer. */
export const proxyTimedOut = ({ origin }: ProxyAddress): UpstreamFailure => ({
  ...upstreamFailure('UPSTREAM_TIMEOUT', `The proxy ${origin} did not open a connection to Atlas in time.`),
  unconnected: true,
});

/** Maps an error between the gateway and its proxy to a failure. Only its code is reported. */
export function proxyFailureOf(error: unknown, proxy: ProxyAddress): UpstreamFailure {
  const codes = codesOf(error);
  const code = codes[0] ?? 'unknown';
  const name = `The proxy ${proxy.origin}`;
  if (codes.some(isTimeout)) return proxyTimedOut(proxy);
  if (codes.some(isUnreachable))
    return upstreamFailure('UPSTREAM_UNREACHABLE', `${name} cannot be reached (${code}).`);
  if (codes.some(isTls))
    return upstreamFailure(
      'UPSTREAM_TLS',
      `No trusted TLS connection to the proxy ${proxy.origin} (${code}).`,
    );
  if (error instanceof Error && error.name === 'HTTPParserError')
    return upstreamFailure('UPSTREAM_UNREACHABLE', `${name} does not answer like an HTTP proxy.`);
  return upstreamFailure(
    'UPSTREAM_UNREACHABLE',
    `${name} closed the connection before it led to Atlas (${code}).`,
  );
}

/** Explains an answer to CONNECT; undefined if the connection now leads to Atlas (RFC 9110 section 9.3.6). */
export function tunnelFailure(
  status: number,
  contentType: string | undefined,
  { origin, authorization }: ProxyAddress,
): UpstreamFailure | undefined {
  const refused = (what: string) => upstreamFailure('UPSTREAM_UNREACHABLE', `The proxy ${origin} ${what}.`);
  // RFC 9110 says 407; tinyproxy answers a wrong password with 401.
  if (status === 407 || status === 401)
    return authorization === undefined
      ? refused(`asks for a user and a password (${status}), and none are configured`)
      : refused(`rejects the configured user or password (${status})`);
  if (status !== 200) return refused(`answered ${status} instead of opening a connection to Atlas`);
  // A captive portal answers everything with its page; a tunnel has no content.
  return contentType?.includes('html') === true
    ? refused('answered with an HTML page instead of opening a connection to Atlas')
    : undefined;
}
