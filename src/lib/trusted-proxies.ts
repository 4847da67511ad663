import { BlockList } from 'node:net';
import { LRUCache } from 'lru-cache';
import { familyOf, type IpNetwork, unmapped } from './ip-network.ts';

/** The proxies whose `X-Forwarded-For` is believed. */
export interface TrustedProxies {
  /**
   * The address of the client behind a connection from `peer`: the right-most address in `X-Forwarded-For` that no trusted proxy has. Each
   * proxy appends the address that it was called from, so everything to the left of that one was written by the client itself.
   */
  clientOf(peer: string | undefined, forwardedFor: string | undefined): string | undefined;
  replace(networks: readonly IpNetwork[]): void;
}

/** A look-up in a block list takes microseconds. */
const MAX_REMEMBERED = 10_000;
/** An address as proxies append it: some add the port, and then write IPv6 addresses in brackets. */
const HOP = /^(?:\[(?<bracketed>[^\]]*)\](?::\d{1,5})?|(?<ipv4>[^:]*):\d{1,5}|(?<plain>.*))$/;

/** Undefined if a hop is not an address; it is then ignored, with everything before it. */
function addressOf(hop: string): string | undefined {
  const { bracketed, ipv4, plain } = HOP.exec(hop.trim())?.groups ?? {};
  const address = unmapped(bracketed ?? ipv4 ?? plain ?? '');
  return familyOf(address) === undefined ? undefined : address;
}

/** Without networks, no proxy is trusted: the client is the peer of the connection. */
export function createTrustedProxies(networks: readonly IpNetwork[]): TrustedProxies {
  const remembered = new LRUCache<string, boolean>({ max: MAX_REMEMBERED });
  let list = new BlockList();
  let isEmpty = true;

  function isTrusted(address: string): boolean {
    const known = remembered.get(address);
    if (known !== undefined) return known;
    const trusted = list.check(address, familyOf(address) ?? 'ipv4');
    remembered.set(address, trusted);
    return trusted;
  }

  function replace(next: readonly IpNetwork[]): void {
    list = new BlockList();
    for (const { address, prefix, family } of next) list.addSubnet(address, prefix, family);
    isEmpty = next.length === 0;
    remembered.clear();
  }

  replace(networks);
  return {
    clientOf(peer, forwardedFor) {
      if (peer === undefined) return undefined;
      let client = unmapped(peer);
      if (isEmpty || forwardedFor === undefined) return client;
      const hops = forwardedFor.split(',');
      while (isTrusted(client)) {
        const next = addressOf(hops.pop() ?? '');
        if (next === undefined) break;
        client = next;
      }
      return client;
    },
    replace,
  };
}
