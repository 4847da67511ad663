import type { IncomingMessage } from 'node:http';

/** `http://` or `https://`, an authority, and the rest as it was sent. */
const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/i;
/** Host and port without user information. */
const AUTHORITY = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?$/i;
const DEFAULT_PORT = /:(?:80|443)$/;
const MAPPED_IPV4 = '::ffff:';

const normalized = (authority: string) => authority.toLowerCase().replace(DEFAULT_PORT, '');

/** The address at which the connection arrived. */
function listeningAuthority({ socket: { localAddress = '', localPort } }: IncomingMessage): string {
  const address = localAddress.startsWith(MAPPED_IPV4)
    ? localAddress.slice(MAPPED_IPV4.length)
    : localAddress;
  return `${address.includes(':') ? `[${address}]` : address}:${localPort}`;
}

/**
 * The path and query of a target in absolute form, as clients send it that take the gateway for their proxy (RFC 9112 section 3.2.2);
 * undefined if its authority is none of the gateway's own: `Host`, the address of the connection or `publicUrl`. A target of another form
 * is returned as it is.
 */
export function originForm(request: IncomingMessage, publicUrl?: string): string | undefined {
  const { url: target = '/' } = request;
  const [, authority, rest] = ABSOLUTE.exec(target) ?? [];
  if (authority === undefined || rest === undefined) return target;
  if (!AUTHORITY.test(authority)) return undefined;
  const own = [
    request.headers.host,
    listeningAuthority(request),
    publicUrl === undefined ? undefined : new URL(publicUrl).host,
  ];
  if (!own.some((name) => name !== undefined && normalized(name) === normalized(authority))) return undefined;
  return rest.startsWith('/') ? rest : `/${rest}`;
}
