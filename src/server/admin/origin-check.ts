import { isLoopback } from '../../lib/loopback.ts';

/** Headers of a request, by name in lower case. */
type Header = (name: string) => string | undefined;

/** Browsers resolve these names to loopback without asking DNS (RFC 6761 section 6.3). */
const LOOPBACK_SUBDOMAIN = /^[a-z0-9-]+\.localhost$/;

/** `Host` without its port, in lower case; undefined if it is not a valid host. */
const hostnameOf = (host: string): string | undefined =>
  /^([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/.exec(host.toLowerCase())?.[1];

/**
 * Whether `Host` is a loopback name or the listener's own address. Under DNS rebinding the browser considers another site's page to be
 * same-origin with this listener; only the `Host` header reveals it.
 */
export function namesThisListener(host: string | undefined, listensOn: string): boolean {
  const name = hostnameOf(host ?? '');
  if (name === undefined) return false;
  return isLoopback(name) || LOOPBACK_SUBDOMAIN.test(name) || name === listensOn.toLowerCase();
}

/** Whether a browser sent this request: every current browser sends at least one of these headers with each POST. */
export const isBrowsers = (header: Header): boolean =>
  header('origin') !== undefined || header('sec-fetch-site') !== undefined;

/**
 * Whether a browser sent this request on behalf of another site's page. `Sec-Fetch-Site` decides if present; browsers omit it on plain http
 * under a non-loopback name, where `Origin` must match `Host` instead.
 */
export function isCrossSite(header: Header): boolean {
  const site = header('sec-fetch-site');
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  const origin = header('origin');
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== header('host')?.toLowerCase();
}
