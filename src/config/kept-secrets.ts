import { memberOf } from '../lib/record.ts';
import type { Path } from './config-error.ts';
import { fileRefs, secretRefs } from './file-refs.ts';
import { isListed, LIVE_SETTINGS, type ResolvedConfig } from './reload-settings.ts';
import type { GatewayConfig, SecretRef } from './schema.ts';

/** Values of live secrets, certificates and key sets, by setting. */
export type SecretsInForce = ReadonlyMap<string, string>;

/** What identifies an entry of `callers`, `credentials`, `keys` or `issuers`. */
const NAME_FIELDS = ['name', 'id', 'issuer'];

const nameOf = (entry: unknown): unknown =>
  NAME_FIELDS.map((field) => memberOf(entry, field)).find((name) => name !== undefined);

/** List entries go by their names: where entries were added or removed, an index would lead to the secret of another one. */
function settingOf(config: GatewayConfig, path: Path): string {
  const written: unknown[] = [];
  let at: unknown = config;
  for (const part of path) {
    const member = memberOf(at, part);
    written.push(Array.isArray(at) ? (nameOf(member) ?? part) : part);
    at = member;
  }
  return JSON.stringify(written);
}

const allRefs = (config: GatewayConfig): { ref: SecretRef; path: Path }[] => [
  ...secretRefs(config),
  ...fileRefs(config),
];

/** What a reload keeps where it cannot read or use a new value. */
export const secretsInForce = ({ config, secretOf }: ResolvedConfig): SecretsInForce =>
  new Map(
    allRefs(config)
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
  const values = allRefs(config)
    .filter(({ ref }) => JSON.stringify(ref) === written)
    .map(({ path }) => inForce.get(settingOf(config, path)));
  const [first] = values;
  return values.every((value) => value === first) ? first : undefined;
}
