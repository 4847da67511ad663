import { parseArgs } from 'node:util';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { didYouMean } from '../lib/suggest.ts';

/** A flag: what it takes, and what help and completion say of it. */
export type Flag =
  | { readonly type: 'boolean'; readonly description: string }
  | {
      readonly type: 'string';
      /** What stands for the value in help. `FILE` and `PATH` are completed with file names. */
      readonly value: 'FILE' | 'PATH' | 'NAME' | 'PORT' | 'URL';
      readonly description: string;
      readonly required?: true;
      /** What holds where the flag is left out, in words. */
      readonly defaultText?: string;
      /** Environment variables that say the same. */
      readonly variables?: readonly string[];
    };

/** Flags by name, without the dashes. */
export type FlagTable = Readonly<Record<string, Flag>>;

/** A word that is no flag. */
export interface Argument {
  readonly name: string;
  readonly required?: true;
  readonly choices: () => readonly string[];
  readonly description: string;
}

/** A name and what there is to say of it. */
export type Entry = readonly [name: string, description: string];

/** What the help of a command tells beside its flags. Texts are without line ends; help breaks them. */
export interface Help {
  /** Paragraphs. */
  readonly description: readonly string[];
  readonly files?: readonly Entry[];
  readonly environment?: readonly Entry[];
  /** Variables that override single settings. */
  readonly settings?: readonly Entry[];
  readonly exitCodes: readonly Entry[];
  /** Lines that work when pasted, each with what it does. */
  readonly examples: readonly Entry[];
}

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
  /** Why a file cannot be written at a path, and what to do; undefined where it can. */
  readonly whyNotWritable: (path: string) => string | undefined;
  /** Writes a file that must not be there yet, readable by its owner only. */
  readonly writeFile: (path: string, text: string) => void;
  readonly clock: Clock;
  readonly random: Random;
  /** Resolves when the process is asked to end: by an orchestrator, or by a person who waits. */
  readonly shutdownSignal: () => Promise<'SIGTERM' | 'SIGINT'>;
  /** From now on `handle` gets exceptions of background work; until then they are written to standard error. */
  readonly handleBackgroundErrors: (handle: (error: unknown) => void) => void;
  /** From now on SIGHUP, which also comes when a terminal is closed, calls `reload` and no longer ends the process. */
  readonly onHangup: (reload: () => void) => void;
}

/** What a command takes, tells of itself and does. */
export interface CommandBody {
  readonly argument?: Argument;
  readonly flags: FlagTable;
  readonly help: Help;
  run(flags: Flags, context: CommandContext): Promise<ExitCode>;
}

/** A command in the list of all; its body, and what that needs, is read when the command is named. */
export interface ListedCommand {
  readonly name: string;
  /** One line for the list. */
  readonly summary: string;
  readonly read: () => Promise<CommandBody>;
}

export interface Command extends CommandBody {
  readonly name: string;
  readonly summary: string;
}

/** The whole of a command. */
export const readCommand = async ({ name, summary, read }: ListedCommand): Promise<Command> => ({
  name,
  summary,
  ...(await read()),
});

/** Flags as they were given, and the argument by its name; what was not given is undefined. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>;

/** A wrong command line, in a sentence. */
export class UsageError extends Error {}

/** The flag that every command has. */
export const HELP_FLAG = { name: 'help', short: 'h', description: 'Shows this text.' } as const;

function readArgument({ name, argument }: Command, value: string, flags: Flags): string {
  if (argument === undefined || flags[argument.name] !== undefined)
    throw new UsageError(`'${value}' is not expected here; see atlas-gateway ${name} --help`);
  const choices = argument.choices();
  if (!choices.includes(value))
    throw new UsageError(`'${value}' is none of ${choices.join(', ')}${didYouMean(value, choices)}`);
  return value;
}

/** Reads a command's flags; an unknown one is a UsageError that suggests a known one. */
export function readFlags(command: Command, args: readonly string[]): Flags {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {
    [HELP_FLAG.name]: { type: 'boolean', short: HELP_FLAG.short },
  };
  for (const [name, { type }] of Object.entries(command.flags)) options[name] = { type };
  const names = Object.keys(options).map((name) => `--${name}`);
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const flags: Record<string, string | boolean | undefined> = {};
  for (const token of tokens) {
    if (token.kind === 'positional') {
      const value = readArgument(command, token.value, flags);
      if (command.argument !== undefined) flags[command.argument.name] = value;
    }
    if (token.kind !== 'option') continue;
    const option = options[token.name];
    if (option === undefined)
      throw new UsageError(`unknown flag ${token.rawName}${didYouMean(token.rawName, names)}`);
    if (option.type === 'string' && (token.value ?? '') === '')
      throw new UsageError(`${token.rawName} needs a value`);
    if (option.type === 'boolean' && token.value !== undefined)
      throw new UsageError(`${token.rawName} takes no value`);
    flags[token.name] = token.value ?? true;
  }
  return flags;
}

/** A port flag's number, or the standard. */
export function readPort(flags: Flags, name: string, defaultText: number): number {
  const value = flags[name];
  if (value === undefined) return defaultText;
  if (typeof value !== 'string' || !/^\d{1,5}$/.test(value) || Number(value) > 65_535)
    throw new UsageError(`--${name} must be a port from 0 to 65535`);
  return Number(value);
}

/** A text flag, or undefined. */
export function readText(flags: Flags, name: string): string | undefined {
  const value = flags[name];
  return typeof value === 'string' ? value : undefined;
}
