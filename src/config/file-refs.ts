import { certificatesProblem, privateKeyProblem } from './certificate-check.ts';
import { type Path, show } from './config-error.ts';
import { keySetProblem } from './key-set-check.ts';
import type { GatewayConfig, SecretRef } from './schema.ts';

/** References to certificates, keys and key sets, whose files are read as they are, with their paths in the configuration. */
export function fileRefs(config: GatewayConfig): { ref: { file: string }; path: Path }[] {
  const ca = config.cache.shared?.ca;
  const atlasCa = config.upstream.ca;
  return [
    ...(atlasCa === undefined ? [] : [{ ref: atlasCa, path: ['upstream', 'ca'] }]),
    ...(ca === undefined ? [] : [{ ref: ca, path: ['cache', 'shared', 'ca'] }]),
    ...tlsSections(config).flatMap(({ section, tls }) =>
      Object.entries(tls).flatMap(([key, ref]) =>
        ref === undefined ? [] : [{ ref, path: [section, 'tls', key] }],
      ),
    ),
    ...config.issuers.flatMap(({ jwks }, index) =>
      'file' in jwks ? [{ ref: jwks, path: ['issuers', index, 'jwks'] }] : [],
    ),
    ...config.callers.flatMap(({ keys }, index) =>
      keys.flatMap(({ ha1 }, place) =>
        ha1 === undefined ? [] : [{ ref: ha1, path: ['callers', index, 'keys', place, 'ha1'] }],
      ),
    ),
  ];
}

/** Returns the problem of such a file's content, or undefined. */
export function contentProblem(path: Path, content: string): string | undefined {
  const setting = show(path);
  if (
    setting.endsWith('ha1') &&
    !/^([a-f0-9]{32}|[a-f0-9]{64})(\s+([a-f0-9]{32}|[a-f0-9]{64}))*\s*$/.test(content)
  )
    return 'contains no HA1; create it with atlas-gateway new-key --ha1-file';
  if (setting.endsWith('jwks')) return keySetProblem(content);
  if (setting.endsWith('tls.key')) return privateKeyProblem(content);
  if (/\.(cert|ca|clientCa)$/.test(setting)) return certificatesProblem(content);
  return undefined;
}

/** Certificates with their private keys, and the path of the key in the configuration. */
export const keyPairs = (
  config: GatewayConfig,
): { cert: { file: string }; key: { file: string }; path: Path }[] =>
  tlsSections(config).map(({ section, tls: { cert, key } }) => ({
    cert,
    key,
    path: [section, 'tls', 'key'],
  }));

/** The listeners with TLS. */
function tlsSections({ listen, admin }: GatewayConfig) {
  return Object.entries({ listen, admin }).flatMap(([section, { tls }]) =>
    tls === undefined ? [] : [{ section, tls }],
  );
}

/** Every reference to a secret, with its path in the configuration. */
export function secretRefs(config: GatewayConfig): { ref: SecretRef; path: Path }[] {
  const refs: { ref: SecretRef; path: Path }[] = [];
  if (config.admin.token !== undefined) refs.push({ ref: config.admin.token, path: ['admin', 'token'] });
  refs.push(...proxyRefs(config));
  const { signingKey } = config.tokens;
  if (signingKey !== undefined) refs.push({ ref: signingKey, path: ['tokens', 'signingKey'] });
  const { snapshot } = config.cache;
  if (snapshot !== undefined)
    refs.push({ ref: snapshot.encryptionKey, path: ['cache', 'snapshot', 'encryptionKey'] });
  const { url, encryptionKey, previousEncryptionKey } = config.cache.shared ?? {};
  for (const [key, ref] of Object.entries({ url, encryptionKey, previousEncryptionKey }))
    if (ref !== undefined) refs.push({ ref, path: ['cache', 'shared', key] });
  for (const [index, { serviceAccount, apiKey }] of config.credentials.entries()) {
    for (const [kind, pairOfSecrets] of Object.entries({ serviceAccount, apiKey })) {
      for (const [key, ref] of Object.entries(pairOfSecrets ?? {}))
        refs.push({ ref, path: ['credentials', index, kind, key] });
    }
  }
  return refs;
}

/** References to the addresses of proxies: of the one to Atlas, and of those to key servers. */
export function proxyRefs({ upstream, issuers }: GatewayConfig): { ref: SecretRef; path: Path }[] {
  const proxies = [
    { ref: upstream.proxy, path: ['upstream', 'proxy'] },
    ...issuers.map(({ jwks }, index) => ({
      ref: 'url' in jwks ? jwks.proxy : undefined,
      path: ['issuers', index, 'jwks', 'proxy'],
    })),
  ];
  return proxies.flatMap(({ ref, path }) => (ref === undefined ? [] : [{ ref, path }]));
}
