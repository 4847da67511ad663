import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';

/** A command-line flag, as help and shell completion describe it. */
export type Flag =
  | { readonly type: 'boolean'; readonly description: string }
  | {
      readonly type: 'string';
      /** Placeholder for the value in help. Shell completion offers file names for `FILE` and `PATH`. */
      readonly value: 'FILE' | 'PATH' | 'NAME' | 'PORT' | 'URL';
      readonly description: string;
      readonly required?: true;
      /** The default, as help shows it. */
      readonly defaultText?: string;
      /** Environment variables that set the same value. */
      readonly variables?: readonly string[];
    };

/** Flags by name, without the dashes. */
export type FlagTable = Readonly<Record<string, Flag>>;

/** A positional argument. */
export interface Argument {
  readonly name: string;
  readonly required?: true;
  readonly choices: () => readonly string[];
  readonly description: string;
}

/** A row of a two-column table in help. */
export type Entry = readonly [name: string, description: string];

/** Help text of a command besides its flags. Texts contain no line breaks; they are wrapped when printed. */
export interface Help {
  /** Paragraphs. */
  readonly description: readonly string[];
  readonly files?: readonly Entry[];
  readonly environment?: readonly Entry[];
  /** Variables that override single settings. */
  readonly settings?: readonly Entry[];
  readonly exitCodes: readonly Entry[];
  /** Shell lines that can be pasted as they are, each with its purpose. */
  readonly examples: readonly Entry[];
}

/** Exit code of a command: 0 success, 1 failure, 2 invalid usage or configuration. */
export type ExitCode = 0 | 1 | 2;

/** Everything a command takes from its environment; tests pass their own. */
export interface CommandContext {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly node: string;
  /** Writes to standard output and standard error. */
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
  readonly isTerminal: boolean;
  /** Standard output for high-volume logging: its file descriptor, and a hook that flushes before exit. If absent, `print` is used. */
  readonly output?: { readonly fd: number; readonly atEnd: (flush: () => void) => void };
  readonly readFile: (path: string) => string;
  /** Returns why a file cannot be written at a path, with a remedy; undefined if it can. */
  readonly whyNotWritable: (path: string) => string | undefined;
  /** Creates a file with owner-only permissions; throws if it exists. */
  readonly writeFile: (path: string, text: string) => void;
  readonly clock: Clock;
  readonly random: Random;
  /** Resolves on SIGTERM (sent by orchestrators) or SIGINT (Ctrl-C). */
  readonly shutdownSignal: () => Promise<'SIGTERM' | 'SIGINT'>;
  /** Routes exceptions of background work to `handle`; before this call they are written to standard error. */
  readonly handleBackgroundErrors: (handle: (error: unknown) => void) => void;
  /** Makes SIGHUP, which is also sent when a terminal closes, call `reload` instead of terminating the process. */
  readonly onHangup: (reload: () => void) => void;
}

/** Arguments, help and implementation of a command. */
export interface CommandBody {
  readonly argument?: Argument;
  readonly flags: FlagTable;
  readonly help: Help;
  run(flags: Flags, context: CommandContext): Promise<ExitCode>;
}

/** A command in the list of commands; its module is imported only when the command is run. */
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

/** Imports a command's module. */
export const readCommand = async ({ name, summary, read }: ListedCommand): Promise<Command> => ({
  name,
  summary,
  ...(await read()),
});

/** Flag values, and the argument by its name; undefined if not given. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>;

/** An invalid command line; the message is shown to the user. */
export class UsageError extends Error {}

/** The flag that every command has. */
export const HELP_FLAG = { name: 'help', short: 'h', description: 'Shows this help.' } as const;

/** The port given with a flag, or the default. */
export function readPort(flags: Flags, name: string, defaultPort: number): number {
  const value = flags[name];
  if (value === undefined) return defaultPort;
  if (typeof value !== 'string' || !/^\d{1,5}$/.test(value) || Number(value) > 65_535)
    throw new UsageError(`--${name} must be a port from 0 to 65535`);
  return Number(value);
}

/** The value of a string flag, or undefined. */
export function readText(flags: Flags, name: string): string | undefined {
  const value = flags[name];
  return typeof value === 'string' ? value : undefined;
}
