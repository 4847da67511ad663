import {
  type Command,
  type CommandBody,
  type Entry,
  type Flag,
  HELP_FLAG,
  type ListedCommand,
  readCommand,
  UsageError,
} from './command.ts';

/** Help must read well in 80-column terminals and in pipes: it is always wrapped at this width and never coloured. */
const WIDTH = 80;
const INDENT = 2;
/** If a table does not fit on single lines, longer names get a line of their own. */
const MAX_NAME = 26;

/** Wraps a text between words; continuation lines are indented by `indent` spaces. A word longer than a line is not broken. */
function wrap(text: string, indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`);
}

/** A two-column table of names and descriptions. */
function table(entries: readonly Entry[]): string {
  const lengths = entries.map(([name]) => name.length);
  const widest = Math.max(0, ...lengths);
  const fits = entries.every(([, description]) => INDENT + widest + 2 + description.length <= WIDTH);
  const width = fits ? widest : Math.max(0, ...lengths.filter((length) => length <= MAX_NAME));
  const second = INDENT + width + 2;
  return entries
    .map(([name, description]) => {
      const text = wrap(description, second);
      return name.length > width
        ? `${' '.repeat(INDENT)}${name}\n${' '.repeat(second)}${text}\n`
        : `${' '.repeat(INDENT)}${name.padEnd(width)}  ${text}\n`;
    })
    .join('');
}

const section = (title: string, body: string): string => (body === '' ? '' : `\n${title}:\n${body}`);

function flagEntry([name, flag]: readonly [string, Flag]): Entry {
  if (flag.type === 'boolean') return [`--${name}`, flag.description];
  const defaultText = flag.defaultText === undefined ? '' : ` Default: ${flag.defaultText}.`;
  const variables =
    flag.variables === undefined
      ? ''
      : ` Also set by ${flag.variables.join(' and ')}; the flag takes precedence.`;
  return [`--${name} ${flag.value}`, `${flag.description}${defaultText}${variables}`];
}

const optional = (word: string, required = false) => (required ? word : `[${word}]`);

/** `usage: atlas-gateway check [--config FILE] [--online]` */
function synopsis({ name: command, argument, flags }: Command): string {
  const words = [
    ...(argument === undefined ? [] : [optional(argument.name, argument.required)]),
    ...Object.entries(flags).map(([name, flag]) =>
      flag.type === 'boolean'
        ? optional(`--${name}`)
        : optional(`--${name}\u00a0${flag.value}`, flag.required),
    ),
  ];
  // The no-break space keeps a flag and its value on one line.
  return wrap(['usage: atlas-gateway', command, ...words].join(' '), 9).replaceAll('\u00a0', ' ');
}

/** The full help text of a command. */
export function helpOf(command: Command): string {
  const { summary, argument, flags, help } = command;
  const sentence = `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
  return [
    `${synopsis(command)}\n`,
    ...[sentence, ...help.description].map((paragraph) => `\n${wrap(paragraph, 0)}\n`),
    section(
      'Argument',
      argument === undefined
        ? ''
        : table([[argument.name, `${argument.description} One of ${argument.choices().join(', ')}.`]]),
    ),
    section(
      'Flags',
      table([
        ...Object.entries(flags).map(flagEntry),
        [`-${HELP_FLAG.short}, --${HELP_FLAG.name}`, HELP_FLAG.description],
      ]),
    ),
    section('Files', table(help.files ?? [])),
    section('Environment', table(help.environment ?? [])),
    section('Settings in the environment', table(help.settings ?? [])),
    section('Exit codes', table(help.exitCodes)),
    section(
      'Examples',
      help.examples
        .map(([line, does]) => `  # ${wrap(does, 4).replaceAll('\n  ', '\n  #')}\n  ${line}\n`)
        .join('\n'),
    ),
  ].join('');
}

/** All commands, one per line. */
export const overview = (commands: readonly ListedCommand[]): string =>
  `usage: atlas-gateway <command> [flags]

${table(commands.map(({ name, summary }) => [name, summary]))}
  --version prints the version; atlas-gateway help <command> shows help for one.
  Exit codes: 0 success, 1 failure, 2 invalid usage or configuration.
  To get started: atlas-gateway demo
`;

/** Creates the `help` command; `commands` returns all commands. */
export function createHelp(commands: () => readonly ListedCommand[]): CommandBody {
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
        print(overview(commands()));
        return 0;
      }
      const command = commands().find((one) => one.name === name);
      if (command === undefined) throw new UsageError(`unknown command '${name}'`);
      print(helpOf(await readCommand(command)));
      return 0;
    },
  };
}
