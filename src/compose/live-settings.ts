import { accessListOf } from '../config/access-list.ts';
import type { ResolvedConfig } from '../config/reload-settings.ts';
import type { GatewayConfig } from '../config/schema.ts';
import type { AccessList } from '../gateway/auth/authentication.ts';
import type { ExpiringCredential } from '../gateway/credentials/expiry.ts';
import type { TlsFiles } from '../server/listener.ts';

type ConfiguredCredential = GatewayConfig['credentials'][number];

/** Id and secret of a credential. */
export interface CredentialSecrets {
  readonly id: string;
  readonly secret: string;
}

/** The settings that a reload replaces, with their secrets resolved. */
export interface LiveSettings {
  readonly tls: TlsFiles | undefined;
  readonly adminTls: TlsFiles | undefined;
  readonly adminToken: string | undefined;
  readonly signingKey: Buffer | undefined;
  readonly accessList: AccessList;
  readonly trustedProxies: readonly string[];
  readonly credentials: readonly CredentialSettings[];
}

/** A configured credential with its secrets. */
export interface CredentialSettings {
  readonly name: string;
  readonly kind: 'service-account' | 'api-key';
  readonly secrets: CredentialSecrets;
  /** Ids of the projects and organizations it is used for; absent: those it sees in Atlas. */
  readonly covers?: ReadonlySet<string>;
}

export function secretsOf(
  { name, serviceAccount, apiKey }: ConfiguredCredential,
  secretOf: ResolvedConfig['secretOf'],
): CredentialSecrets {
  if (serviceAccount !== undefined)
    return { id: secretOf(serviceAccount.clientId), secret: secretOf(serviceAccount.clientSecret) };
  if (apiKey !== undefined) return { id: secretOf(apiKey.publicKey), secret: secretOf(apiKey.privateKey) };
  throw new Error(`credentials: ${name} has neither serviceAccount nor apiKey`);
}

const kindOf = ({ serviceAccount }: ConfiguredCredential) =>
  serviceAccount === undefined ? ('api-key' as const) : ('service-account' as const);

/** Resolves all live settings together: if one of them fails, this throws and none is applied. */
export function resolveLiveSettings({ config, secretOf }: ResolvedConfig): LiveSettings {
  const { signingKey } = config.tokens;
  const tlsFiles = (tls: GatewayConfig['admin']['tls']): TlsFiles | undefined =>
    tls && {
      ...{ cert: secretOf(tls.cert), key: secretOf(tls.key) },
      clientCa: tls.clientCa && secretOf(tls.clientCa),
    };
  return {
    tls: tlsFiles(config.listen.tls),
    adminTls: tlsFiles(config.admin.tls),
    adminToken: config.admin.token === undefined ? undefined : secretOf(config.admin.token),
    signingKey: signingKey === undefined ? undefined : Buffer.from(secretOf(signingKey)),
    accessList: accessListOf(config, secretOf),
    trustedProxies: config.listen.trustedProxies,
    credentials: credentialSettings({ config, secretOf }),
  };
}

export const credentialSettings = ({ config, secretOf }: ResolvedConfig): readonly CredentialSettings[] =>
  config.credentials.map((credential) => {
    const { name, projects, organizations } = credential;
    return {
      name,
      kind: kindOf(credential),
      secrets: secretsOf(credential, secretOf),
      ...(projects === undefined && organizations === undefined
        ? {}
        : { covers: new Set([...(projects ?? []), ...(organizations ?? [])]) }),
    };
  });

/** The configuration in force, and its live settings. */
export interface InForce {
  readonly config: GatewayConfig;
  readonly settings: LiveSettings;
  /** Wall-clock milliseconds at which secrets expire, where the configuration states it. */
  expiries(): readonly ExpiringCredential[];
  /** Whether the configuration names a project or organization, for a credential or for a caller. */
  namesProject(id: string): boolean;
  replace(config: GatewayConfig, settings: LiveSettings): void;
}

export function createInForce(initial: GatewayConfig, initialSettings: LiveSettings): InForce {
  let config = initial;
  let settings = initialSettings;
  return {
    get config() {
      return config;
    },
    get settings() {
      return settings;
    },
    expiries: () =>
      config.credentials.flatMap(({ name, expires }) =>
        expires === undefined ? [] : [{ name, expiresAt: Date.parse(expires) }],
      ),
    namesProject(id) {
      const { credentials, callers, anonymous } = config;
      const named = [...credentials, ...callers, ...(anonymous === undefined ? [] : [anonymous])];
      return named.some(({ projects, organizations }) =>
        [projects, organizations].some((ids) => Array.isArray(ids) && ids.includes(id)),
      );
    },
    replace(nextConfig, nextSettings) {
      config = nextConfig;
      settings = nextSettings;
    },
  };
}
