import type { CommandContext } from '../../src/cli/command.ts';
import { run } from '../../src/cli/run.ts';
import { createSystemClock } from '../../src/lib/clock.ts';
import { createSystemRandom } from '../../src/lib/random.ts';

/** Exit code and output of a command line. */
export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line that terminates by itself, in this process; `world` overrides its context. */
export async function say(args: readonly string[], world: Partial<CommandContext> = {}): Promise<Said> {
  const told = { out: '', err: '' };
  const code = await run({
    args,
    env: {},
    version: '1.2.3',
    node: process.version,
    print: (text) => {
      told.out += text;
    },
    printError: (text) => {
      told.err += text;
    },
    isTerminal: false,
    readFile: () => '',
    writeFile: () => undefined,
    whyNotWritable: () => undefined,
    clock: createSystemClock(),
    random: createSystemRandom(),
    handleBackgroundErrors: () => undefined,
    shutdownSignal: async () => 'SIGINT',
    onHangup: () => undefined,
    ...world,
  });
  return { code, ...told };
}
