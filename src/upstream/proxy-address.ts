import { percentDecoded } from '../lib/percent-decoding.ts';

/** An HTTP proxy that opens connections to Atlas by CONNECT. */
export interface ProxyAddress {
  /** Scheme, host and port; without user and password, so that it may appear in errors. */
  readonly origin: string;
  /** The value of `Proxy-Authorization`, if the address contains a user. */
  readonly authorization?: string;
}

const HAS_SCHEME = /^[a-z][a-z\d+.-]*:\/\//i;

/**
 * Parses `http://user:password@host:port`, with `https://` if the proxy itself is reached over TLS. Like curl, it takes an address without
 * a scheme for `http://`. Returns undefined if the address is not valid.
 */
export function readProxyAddress(text: string): ProxyAddress | undefined {
  const address = HAS_SCHEME.test(text) ? text : `http://${text}`;
  if (!URL.canParse(address)) return undefined;
  const { protocol, origin, username, password, pathname, search, hash } = new URL(address);
  if (protocol !== 'http:' && protocol !== 'https:') return undefined;
  if (pathname !== '/' || search !== '' || hash !== '') return undefined;
  if (username === '' && password === '') return { origin };
  const [user, secret] = [percentDecoded(username), percentDecoded(password)];
  if (user === undefined || secret === undefined) return undefined;
  return { origin, authorization: `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}` };
}
