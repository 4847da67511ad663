import { isIP, isIPv4, isIPv6 } from 'node:net';

/** A host name. Its last label must not be a number, because that indicates a mistyped IPv4 address. */
const HOST_NAME =
  /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*(?!\d+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;

/** Whether a listener can bind to this host: a name, or an IP address without brackets. */
export const isHost = (text: string): boolean => isIP(text) !== 0 || HOST_NAME.test(text);

/** The canonical spelling of an IPv6 address; lower case for other hosts. */
const canonical = (host: string): string =>
  isIPv6(host) && URL.canParse(`http://[${host}]`)
    ? new URL(`http://[${host}]`).hostname.slice(1, -1)
    : host.toLowerCase();

const addressesOf = (host: string): readonly string[] =>
  host === 'localhost' ? ['127.0.0.1', '::1'] : [host];

/** Whether listeners on the two hosts conflict if they use the same port; `::` includes the IPv4 addresses. */
export function hostsOverlap(one: string, other: string): boolean {
  const includes = (host: string, address: string) =>
    host === address || host === '::' || (host === '0.0.0.0' && isIPv4(address));
  return addressesOf(canonical(one)).some((host) =>
    addressesOf(canonical(other)).some((address) => includes(host, address) || includes(address, host)),
  );
}
