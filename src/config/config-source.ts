import type { Path, Problem, Raw } from './config-error.ts';
import { fromEnvironment } from './env-overrides.ts';
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

function sourceFromEnvironment(env: SecretSources['env']): ConfigSource {
  const raw = fromEnvironment(env);
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
