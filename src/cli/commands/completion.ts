import { type Command, type CommandBody, type Flag, HELP_FLAG, UsageError } from '../command.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** The words that may follow a command: its flags and the choices of its argument. */
interface Completed {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly { readonly name: string; readonly description: string; readonly takes: Takes }[];
  readonly choices: readonly string[];
}

/** The kind of value a flag takes: none, a file name, or a value that cannot be completed. */
type Takes = 'nothing' | 'file' | 'something';

function takes(flag: Flag): Takes {
  if (flag.type === 'boolean') return 'nothing';
  return flag.value === 'FILE' || flag.value === 'PATH' ? 'file' : 'something';
}

const completed = ({ name, summary, flags, argument }: Command): Completed => ({
  name,
  summary,
  flags: [
    ...Object.entries(flags).map(([flag, spec]) => ({
      name: flag,
      description: spec.description,
      takes: takes(spec),
    })),
    { name: HELP_FLAG.name, description: HELP_FLAG.description, takes: 'nothing' },
  ],
  choices: argument?.choices() ?? [],
});

/** Quotes for any of the shells. They escape single quotes differently, so those are replaced by apostrophes. */
const quote = (text: string) => `'${text.replaceAll("'", '\u2019')}'`;
const names = (commands: readonly Completed[]) => commands.map(({ name }) => name).join(' ');

/**
 * Bash 3.2, which macOS ships, has neither `mapfile` nor `compopt`. File names with spaces are read line by line; `=` splits words, so
 * `--config=x` arrives as three.
 */
function bash(commands: readonly Completed[]): string {
  const cases = commands.map(({ name, flags, choices }) => {
    const files = flags.filter((flag) => flag.takes === 'file').map((flag) => `--${flag.name}`);
    const free = flags.filter((flag) => flag.takes === 'something').map((flag) => `--${flag.name}`);
    return `    ${name})
      flags=${quote(flags.map((flag) => `--${flag.name}`).join(' '))} files=${quote(files.join(' '))} free=${quote(free.join(' '))} choices=${quote(choices.join(' '))} ;;`;
  });
  return `# bash completion for atlas-gateway
_atlas_gateway() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous='' flags='' files='' free='' choices='' line
  COMPREPLY=()
  if [ "$COMP_CWORD" -le 1 ]; then
    COMPREPLY=( $(compgen -W ${quote(`${names(commands)} --help --version`)} -- "$current") )
    return
  fi
  previous="\${COMP_WORDS[COMP_CWORD-1]}"
  if [ "$current" = '=' ]; then
    current=''
  elif [ "$previous" = '=' ]; then
    previous="\${COMP_WORDS[COMP_CWORD-2]}"
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    *) return ;;
  esac
  case " $files " in
    *" $previous "*)
      compopt -o filenames 2>/dev/null
      while IFS= read -r line; do COMPREPLY+=( "$line" ); done < <(compgen -f -- "$current")
      return ;;
  esac
  case " $free " in
    *" $previous "*) return ;;
  esac
  case "$current" in
    -*) COMPREPLY=( $(compgen -W "$flags" -- "$current") ) ;;
    *) COMPREPLY=( $(compgen -W "\${choices:-$flags}" -- "$current") ) ;;
  esac
}
complete -F _atlas_gateway atlas-gateway
`;
}

/** Texts in `_arguments` specifications must not contain brackets or colons. */
const zshText = (text: string) => text.replaceAll(/[[\]:\\]/g, ' ').replaceAll("'", '\u2019');

function zsh(commands: readonly Completed[]): string {
  const after: Record<Takes, string> = { nothing: '', file: ':file:_files', something: ':value: ' };
  const cases = commands.map(({ name, flags, choices }) => {
    const specifications = [
      ...flags.map(
        (flag) =>
          `'--${flag.name}${flag.takes === 'nothing' ? '' : '='}[${zshText(flag.description)}]${after[flag.takes]}'`,
      ),
      ...(choices.length === 0 ? [] : [`'1:choice:(${choices.join(' ')})'`]),
    ];
    return `    ${name})
      _arguments ${specifications.join(' \\\n        ')} ;;`;
  });
  return `#compdef atlas-gateway
# zsh completion for atlas-gateway
_atlas_gateway() {
  if (( CURRENT == 2 )); then
    local -a commands
    commands=(
${commands.map(({ name, summary }) => `      '${name}:${zshText(summary)}'`).join('\n')}
    )
    _describe 'command' commands
    return
  fi
  local command="$words[2]"
  shift words
  (( CURRENT-- ))
  case "$command" in
${cases.join('\n')}
  esac
}
if [ "$funcstack[1]" = '_atlas_gateway' ]; then
  _atlas_gateway "$@"
else
  compdef _atlas_gateway atlas-gateway
fi
`;
}

function fish(commands: readonly Completed[]): string {
  const after: Record<Takes, string> = { nothing: '', file: ' -r -F', something: ' -x' };
  const lines = commands.flatMap(({ name, summary, flags, choices }) => [
    `complete -c atlas-gateway -n __fish_use_subcommand -a ${name} -d ${quote(summary)}`,
    ...flags.map(
      (flag) =>
        `complete -c atlas-gateway -n '__fish_seen_subcommand_from ${name}' -l ${flag.name}${after[flag.takes]} -d ${quote(flag.description)}`,
    ),
    ...(choices.length === 0
      ? []
      : [
          `complete -c atlas-gateway -n '__fish_seen_subcommand_from ${name}' -a ${quote(choices.join(' '))}`,
        ]),
  ]);
  return `# fish completion for atlas-gateway
complete -c atlas-gateway -f
${lines.join('\n')}
`;
}

const SCRIPT_OF: Record<Shell, (commands: readonly Completed[]) => string> = { bash, zsh, fish };
const isShell = (text: unknown): text is Shell => SHELLS.some((shell) => shell === text);

/** Creates the `completion` command; the scripts are generated from `commands`, which returns all commands. */
export function createCompletion(commands: () => Promise<readonly Command[]>): CommandBody {
  return {
    argument: { name: 'SHELL', required: true, choices: () => SHELLS, description: 'The target shell.' },
    flags: {},
    help: {
      description: [
        'The script is generated from the commands of this version: generate it again after an update, or let your shell run this command on every start, as in the examples.',
      ],
      files: [
        ['~/.bashrc', 'Startup file of bash; add the line of the first example.'],
        ['~/.zshrc', 'The same for zsh; add the line after compinit.'],
        ['~/.config/fish/completions', 'Folder in which fish looks for atlas-gateway.fish.'],
      ],
      exitCodes: [
        ['0', 'The script was printed.'],
        ['2', 'No shell or an unknown shell was given.'],
      ],
      examples: [
        ['source <(atlas-gateway completion bash)', 'For the current bash session; in ~/.bashrc, for all.'],
        ['source <(atlas-gateway completion zsh)', 'For the current zsh session; in ~/.zshrc, for all.'],
        ['atlas-gateway completion fish | source', 'For the current fish session.'],
        [
          'atlas-gateway completion fish > ~/.config/fish/completions/atlas-gateway.fish',
          'For all fish sessions.',
        ],
      ],
    },
    async run(flags, { print }) {
      const shell = flags['SHELL'];
      if (!isShell(shell))
        throw new UsageError(`name a shell: atlas-gateway completion ${SHELLS.join(' | ')}`);
      print(SCRIPT_OF[shell]((await commands()).map(completed)));
      return 0;
    },
  };
}
