import { percentDecoded } from '../lib/percent-decoding.ts';

/** The parsed address of a Redis or Valkey deployment. */
export interface RedisAddress {
  readonly form: 'single' | 'sentinel' | 'cluster';
  readonly tls: boolean;
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly database: number;
  readonly username?: string;
  readonly password?: string;
  /** The name of the primary in the sentinels' configuration. */
  readonly primary?: string;
  readonly sentinelPassword?: string;
}

const FORMS = { '': 'single', '+sentinel': 'sentinel', '+cluster': 'cluster' } as const;
const DEFAULT_PORTS = { single: 6_379, sentinel: 26_379, cluster: 6_379 } as const;
const ADDRESS =
  /^redis(s?)(|\+sentinel|\+cluster):\/\/(?:([^@/?#]*)@)?([^@/?#]+)(?:\/([^?#]*))?(?:\?sentinelPassword=([^&#]+))?$/;
const NODE = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/i;

/**
 * `redis://user:password@host:port/database`, `rediss://…` with TLS, `redis+sentinel://host:port,host:port/primary/database`,
 * `redis+cluster://host:port,host:port`. Returns undefined for anything else: an error message could reveal the password.
 */
export function readRedisUrl(text: string): RedisAddress | undefined {
  const [, secure = '', suffix = '', user, hosts = '', path = '', sentinelPassword] =
    ADDRESS.exec(text) ?? [];
  if (hosts === '') return undefined;
  const form = FORMS[suffix as keyof typeof FORMS];
  const nodes = hosts.split(',').map((node) => {
    const [, host = '', port] = NODE.exec(node) ?? [];
    return { host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? DEFAULT_PORTS[form]) };
  });
  if (nodes.some(({ host, port }) => host === '' || port < 1 || port > 65_535)) return undefined;
  if (form === 'single' && nodes.length > 1) return undefined;
  const parts = path === '' ? [] : path.split('/');
  const primary = form === 'sentinel' ? parts.shift() : undefined;
  const database = parts.shift() ?? '0';
  const misplaced = parts.length > 0 || (form === 'cluster' && database !== '0');
  if (misplaced || !/^\d{1,3}$/.test(database)) return undefined;
  if (form === 'sentinel' ? primary === undefined || primary === '' : sentinelPassword !== undefined)
    return undefined;
  const colon = user?.indexOf(':') ?? -1;
  const username = percentDecoded(colon < 0 ? (user ?? '') : (user ?? '').slice(0, colon));
  const password = percentDecoded(colon < 0 ? '' : (user ?? '').slice(colon + 1));
  const sentinelSecret = percentDecoded(sentinelPassword ?? '');
  if (username === undefined || password === undefined || sentinelSecret === undefined) return undefined;
  // A user name without a password is not a valid login.
  if (username !== '' && password === '') return undefined;
  return {
    form,
    tls: secure === 's',
    nodes,
    database: Number(database),
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    ...(primary === undefined ? {} : { primary }),
    ...(sentinelSecret === '' ? {} : { sentinelPassword: sentinelSecret }),
  };
}
