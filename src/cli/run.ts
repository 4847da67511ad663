import { didYouMean } from '../lib/suggest.ts';
import { check } from './check.ts';
import { type Command, type CommandContext, type ExitCode, readFlags, UsageError } from './command.ts';
import { demo } from './demo.ts';
import { healthcheck } from './healthcheck.ts';
import { newKey } from './new-key.ts';
import { serve } from './serve.ts';
import { simulator } from './simulator.ts';

const COMMANDS: readonly Command[] = [serve, demo, check, newKey, healthcheck, simulator];

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `usage: atlas-gateway <command> [flags]

${lines.join('\n')}

atlas-gateway <command> --help tells more. Begin with: atlas-gateway demo
`;
}

/** Runs the command that the arguments name. */
export async function run(context: CommandContext): Promise<ExitCode> {
  const [name, ...args] = context.args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    (name === undefined ? context.printError : context.print)(overview());
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
      context.print(`usage: atlas-gateway ${command.name} [flags]\n${command.summary}\n\n${command.help}`);
      return 0;
    }
    return await command.run(flags, context);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    context.printError(`atlas-gateway: ${error.message}\n`);
    return 2;
  }
}
