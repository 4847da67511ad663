import { BlockList } from 'node:net';
import { LRUCache } from 'lru-cache';
import { familyOf, parseNetwork, unmapped } from './ip-network.ts';

/** Stands for the clients of a Unix socket, which have no address. nginx writes it like this. */
export const UNIX_SOCKET = 'unix:';

/** The proxies whose `X-Forwarded-For` is believed. */
export interface TrustedProxies {
  /**
   * The address of the client behind a connection from `peer`: the right-most address in `X-Forwarded-For` that no trusted proxy has. Each
   * proxy appends the address that it was called from, so everything to the left of that one was written by the client itself. On a Unix
   * socket, `peer` is undefined, and so is the client without a trusted proxy.
   */
  clientOf(peer: string | undefined, forwardedFor: string | undefined): string | undefined;
  /** `proxies`: networks, and `unix:`. */
  replace(proxies: readonly string[]): void;
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

/** Without proxies, none is trusted: the client is the peer of the connection. */
export function createTrustedProxies(proxies: readonly string[]): TrustedProxies {
  const remembered = new LRUCache<string, boolean>({ max: MAX_REMEMBERED });
  let list = new BlockList();
  let isEmpty = true;
  let trustsSocket = false;

  function isTrusted(address: string | undefined): boolean {
    if (address === undefined) return trustsSocket;
    const known = remembered.get(address);
    if (known !== undefined) return known;
    const trusted = list.check(address, familyOf(address) ?? 'ipv4');
    remembered.set(address, trusted);
    return trusted;
  }

  function replace(next: readonly string[]): void {
    const networks = next.flatMap((text) => parseNetwork(text) ?? []);
    list = new BlockList();
    for (const { address, prefix, family } of networks) list.addSubnet(address, prefix, family);
    isEmpty = next.length === 0;
    trustsSocket = next.includes(UNIX_SOCKET);
    remembered.clear();
  }

  replace(proxies);
  return {
    clientOf(peer, forwardedFor) {
      let client = peer === undefined ? undefined : unmapped(peer);
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
