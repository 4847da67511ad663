import { accessListOf } from '../config/access-list.ts';
import type { ResolvedConfig } from '../config/reload-settings.ts';
import type { GatewayConfig } from '../config/schema.ts';
import type { AccessList } from '../gateway/auth/authentication.ts';
import type { ExpiringCredential } from '../gateway/credentials/expiry.ts';
import type { TlsFiles } from '../server/listener.ts';
import type { CredentialSecrets } from '../upstream/auth/signer.ts';

type ConfiguredCredential = GatewayConfig['credentials'][number];

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

/** A credential with its secrets resolved. Throws if one of them cannot be. */
export function credentialSettingsOf(
  { name, serviceAccount, apiKey, projects, organizations }: ConfiguredCredential,
  secretOf: ResolvedConfig['secretOf'],
): CredentialSettings {
  const covers =
    projects === undefined && organizations === undefined
      ? {}
      : { covers: new Set([...(projects ?? []), ...(organizations ?? [])]) };
  if (serviceAccount !== undefined) {
    const { clientId, clientSecret } = serviceAccount;
    const secrets = { id: secretOf(clientId), secret: secretOf(clientSecret) };
    return { name, kind: 'service-account', secrets, ...covers };
  }
  if (apiKey !== undefined) {
    const { publicKey, privateKey } = apiKey;
    const secrets = { id: secretOf(publicKey), secret: secretOf(privateKey) };
    return { name, kind: 'api-key', secrets, ...covers };
  }
  throw new Error(`credentials: ${name} has neither serviceAccount nor apiKey`);
}

/** All configured credentials, in their order. */
export const allCredentialSettings = ({ config, secretOf }: ResolvedConfig): readonly CredentialSettings[] =>
  config.credentials.map((credential) => credentialSettingsOf(credential, secretOf));

/** Resolves all live settings together: if one of them fails, this throws and none is applied. */
export function resolveLiveSettings({ config, secretOf }: ResolvedConfig): LiveSettings {
  const { signingKey } = config.tokens;
  const tlsFiles = (tls: GatewayConfig['admin']['tls']): TlsFiles | undefined =>
    tls && {
      cert: secretOf(tls.cert),
      key: secretOf(tls.key),
      clientCa: tls.clientCa && secretOf(tls.clientCa),
    };
  return {
    tls: tlsFiles(config.listen.tls),
    adminTls: tlsFiles(config.admin.tls),
    adminToken: config.admin.token === undefined ? undefined : secretOf(config.admin.token),
    signingKey: signingKey === undefined ? undefined : Buffer.from(secretOf(signingKey)),
    accessList: accessListOf(config, secretOf),
    trustedProxies: config.listen.trustedProxies,
    credentials: allCredentialSettings({ config, secretOf }),
  };
}

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

/** Begins with the settings of the start; `replace` is the only change. */
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
