import { isIPv6 } from 'node:net';
import { unmapped } from './ip-network.ts';

const GROUPS = 8;
/** A client with one address of a /64 usually has all of them. */
const NETWORK_GROUPS = 4;

/** The key by which limits count a client address: an IPv4 address itself, the /64 network of an IPv6 address. */
export function networkOf(address: string): string {
  const plain = unmapped(address);
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = (plain.split('%')[0] ?? '').split('::');
  const [before, after] = [head, tail ?? ''].map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = Array<string>(Math.max(0, GROUPS - (before?.length ?? 0) - (after?.length ?? 0))).fill('0');
  const groups = [...(before ?? []), ...zeros, ...(after ?? [])].slice(0, NETWORK_GROUPS);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}
