import { run } from '../../src/cli/run.ts';
import { createSystemClock } from '../../src/lib/clock.ts';
import { createSystemRandom } from '../../src/lib/random.ts';

/** Runs `atlas-gateway check` on the configuration at `path`, with the given files and environment variables. */
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

const URLS: Readonly<Record<string, string>> = {
  'redis-url': 'redis://:password@redis',
  'proxy-url': 'http://user:password@proxy:3128',
};

/** Content of a secret file: a URL if its name says so, otherwise a text long enough for a key. */
export const standIn = (file: string) => URLS[file] ?? `stand-in-of-${file}-long-enough-for-a-key`;
