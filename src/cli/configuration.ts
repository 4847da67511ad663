import { operations } from '../atlas/operations.ts';
import { formatProblem } from '../config/config-error.ts';
import { variableOf } from '../config/env-overrides.ts';
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

/** The flag of every command that reads the configuration. */
export const CONFIG_FLAG = {
  config: {
    type: 'string',
    value: 'FILE',
    description: 'The configuration.',
    defaultText: 'built-in defaults, and credentials from the environment',
    variables: [CONFIG_VARIABLE],
  },
} as const satisfies FlagTable;

/** What the help of such a command says of where the configuration comes from. */
export const CONFIG_HELP = {
  files: [
    ['FILE', 'YAML; config/gateway.yaml is an annotated sample, docs/configuration.md lists every setting.'],
    [
      '{ file: PATH }',
      'Secrets, keys and certificates that FILE names; paths are relative to the folder of FILE.',
    ],
  ],
  environment: [
    [CONFIG_VARIABLE, 'The configuration, as --config.'],
    [
      'MONGODB_ATLAS_CLIENT_ID, MONGODB_ATLAS_CLIENT_SECRET',
      'A service account of Atlas; used where there is no configuration.',
    ],
    [
      'MONGODB_ATLAS_PUBLIC_KEY, MONGODB_ATLAS_PRIVATE_KEY',
      'Or an API key of Atlas; used where there is no configuration.',
    ],
    ['NODE_EXTRA_CA_CERTS', 'Certificates of your own that are trusted beside the usual ones, PEM.'],
  ],
  settings: SCALAR_SETTINGS.map((setting): Entry => [variableOf(setting), setting]),
} satisfies Partial<Help>;

/** For the help of commands that write log lines for people. */
export const COLOUR_VARIABLE: Entry = [
  'NO_COLOR',
  'Log lines on a terminal are not coloured, where it is not empty.',
];

/** The configuration file that flags and environment name; undefined where they name none. */
export const configurationPath = (flags: Flags, { env }: CommandContext): string | undefined =>
  readText(flags, 'config') ?? env[CONFIG_VARIABLE];

/** The configuration that flags and environment name. */
export function readConfiguration(flags: Flags, context: CommandContext): LoadedConfig {
  const { env, readFile, whyNotWritable } = context;
  const path = configurationPath(flags, context);
  if (path === '')
    return {
      ok: false,
      problems: [
        {
          file: 'environment',
          setting: CONFIG_VARIABLE,
          message: 'is empty; write the path of the configuration into it, or unset it',
        },
      ],
    };
  const known = {
    operations: new Set(operations.flatMap(({ id, alias }) => (alias === undefined ? [id] : [id, alias]))),
    tags: new Set(operations.map(({ tag }) => tag)),
  };
  return loadConfig({ env, readFile, whyNotWritable, known, ...(path === undefined ? {} : { path }) });
}

/** Prints every problem of a configuration, one a line. */
export function printProblems(
  loaded: Extract<LoadedConfig, { ok: false }>,
  { printError }: CommandContext,
): void {
  for (const problem of loaded.problems) printError(`${formatProblem(problem)}\n`);
}
