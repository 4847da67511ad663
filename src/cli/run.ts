import { didYouMean } from '../lib/suggest.ts';
import {
  type CommandContext,
  type ExitCode,
  type ListedCommand,
  readCommand,
  readFlags,
  UsageError,
} from './command.ts';
import { createHelp, helpOf, overview } from './help.ts';

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
  { name: 'help', summary: 'show help for a command', read: async () => createHelp(() => COMMANDS) },
];

/** Runs the command named by the arguments. */
export async function run(context: CommandContext): Promise<ExitCode> {
  const [name, ...args] = context.args;
  if (name === undefined || name === '--help' || name === '-h') {
    (name === undefined ? context.printError : context.print)(overview(COMMANDS));
    return name === undefined ? 2 : 0;
  }
  if (name === '--version') {
    context.print(`${context.version}\n`);
    return 0;
  }
  const listed = COMMANDS.find((one) => one.name === name);
  try {
    if (listed === undefined)
      throw new UsageError(
        `unknown command '${name}'${didYouMean(
          name,
          COMMANDS.map((one) => one.name),
        )}`,
      );
    const command = await readCommand(listed);
    const flags = readFlags(command, args);
    if (flags['help'] === true) {
      context.print(helpOf(command));
      return 0;
    }
    return await command.run(flags, context);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    context.printError(`atlas-gateway: ${error.message}\n`);
    return 2;
  }
}
