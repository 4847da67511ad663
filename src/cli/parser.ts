import { Argument, type CommanderError, Option, Command as Parser } from 'commander';
import { didYouMean } from '../lib/suggest.ts';
import {
  type CommandBody,
  type CommandContext,
  type Flag,
  type Flags,
  HELP_FLAG,
  UsageError,
} from './command.ts';

/** Where a parser prints its help. */
export type ParserOutput = Pick<CommandContext, 'print' | 'printError'>;

/** Help must read well in 80-column terminals and in pipes: it is always wrapped at this width and never coloured. */
export const HELP_WIDTH = 80;

/** Neither prints errors nor exits: errors are thrown, so that every one has the same form and exit code. */
export function createParser(name: string, { print, printError }: ParserOutput): Parser {
  return new Parser(name)
    .exitOverride()
    .allowExcessArguments(false)
    .helpCommand(false)
    .optionsGroup('Flags:')
    .helpOption(`-${HELP_FLAG.short}, --${HELP_FLAG.name}`, HELP_FLAG.description)
    .configureOutput({
      writeOut: print,
      writeErr: printError,
      outputError: () => undefined,
      getOutHelpWidth: () => HELP_WIDTH,
      getErrHelpWidth: () => HELP_WIDTH,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
}

function optionOf(name: string, flag: Flag): Option {
  if (flag.type === 'boolean') return new Option(`--${name}`, flag.description);
  const defaultText = flag.defaultText === undefined ? '' : ` Default: ${flag.defaultText}.`;
  const variables =
    flag.variables === undefined
      ? ''
      : ` Also set by ${flag.variables.join(' and ')}; the flag takes precedence.`;
  return new Option(`--${name} <${flag.value}>`, `${flag.description}${defaultText}${variables}`).argParser(
    (value: string) => {
      if (value === '') throw new UsageError(`--${name} needs a value`);
      return value;
    },
  );
}

function argumentOf({ name, description, choices }: NonNullable<CommandBody['argument']>): Argument {
  const argument = new Argument(`[${name}]`, `${description} One of ${choices().join(', ')}.`);
  return argument.argParser((value: string) => {
    if (!choices().includes(value))
      throw new UsageError(`'${value}' is not one of ${choices().join(', ')}${didYouMean(value, choices())}`);
    return value;
  });
}

/** Adds the argument and the flags of a command; `read` returns their values once they are parsed. */
export function addFlags(parser: Parser, { argument, flags }: CommandBody): { readonly read: () => Flags } {
  const options = Object.entries(flags).map(([name, flag]) => ({ name, option: optionOf(name, flag) }));
  for (const { option } of options) parser.addOption(option);
  if (argument !== undefined) parser.addArgument(argumentOf(argument));
  return {
    read() {
      const values: Record<string, string | boolean | undefined> = {};
      for (const { name, option } of options) values[name] = parser.getOptionValue(option.attributeName());
      if (argument !== undefined) values[argument.name] = parser.processedArgs[0];
      return values;
    },
  };
}

function unexpectedArgument(parser: Parser): string {
  const { length } = parser.registeredArguments;
  return `unexpected argument '${parser.args[length] ?? ''}': ${parser.name()} takes ${length === 0 ? 'no arguments' : 'only one'}`;
}

/** The message of a parser's error in the form of all others. The parser does not see that `--flag=value` begins with a flag. */
export function messageOf({ code, message }: CommanderError, parser: Parser): string {
  if (code === 'commander.excessArguments') return unexpectedArgument(parser);
  const [, valueless] = /option '(--[\w-]+) <\w+>' argument missing/.exec(message) ?? [];
  if (valueless !== undefined) return `${valueless} needs a value`;
  const text = message.replace(/^error: /, '').replaceAll('\n', ' ');
  const [, flag] = /^unknown option '(--[\w-]+)=/.exec(text) ?? [];
  if (flag === undefined) return text;
  const flags = parser.options.flatMap(({ long }) => long ?? []);
  return flags.includes(flag)
    ? `${flag} takes no value`
    : `unknown option '${flag}'${didYouMean(flag, flags)}`;
}
