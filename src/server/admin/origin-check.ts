/** Headers of a request, by name in lower case. */
type Header = (name: string) => string | undefined;

const LOOPBACK_HOST = /^(localhost|[a-z0-9-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** `Host` without its port, in lower case; undefined where it is none. */
const hostnameOf = (host: string): string | undefined =>
  /^([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/.exec(host.toLowerCase())?.[1];

/**
 * Whether `Host` names this machine or the address that is listened on. A page of another site whose name was made to lead here (DNS
 * rebinding) is, to the browser, the same site as this one; only the name it asks for gives it away.
 */
export function namesThisListener(host: string | undefined, listensOn: string): boolean {
  const name = hostnameOf(host ?? '');
  return name !== undefined && (LOOPBACK_HOST.test(name) || name === listensOn.toLowerCase());
}

/** Whether a browser sent this on behalf of a page: every current one says so, in at least one of these, with each POST. */
export const isBrowsers = (header: Header): boolean =>
  header('origin') !== undefined || header('sec-fetch-site') !== undefined;

/**
 * Whether a browser says that this was sent by another site's page. `Sec-Fetch-Site` is believed where it is there; browsers leave it
 * out where the gateway is reached over plain http under a name that is not this machine's, and then `Origin` has to be the one asked.
 */
export function isCrossSite(header: Header): boolean {
  const site = header('sec-fetch-site');
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  const origin = header('origin');
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== header('host')?.toLowerCase();
}
