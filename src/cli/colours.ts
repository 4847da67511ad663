import type { CommandContext, Entry } from './command.ts';

/** Help entry for commands that colour their output on a terminal. */
export const COLOUR_VARIABLE: Entry = ['NO_COLOR', 'If not empty, disables colours on a terminal.'];

/** Whether output may be coloured: on a terminal, unless `NO_COLOR` is set (no-color.org). */
export const showsColours = ({ isTerminal, env }: Pick<CommandContext, 'isTerminal' | 'env'>): boolean =>
  isTerminal && (env['NO_COLOR'] ?? '') === '';
