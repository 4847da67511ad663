import { isIP, isIPv4, isIPv6 } from 'node:net';

/** A name of letters, digits and dashes; its last label is not a number, since that would be a mistyped IPv4 address. */
const HOST_NAME =
  /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*(?!\d+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;

/** Whether a listener can be given this host: an IP address, without brackets, or a name. */
export const isHost = (text: string): boolean => isIP(text) !== 0 || HOST_NAME.test(text);

/** One spelling for each IPv6 address. */
const canonical = (host: string): string =>
  isIPv6(host) && URL.canParse(`http://[${host}]`)
    ? new URL(`http://[${host}]`).hostname.slice(1, -1)
    : host.toLowerCase();

const addressesOf = (host: string): readonly string[] =>
  host === 'localhost' ? ['127.0.0.1', '::1'] : [host];

/** Whether a listener on one host takes the same port on the other; `::` takes the IPv4 addresses too. */
export function hostsOverlap(one: string, other: string): boolean {
  const takes = (host: string, address: string) =>
    host === address || host === '::' || (host === '0.0.0.0' && isIPv4(address));
  return addressesOf(canonical(one)).some((host) =>
    addressesOf(canonical(other)).some((address) => takes(host, address) || takes(address, host)),
  );
}
