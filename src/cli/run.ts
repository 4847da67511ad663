import { didYouMean } from '../lib/suggest.ts';
import { check } from './check.ts';
import { type Command, type CommandContext, type ExitCode, readFlags, UsageError } from './command.ts';
import { createCompletion } from './completion.ts';
import { demo } from './demo.ts';
import { healthcheck } from './healthcheck.ts';
import { createHelp, helpOf, overview } from './help.ts';
import { newKey } from './new-key.ts';
import { serve } from './serve.ts';
import { simulator } from './simulator.ts';

/** Every command there is, in the order they are told of. */
export const COMMANDS: readonly Command[] = [
  serve,
  demo,
  check,
  newKey,
  healthcheck,
  simulator,
  createCompletion(() => COMMANDS),
  createHelp(() => COMMANDS),
];

/** Runs the command that the arguments name. */
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
  const command = COMMANDS.find((one) => one.name === name);
  try {
    if (command === undefined)
      throw new UsageError(
        `there is no command '${name}'${didYouMean(
          name,
          COMMANDS.map((one) => one.name),
        )}`,
      );
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
