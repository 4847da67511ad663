import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { didYouMean } from '../lib/suggest.ts';

/** Flags as `parseArgs` takes them. */
export type FlagOptions = NonNullable<ParseArgsConfig['options']>;

/** How a command ended: 0 done, 1 failed, 2 wrong usage or configuration. */
export type ExitCode = 0 | 1 | 2;

/** Everything a command knows of the world it is run in. */
export interface CommandContext {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly node: string;
  /** Writes to standard output and standard error. */
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
  readonly isTerminal: boolean;
  /** Standard output where many lines go: its file descriptor, and what to do before the process ends. Absent: `print` takes them. */
  readonly output?: { readonly fd: number; readonly atEnd: (flush: () => void) => void };
  readonly readFile: (path: string) => string;
  /** Writes a file that must not be there yet, readable by its owner only. */
  readonly writeFile: (path: string, text: string) => void;
  readonly clock: Clock;
  readonly random: Random;
  /** Resolves when the process is asked to end: by an orchestrator, or by a person who waits. */
  readonly asked: () => Promise<'SIGTERM' | 'SIGINT'>;
}

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** The whole help text below the usage line. */
  readonly help: string;
  readonly flags: FlagOptions;
  run(flags: Flags, context: CommandContext): Promise<ExitCode>;
}

/** Flags as they were given; a flag that was not is undefined. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>;

/** A wrong command line, in a sentence. */
export class UsageError extends Error {}

/** Reads a command's flags; an unknown one is a UsageError that suggests a known one. */
export function readFlags(command: Command, args: readonly string[]): Flags {
  const options: FlagOptions = { ...command.flags, help: { type: 'boolean', short: 'h' } };
  const names = Object.keys(options).map((name) => `--${name}`);
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const flags: Record<string, string | boolean | undefined> = {};
  for (const token of tokens) {
    if (token.kind === 'positional')
      throw new UsageError(`'${token.value}' is not expected here; see atlas-gateway ${command.name} --help`);
    if (token.kind !== 'option') continue;
    const option = options[token.name];
    if (option === undefined)
      throw new UsageError(`unknown flag ${token.rawName}${didYouMean(token.rawName, names)}`);
    if (option.type === 'string' && token.value === undefined)
      throw new UsageError(`${token.rawName} needs a value`);
    if (option.type === 'boolean' && token.value !== undefined)
      throw new UsageError(`${token.rawName} takes no value`);
    flags[token.name] = token.value ?? true;
  }
  return flags;
}

/** A port flag's number, or the standard. */
export function readPort(flags: Flags, name: string, standard: number): number {
  const value = flags[name];
  if (value === undefined) return standard;
  if (typeof value !== 'string' || !/^\d{1,5}$/.test(value) || Number(value) > 65_535)
    throw new UsageError(`--${name} must be a port from 0 to 65535`);
  return Number(value);
}

/** A text flag, or undefined. */
export function readText(flags: Flags, name: string): string | undefined {
  const value = flags[name];
  return typeof value === 'string' ? value : undefined;
}
