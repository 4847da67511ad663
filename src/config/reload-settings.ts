import { isRecord } from '../lib/record.ts';
import { type Path, show } from './config-error.ts';
import { fileRefs, secretRefs } from './file-refs.ts';
import type { GatewayConfig, SecretRef } from './schema.ts';

/** A loaded configuration with its secrets. */
export interface ResolvedConfig {
  readonly config: GatewayConfig;
  /** Throws for a reference that is not in the configuration. */
  readonly secretOf: (ref: SecretRef) => string;
}

/**
 * Settings that a reload applies, including everything below them. A test walks the schema and checks that every setting is either in this
 * list or in the next.
 */
export const LIVE_SETTINGS = [
  'listen.tls.cert',
  'listen.tls.key',
  'listen.trustedProxies',
  'admin.tls',
  'admin.token',
  'credentials',
  'callers',
  'issuers',
  'tokens.signingKey',
  'anonymous',
  'log',
] as const;

/** Settings, including the content of referenced files, that only take effect at startup. */
export const RESTART_SETTINGS = [
  'listen.host',
  'listen.port',
  'listen.socket',
  'listen.maxInFlight',
  'listen.publicUrl',
  'admin.host',
  'admin.port',
  'admin.socket',
  'upstream',
  'drain',
  'cache',
  'tracing',
  'metrics',
] as const;

/** Whether a list contains a setting or one of its ancestors. */
export function isListed(list: readonly string[], path: readonly string[]): boolean {
  return list.some((setting) => setting.split('.').every((part, index) => part === path[index]));
}

/** Names of the settings that changed since startup and require a restart. */
export function changesThatWait(started: ResolvedConfig, next: ResolvedConfig): string[] {
  const [before, after] = [valuesOf(started), valuesOf(next)];
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    (setting) => before.get(setting)?.value !== after.get(setting)?.value,
  );
  const waiting = changed.filter((setting) => {
    const path = (before.get(setting) ?? after.get(setting))?.path ?? [];
    return isListed(RESTART_SETTINGS, path);
  });
  waiting.push(...listenerChanges(started.config, next.config));
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

/** Whether a listener has TLS, and requires client certificates, is decided when it is created. */
function listenerChanges(started: GatewayConfig, next: GatewayConfig): string[] {
  const settings = {
    'listen.tls': ({ listen }: GatewayConfig) => listen.tls,
    'admin.tls': ({ admin }: GatewayConfig) => admin.tls,
    'admin.tls.clientCa': ({ admin }: GatewayConfig) => admin.tls?.clientCa,
  };
  return Object.entries(settings)
    .filter(([, read]) => (read(started) === undefined) !== (read(next) === undefined))
    .map(([setting]) => setting);
}

interface SettingValue {
  /** Names only: an index is replaced by the name of its entry. */
  readonly path: readonly string[];
  /** Comparable text; for secrets and files, the reference and the content. */
  readonly value: string;
}

/** Every setting with a value, by name. List entries are identified by their names, so that reordering them is not a change. */
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
    if (!isRecord(value) && !isListOfMappings(value)) {
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
  Array.isArray(value) && value.length > 0 && value.every(isRecord);

const nameOf = (value: unknown, index: string): string =>
  isRecord(value) && typeof value['name'] === 'string' ? value['name'] : index;
