import { run } from '../../src/cli/run.ts';
import { createSystemClock } from '../../src/lib/clock.ts';
import { createSystemRandom } from '../../src/lib/random.ts';

/** What `atlas-gateway check` says of the configuration at `path`, in a world of these files and variables. */
export async function checkConfiguration(
  path: string,
  { readFile, env = {} }: { readFile: (path: string) => string; env?: Record<string, string | undefined> },
): Promise<{ code: number; printed: string }> {
  let printed = '';
  const print = (text: string) => {
    printed += text;
  };
  const code = await run({
    args: ['check', '--config', path],
    env,
    version: '0.0.0',
    node: process.version,
    print,
    printError: print,
    isTerminal: false,
    readFile,
    writeFile: () => undefined,
    whyNotWritable: () => undefined,
    clock: createSystemClock(),
    random: createSystemRandom(),
    handleBackgroundErrors: () => undefined,
    shutdownSignal: () => new Promise(() => undefined),
    onHangup: () => undefined,
  });
  return { code, printed };
}

/** Content of a secret's file: an address where its name says so, else long enough for a key. */
export const standIn = (file: string) =>
  file === 'redis-url' ? 'redis://:password@redis' : `stand-in-of-${file}-long-enough-for-a-key`;
