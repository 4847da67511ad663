import type { Path, Problem, Raw } from './config-error.ts';
import type { Environment } from './env-overrides.ts';
import { readYaml } from './read-yaml.ts';
import type { SecretSources } from './secrets.ts';

/** The settings before validation, with the place of each, or why there are none. */
export type ConfigSource =
  | {
      readonly ok: true;
      readonly raw: Raw;
      readonly locate: (path: Path) => Pick<Problem, 'file' | 'line'>;
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Reads the configuration file or, without one, makes a configuration of the credentials in the environment. */
export const readSource = (path: string | undefined, { env, readFile }: SecretSources): ConfigSource =>
  path === undefined ? sourceFromEnvironment(env) : sourceFromFile(path, readFile);

function sourceFromEnvironment(env: Environment): ConfigSource {
  const raw = configurationFrom(env);
  if (typeof raw === 'string')
    return { ok: false, problems: [{ file: 'environment', setting: '', message: raw }] };
  return { ok: true, raw, locate: () => ({ file: 'environment' }) };
}

function sourceFromFile(path: string, readFile: SecretSources['readFile']): ConfigSource {
  let text: string;
  try {
    text = readFile(path);
  } catch {
    const message =
      'cannot be read; check the path given with --config or ATLAS_GATEWAY_CONFIG, which must lead to a regular file';
    return { ok: false, problems: [{ file: path, setting: '', message }] };
  }
  const read = readYaml(path, text);
  if (!read.ok) return read;
  return { ok: true, raw: read.raw, locate: (where) => ({ file: path, line: read.lineOf(where) }) };
}

const pair = (one: string, other: string): string => `${one} is set but ${other} is not; set both`;

/** The configuration used without a file: one credential, all reads open to local clients. Returns a message if there is no credential. */
function configurationFrom(env: Environment): Raw | string {
  const isSet = (variable: string) => (env[variable] ?? '') !== '';
  const [id, secret, publicKey, privateKey] = [
    'MONGODB_ATLAS_CLIENT_ID',
    'MONGODB_ATLAS_CLIENT_SECRET',
    'MONGODB_ATLAS_PUBLIC_KEY',
    'MONGODB_ATLAS_PRIVATE_KEY',
  ] as const;
  for (const [one, other] of [
    [id, secret],
    [secret, id],
    [publicKey, privateKey],
    [privateKey, publicKey],
  ] as const) {
    if (isSet(one) && !isSet(other)) return pair(one, other);
  }
  const configurationWith = (credential: object): Raw => ({
    credentials: [{ name: 'environment', ...credential }],
    anonymous: { projects: 'all', organizations: 'all', operations: 'reads' },
  });
  if (isSet(id))
    return configurationWith({ serviceAccount: { clientId: { env: id }, clientSecret: { env: secret } } });
  if (isSet(publicKey))
    return configurationWith({ apiKey: { publicKey: { env: publicKey }, privateKey: { env: privateKey } } });
  return `no configuration and no credentials; start with --config FILE, or set ${id} and ${secret} (or ${publicKey} and ${privateKey}), or try the gateway without Atlas: atlas-gateway demo`;
}
