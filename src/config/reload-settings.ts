import { isRaw, type Path, show } from './config-error.ts';
import { fileRefs, secretRefs } from './file-refs.ts';
import type { GatewayConfig, SecretRef } from './schema.ts';

/** A configuration that was read, with its secrets. */
export interface ResolvedConfig {
  readonly config: GatewayConfig;
  /** Throws for a reference that the configuration does not name. */
  readonly secretOf: (ref: SecretRef) => string;
}

/**
 * Settings that a reload applies, each with all below it; `*` stands for an index or a name. Every setting is in this list or in the next:
 * a test walks the schema.
 */
export const LIVE_SETTINGS = [
  'listen.tls.cert',
  'listen.tls.key',
  'admin.token',
  'credentials.*.serviceAccount.clientId',
  'credentials.*.serviceAccount.clientSecret',
  'credentials.*.apiKey.publicKey',
  'credentials.*.apiKey.privateKey',
  'credentials.*.expires',
  'callers',
  'issuers',
  'tokens.signingKey',
  'anonymous',
] as const;

/** Settings that keep the value of the start, the content of the files they name included, until the next start. */
export const RESTART_SETTINGS = [
  'listen.host',
  'listen.port',
  'listen.maxInFlight',
  'listen.publicUrl',
  'admin.host',
  'admin.port',
  'upstream',
  'credentials.*.name',
  'credentials.*.projects',
  'credentials.*.organizations',
  'drain',
  'cache',
  'metrics',
] as const;

/** Whether a setting is in a list, by itself or with one above it. */
export function isListed(list: readonly string[], path: readonly string[]): boolean {
  return list.some((pattern) =>
    pattern.split('.').every((part, index) => part === path[index] || (part === '*' && index in path)),
  );
}

/** Names of the settings that changed since the start and wait for the next one. */
export function changesThatWait(started: ResolvedConfig, next: ResolvedConfig): string[] {
  const [before, after] = [valuesOf(started), valuesOf(next)];
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    (setting) => before.get(setting)?.value !== after.get(setting)?.value,
  );
  const waiting = changed.filter((setting) => {
    const path = (before.get(setting) ?? after.get(setting))?.path ?? [];
    return isListed(RESTART_SETTINGS, path);
  });
  const hadTls = started.config.listen.tls !== undefined;
  if (hadTls !== (next.config.listen.tls !== undefined)) waiting.push('listen.tls');
  const usesApiKey = ({ apiKey }: GatewayConfig['credentials'][number]) => apiKey !== undefined;
  for (const credential of next.config.credentials) {
    const atStart = started.config.credentials.find(({ name }) => name === credential.name);
    if (atStart !== undefined && usesApiKey(atStart) !== usesApiKey(credential))
      waiting.push(`credentials[${credential.name}]`);
  }
  if (started.config.admin.token !== undefined && next.config.admin.token === undefined)
    waiting.push('admin.token');
  return waiting;
}

interface SettingValue {
  /** Names only: an index stands in it as the name of what it numbers. */
  readonly path: readonly string[];
  /** Comparable text; for a secret or a file, of the reference and of what it leads to. */
  readonly value: string;
}

/** Every setting that holds a value, by its name; credentials by theirs, so that a changed order changes nothing. */
function valuesOf({ config, secretOf }: ResolvedConfig): Map<string, SettingValue> {
  const references = new Map(
    [...secretRefs(config), ...fileRefs(config)].map(({ ref, path }) => [show(path), ref] as const),
  );
  const values = new Map<string, SettingValue>();

  function collect(value: unknown, place: Path, path: readonly string[], setting: string): void {
    const reference = references.get(show(place));
    if (reference !== undefined) {
      values.set(setting, { path, value: `${JSON.stringify(reference)} ${secretOf(reference)}` });
      return;
    }
    if (!isRaw(value) && !isListOfMappings(value)) {
      if (value !== undefined) values.set(setting, { path, value: JSON.stringify(value) });
      return;
    }
    for (const [key, inner] of Object.entries(value)) {
      const name = Array.isArray(value) ? nameOf(inner, key) : key;
      const written = Array.isArray(value)
        ? `${setting}[${name}]`
        : setting === ''
          ? key
          : `${setting}.${key}`;
      collect(inner, [...place, Array.isArray(value) ? Number(key) : key], [...path, name], written);
    }
  }

  collect(config, [], [], '');
  return values;
}

const isListOfMappings = (value: unknown): value is readonly object[] =>
  Array.isArray(value) && value.length > 0 && value.every(isRaw);

const nameOf = (value: unknown, index: string): string =>
  isRaw(value) && typeof value['name'] === 'string' ? value['name'] : index;
