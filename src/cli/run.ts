import { CommanderError, type Command as Parser } from 'commander';
import {
  type CommandContext,
  type ExitCode,
  type ListedCommand,
  readCommand,
  UsageError,
} from './command.ts';
import { addHelp, addOverview, createHelp } from './help.ts';
import { addFlags, createParser, messageOf, type ParserOutput } from './parser.ts';

const SILENT: ParserOutput = { print: () => undefined, printError: () => undefined };

/** All commands, in the order in which help lists them. */
export const COMMANDS: readonly ListedCommand[] = [
  {
    name: 'serve',
    summary: 'run the gateway',
    read: async () => (await import('./commands/serve.ts')).serve,
  },
  {
    name: 'demo',
    summary: 'run the gateway in front of a simulated Atlas, with sample projects and teams',
    read: async () => (await import('./commands/demo.ts')).demo,
  },
  {
    name: 'check',
    summary: 'check the configuration',
    read: async () => (await import('./commands/check.ts')).check,
  },
  {
    name: 'new-key',
    summary: 'create a caller key',
    read: async () => (await import('./commands/new-key.ts')).newKey,
  },
  {
    name: 'healthcheck',
    summary: 'check whether a running gateway is ready',
    read: async () => (await import('./commands/healthcheck.ts')).healthcheck,
  },
  {
    name: 'simulator',
    summary: 'run only the simulated Atlas',
    read: async () => (await import('./commands/simulator.ts')).simulator,
  },
  {
    name: 'completion',
    summary: 'print a shell completion script',
    read: async () =>
      (await import('./commands/completion.ts')).createCompletion(() =>
        Promise.all(COMMANDS.map(readCommand)),
      ),
  },
  {
    name: 'help',
    summary: 'show help for a command',
    read: async () =>
      createHelp(
        () => COMMANDS,
        () => createProgram(SILENT).helpInformation(),
      ),
  },
];

/** The parser of the program, with the name and summary of each command but without its flags. */
function createProgram(output: ParserOutput, version = ''): Parser {
  const program = addOverview(createParser('atlas-gateway', output))
    .version(version, '--version', 'Prints the version.')
    // Flags after a command are the command's.
    .enablePositionalOptions();
  for (const { name, summary } of COMMANDS) program.addCommand(createParser(name, output).summary(summary));
  return program;
}

/** Prints an invalid command line's error. Anything else that was thrown is thrown again; printed help counts as thrown, too. */
function handleError(error: unknown, parser: Parser, { printError }: CommandContext): ExitCode {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    // Without a command the help is the error.
    if (error.code !== 'commander.help') printError(`atlas-gateway: ${messageOf(error, parser)}\n`);
    return 2;
  }
  if (!(error instanceof UsageError)) throw error;
  printError(`atlas-gateway: ${error.message}\n`);
  return 2;
}

/** Runs the command named by the arguments; only its module is imported. */
export async function run(context: CommandContext): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const program = createProgram(context, context.version);
  const listed = COMMANDS.find(({ name }) => name === context.args[0]);
  const parser = program.commands.find((one) => one.name() === listed?.name);
  try {
    if (parser !== undefined && listed !== undefined) {
      const command = await readCommand(listed);
      const flags = addFlags(addHelp(parser, command), command);
      parser.action(async () => {
        exitCode = await command.run(flags.read(), context);
      });
    }
    await program.parseAsync(context.args, { from: 'user' });
    return exitCode;
  } catch (error) {
    return handleError(error, parser ?? program, context);
  }
}
