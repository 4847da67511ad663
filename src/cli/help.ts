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

/** Help is read in terminals of 80 columns and in pipes alike: it is always broken at this width, and never coloured. */
const WIDTH = 80;
const INDENT = 2;
/** Names longer than this stand on a line of their own, where not everything fits beside them. */
const MAX_NAME = 26;

/** Breaks a text between words; lines after the first begin with `indent` spaces. A word that is longer than a line stays whole. */
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

/** Two columns: names, and what there is to say of each. */
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
  const defaultText = flag.defaultText === undefined ? '' : ` Left out: ${flag.defaultText}.`;
  const variables =
    flag.variables === undefined ? '' : ` Also set by ${flag.variables.join(' and ')}; the flag wins.`;
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
  // A flag and its value are not parted at the end of a line.
  return wrap(['usage: atlas-gateway', command, ...words].join(' '), 9).replaceAll('\u00a0', ' ');
}

/** Everything there is to know of a command. */
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

/** All commands, a line for each. */
export const overview = (commands: readonly ListedCommand[]): string =>
  `usage: atlas-gateway <command> [flags]

${table(commands.map(({ name, summary }) => [name, summary]))}
  --version prints the version, atlas-gateway help <command> tells more of one.
  Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.
  Begin with: atlas-gateway demo
`;

/** `help` itself; `commands` are all of them. */
export function createHelp(commands: () => readonly ListedCommand[]): CommandBody {
  return {
    argument: {
      name: 'COMMAND',
      choices: () => commands().map(({ name }) => name),
      description: 'What to tell of; all commands in short where it is left out.',
    },
    flags: {},
    help: {
      description: ['The same as atlas-gateway COMMAND --help.'],
      exitCodes: [
        ['0', 'It was told.'],
        ['2', 'There is no such command.'],
      ],
      examples: [['atlas-gateway help serve', 'All there is to know of serve.']],
    },
    async run(flags, { print }) {
      const name = flags['COMMAND'];
      if (name === undefined) {
        print(overview(commands()));
        return 0;
      }
      const command = commands().find((one) => one.name === name);
      if (command === undefined) throw new UsageError(`there is no command '${name}'`);
      print(helpOf(await readCommand(command)));
      return 0;
    },
  };
}
