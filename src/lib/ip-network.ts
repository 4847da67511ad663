import { isIP } from 'node:net';

/** A range of addresses: those that share the first `prefix` bits. */
interface IpNetwork {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

const PREFIX = /^\d{1,3}$/;
const MAPPED_IPV4 = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i;

/** The family of an address without a zone; undefined if it is not an address. */
export function familyOf(address: string): IpNetwork['family'] | undefined {
  if (address.includes('%')) return undefined;
  switch (isIP(address)) {
    case 4:
      return 'ipv4';
    case 6:
      return 'ipv6';
    default:
      return undefined;
  }
}

/** Parses `10.0.0.0/8`, `fd00::/8` or a single address; undefined if it is neither. */
export function parseNetwork(text: string): IpNetwork | undefined {
  const [address = '', prefixText, ...more] = text.split('/');
  const family = familyOf(address);
  if (family === undefined || more.length > 0) return undefined;
  const longest = family === 'ipv4' ? 32 : 128;
  if (prefixText === undefined) return { address, prefix: longest, family };
  const prefix = PREFIX.test(prefixText) ? Number(prefixText) : Number.NaN;
  return prefix <= longest ? { address, prefix, family } : undefined;
}

/** The IPv4 address that a dual-stack socket reports as `::ffff:192.0.2.1`; any other address unchanged. */
export const unmapped = (address: string): string => MAPPED_IPV4.exec(address)?.[1] ?? address;
