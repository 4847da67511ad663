import { operations } from '../atlas/operations.ts';
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import { formatProblem } from '../config/problem.ts';
import { type CommandContext, type Flags, readText } from './command.ts';

/** The flag of every command that reads the configuration. */
export const CONFIG_FLAG = { config: { type: 'string' } } as const;

/** The configuration that flags and environment name. */
export function readConfiguration(flags: Flags, { env, readFile }: CommandContext): LoadedConfig {
  const path = readText(flags, 'config') ?? env['ATLAS_GATEWAY_CONFIG'];
  const known = {
    operations: new Set(operations.flatMap(({ id, alias }) => (alias === undefined ? [id] : [id, alias]))),
    tags: new Set(operations.map(({ tag }) => tag)),
  };
  return loadConfig({ env, readFile, known, ...(path === undefined ? {} : { path }) });
}

/** Prints every problem of a configuration, one a line. */
export function printProblems(
  loaded: Extract<LoadedConfig, { ok: false }>,
  { printError }: CommandContext,
): void {
  for (const problem of loaded.problems) printError(`${formatProblem(problem)}\n`);
}
