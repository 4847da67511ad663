import { operations } from '../atlas/operations.ts';
import { formatProblem } from '../config/config-error.ts';
import { variableOf } from '../config/env-overrides.ts';
import type { SecretsInForce } from '../config/kept-secrets.ts';
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import { SCALAR_SETTINGS } from '../config/schema.ts';
import {
  type CommandContext,
  type Entry,
  type Flags,
  type FlagTable,
  type Help,
  readText,
} from './command.ts';

const CONFIG_VARIABLE = 'ATLAS_GATEWAY_CONFIG';

/** The flag shared by all commands that read the configuration. */
export const CONFIG_FLAG = {
  config: {
    type: 'string',
    value: 'FILE',
    description: 'Configuration file.',
    defaultText: 'built-in defaults, and credentials from the environment',
    variables: [CONFIG_VARIABLE],
  },
} as const satisfies FlagTable;

/** Help sections about the configuration, for the same commands. */
export const CONFIG_HELP = {
  files: [
    ['FILE', 'YAML. config/gateway.yaml is an annotated sample; docs/configuration.md lists every setting.'],
    [
      '{ file: PATH }',
      'Secrets, keys and certificates referenced by FILE; paths are relative to the folder of FILE.',
    ],
  ],
  environment: [
    [CONFIG_VARIABLE, 'Configuration file, like --config.'],
    [
      'MONGODB_ATLAS_CLIENT_ID, MONGODB_ATLAS_CLIENT_SECRET',
      'An Atlas service account; used if no configuration file is given.',
    ],
    [
      'MONGODB_ATLAS_PUBLIC_KEY, MONGODB_ATLAS_PRIVATE_KEY',
      'Or an Atlas API key; used if no configuration file is given.',
    ],
    [
      'HTTPS_PROXY, NO_PROXY',
      'Proxy to Atlas and to the key servers of issuers, and hosts that are reached without it; in lower case too. A proxy that FILE names takes precedence.',
    ],
    [
      'NODE_EXTRA_CA_CERTS',
      'PEM file of additional trusted CA certificates; for Atlas, upstream.ca replaces it.',
    ],
  ],
  settings: SCALAR_SETTINGS.map((setting): Entry => [variableOf(setting), setting]),
} satisfies Partial<Help>;

/** Path of the configuration file from flags or environment; undefined if neither names one. */
export const configurationPath = (flags: Flags, { env }: CommandContext): string | undefined =>
  readText(flags, 'config') ?? env[CONFIG_VARIABLE];

/** Loads the configuration that flags or environment name. `inForce`: at a reload, the values to keep where new ones cannot be read or used. */
export function readConfiguration(
  flags: Flags,
  context: CommandContext,
  inForce?: SecretsInForce,
): LoadedConfig {
  const { env, readFile, whyNotWritable } = context;
  const path = configurationPath(flags, context);
  if (path === '')
    return {
      ok: false,
      problems: [
        {
          file: 'environment',
          setting: CONFIG_VARIABLE,
          message: 'is empty; set it to the path of the configuration file, or unset it',
        },
      ],
    };
  const known = {
    operations: new Set(operations.flatMap(({ id, alias }) => (alias === undefined ? [id] : [id, alias]))),
    tags: new Set(operations.flatMap(({ kind, tag }) => (kind === 'list' ? [tag] : []))),
    readTags: new Set(operations.map(({ tag }) => tag)),
  };
  return loadConfig({
    ...{ env, readFile, whyNotWritable, known },
    ...(path === undefined ? {} : { path }),
    ...(inForce === undefined ? {} : { inForce }),
  });
}

/** Prints the problems of a configuration, one per line. */
export function printProblems(
  loaded: Extract<LoadedConfig, { ok: false }>,
  { printError }: CommandContext,
): void {
  for (const problem of loaded.problems) printError(`${formatProblem(problem)}\n`);
}
