import { Help, type Command as Parser } from 'commander';
import {
  type Command,
  type CommandBody,
  type Entry,
  type ListedCommand,
  readCommand,
  UsageError,
} from './command.ts';
import { addFlags, createParser, HELP_WIDTH } from './parser.ts';

const INDENT = 2;
/** If a table does not fit on single lines, longer names get a line of their own. */
const MAX_NAME = 26;

/** A two-column table of names and descriptions. */
function table(entries: readonly Entry[], helper: Help): string {
  const lengths = entries.map(([name]) => name.length);
  const widest = Math.max(0, ...lengths);
  const fits = entries.every(([, description]) => INDENT + widest + 2 + description.length <= HELP_WIDTH);
  const width = fits ? widest : Math.max(0, ...lengths.filter((length) => length <= MAX_NAME));
  const rows = entries.map(([name, description]) =>
    name.length > width
      ? `${' '.repeat(INDENT)}${name}\n${helper.formatItem('', width, description, helper)}`
      : helper.formatItem(name, width, description, helper),
  );
  return `${rows.join('\n')}\n`;
}

const section = (title: string, body: string): string => (body.trim() === '' ? '' : `\n${title}:\n${body}`);

/** `atlas-gateway check [--config FILE] [--online]` */
function synopsis({ name: command, argument, flags }: Command): string {
  const optional = (word: string, required = false) => (required ? word : `[${word}]`);
  const words = [
    ...(argument === undefined ? [] : [optional(argument.name, argument.required)]),
    ...Object.entries(flags).map(([name, flag]) =>
      flag.type === 'boolean' ? optional(`--${name}`) : optional(`--${name} <${flag.value}>`, flag.required),
    ),
  ];
  return ['atlas-gateway', command, ...words].join(' ');
}

/** The sections that follow the flags. */
function moreSections({ help }: Command, helper: Help): string {
  const examples = help.examples.map(([line, purpose]) => {
    const comment = helper.boxWrap(purpose, HELP_WIDTH - 4).replaceAll('\n', '\n  # ');
    return `  # ${comment}\n  ${line}\n`;
  });
  return [
    section('Files', table(help.files ?? [], helper)),
    section('Environment', table(help.environment ?? [], helper)),
    section('Settings in the environment', table(help.settings ?? [], helper)),
    section('Exit codes', table(help.exitCodes, helper)),
    section('Examples', examples.join('\n')),
  ].join('');
}

/** Gives a parser the help of its command. */
export function addHelp(parser: Parser, command: Command): Parser {
  const { summary, help } = command;
  const sentence = `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
  return parser.description([sentence, ...help.description].join('\n\n')).configureHelp({
    commandUsage: () => synopsis(command),
    formatHelp: (described, helper) =>
      `${new Help().formatHelp(described, helper).trimEnd()}\n${moreSections(command, helper)}`,
  });
}

/** The full help text of a command. */
export function helpOf(command: Command): string {
  const ignore = () => undefined;
  const parser = addHelp(createParser(command.name, { print: ignore, printError: ignore }), command);
  addFlags(parser, command);
  return parser.helpInformation();
}

const GETTING_STARTED = `
atlas-gateway help <command> shows help for one.
Exit codes: 0 success, 1 failure, 2 invalid usage or configuration.
To get started: atlas-gateway demo
`;

/** Gives the parser of the program its help, which lists the commands. */
export const addOverview = (program: Parser): Parser =>
  program.usage('<command> [flags]').configureHelp({
    subcommandTerm: (parser) => parser.name(),
    formatHelp: (described, helper) =>
      `${new Help().formatHelp(described, helper).trimEnd()}\n${GETTING_STARTED}`,
  });

/** Creates the `help` command; `commands` returns all commands, and `overview` the help that lists them. */
export function createHelp(commands: () => readonly ListedCommand[], overview: () => string): CommandBody {
  return {
    argument: {
      name: 'COMMAND',
      choices: () => commands().map(({ name }) => name),
      description: 'The command to describe; without it, all commands are listed.',
    },
    flags: {},
    help: {
      description: ['The same as atlas-gateway COMMAND --help.'],
      exitCodes: [
        ['0', 'The help was printed.'],
        ['2', 'No such command.'],
      ],
      examples: [['atlas-gateway help serve', 'Shows the help of serve.']],
    },
    async run(flags, { print }) {
      const name = flags['COMMAND'];
      if (name === undefined) {
        print(overview());
        return 0;
      }
      const command = commands().find((one) => one.name === name);
      if (command === undefined) throw new UsageError(`unknown command '${name}'`);
      print(helpOf(await readCommand(command)));
      return 0;
    },
  };
}
