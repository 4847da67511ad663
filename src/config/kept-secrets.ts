import { type Path, show } from './config-error.ts';
import { secretRefs } from './file-refs.ts';
import { isListed, LIVE_SETTINGS, type ResolvedConfig } from './reload-settings.ts';
import type { GatewayConfig, SecretRef } from './schema.ts';

/** Values of live secrets, by setting. A credential's setting contains its name, so that the order of credentials does not matter. */
export type SecretsInForce = ReadonlyMap<string, string>;

function settingOf({ credentials }: GatewayConfig, path: Path): string {
  const [section, index, ...rest] = path;
  const name = section === 'credentials' ? credentials[Number(index)]?.name : undefined;
  return name === undefined ? show(path) : show([section ?? '', name, ...rest]);
}

/** The secrets that a reload keeps where it cannot read their new values. */
export const secretsInForce = ({ config, secretOf }: ResolvedConfig): SecretsInForce =>
  new Map(
    secretRefs(config)
      .filter(({ path }) => isListed(LIVE_SETTINGS, path.map(String)))
      .map(({ ref, path }) => [settingOf(config, path), secretOf(ref)]),
  );

/**
 * The value that stays in force for a reference. Undefined if a setting that has this reference had none, or if two that have it had
 * different ones: a reference has one value.
 */
export function keptValue(
  config: GatewayConfig,
  reference: SecretRef,
  inForce: SecretsInForce,
): string | undefined {
  const written = JSON.stringify(reference);
  const values = secretRefs(config)
    .filter(({ ref }) => JSON.stringify(ref) === written)
    .map(({ path }) => inForce.get(settingOf(config, path)));
  const [first] = values;
  return values.every((value) => value === first) ? first : undefined;
}
