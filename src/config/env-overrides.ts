import { isRecord } from '../lib/record.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { Problem, Raw } from './config-error.ts';
import { SCALAR_SETTINGS } from './schema.ts';
import { isServiceVariable } from './service-variables.ts';

/** The environment of the process. */
export type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = 'ATLAS_GATEWAY_';
/** The path of the configuration, not a setting. */
const CONFIG_VARIABLE = `${PREFIX}CONFIG`;

/** `listen.publicUrl` → `ATLAS_GATEWAY_LISTEN_PUBLIC_URL` */
export const variableOf = (setting: string): string =>
  PREFIX + setting.replace(/[A-Z]/g, '_$&').replaceAll('.', '_').toUpperCase();

/**
 * Applies the settings from environment variables to the parsed file, which it changes. `overridden` maps each setting to its variable;
 * unknown variables are problems.
 */
export function applyOverrides(
  raw: Raw,
  env: Environment,
): { problems: Problem[]; overridden: Map<string, string> } {
  const settings = new Map<string, string>(SCALAR_SETTINGS.map((setting) => [variableOf(setting), setting]));
  const overridden = new Map<string, string>();
  const problems: Problem[] = [];
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith(PREFIX) || variable === CONFIG_VARIABLE || value === undefined) continue;
    if (isServiceVariable(variable)) continue;
    const setting = settings.get(variable);
    if (setting === undefined) {
      problems.push({
        file: 'environment',
        setting: variable,
        message: `is not a known setting${didYouMean(variable, settings.keys())}`,
      });
      continue;
    }
    const [section = '', key = ''] = setting.split('.');
    const existing = raw[section];
    // A section that is not a mapping is reported, not replaced.
    if (existing !== undefined && existing !== null && !isRecord(existing)) continue;
    raw[section] = {
      ...(isRecord(existing) ? existing : {}),
      [key]: /^\d+(\.\d+)?$/.test(value) ? Number(value) : value,
    };
    overridden.set(setting, variable);
  }
  return { problems, overridden };
}
