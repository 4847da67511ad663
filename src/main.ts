#!/usr/bin/env node
import { readFileSync, writeFileSync, writeSync } from 'node:fs';
import { run } from './cli/run.ts';
import { createSystemClock } from './lib/clock.ts';
import { createSystemRandom } from './lib/random.ts';
import { readRegularFile } from './lib/regular-file.ts';
import { unexpectedError } from './lib/unexpected-error.ts';
import { whyNotWritable } from './lib/writable-path.ts';

/** Resolves at the first SIGTERM or SIGINT; the second one exits the process immediately. */
function shutdownSignal(): Promise<'SIGTERM' | 'SIGINT'> {
  return new Promise((resolve) => {
    const onSignal = (signal: 'SIGTERM' | 'SIGINT') => {
      process.once('SIGTERM', () => process.exit(1));
      process.once('SIGINT', () => process.exit(1));
      resolve(signal);
    };
    process.once('SIGTERM', () => onSignal('SIGTERM'));
    process.once('SIGINT', () => onSignal('SIGINT'));
  });
}

function readVersion(): string {
  const { version }: { version: string } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  );
  return version;
}

/** Writes to standard error synchronously and ignores failures. */
function tryPrintError(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // Standard error is closed or its disk is full: there is no other place to report that.
  }
}

/** Writes the kind and place of an exception, without its message, which may contain request data. */
function writeUnexpected(level: 'error' | 'fatal', work: string, error: unknown): void {
  const { kind, place } = unexpectedError(work, error);
  const line = { level, time: new Date().toISOString(), work, kind, place, msg: 'unexpected error' };
  tryPrintError(
    process.stderr.isTTY ? `atlas-gateway: unexpected ${kind} ${place}\n` : `${JSON.stringify(line)}\n`,
  );
}

/** An unhandled rejection is a failure of background work only. A running gateway replaces this handler and logs it. */
let onBackgroundError = (error: unknown) => writeUnexpected('error', 'background work', error);

process.on('uncaughtException', (error) => {
  writeUnexpected('fatal', 'the process', error);
  process.exit(1);
});
process.on('unhandledRejection', (error) => onBackgroundError(error));
// A closed pipe or terminal or a full disk loses output, which the exit code reports; the gateway keeps serving.
process.stdout.on('error', () => {
  process.exitCode = 1;
});
process.stderr.on('error', () => undefined);
run({
  args: process.argv.slice(2),
  env: process.env,
  version: readVersion(),
  node: process.version,
  print: (text) => void process.stdout.write(text),
  printError: (text) => void process.stderr.write(text),
  isTerminal: process.stdout.isTTY === true,
  output: { fd: 1, atEnd: (flush) => void process.once('exit', flush) },
  writeFile: (path, text) => writeFileSync(path, text, { mode: 0o600, flag: 'wx' }),
  readFile: readRegularFile,
  whyNotWritable,
  clock: createSystemClock(),
  random: createSystemRandom(),
  shutdownSignal,
  onHangup: (reload) => void process.on('SIGHUP', reload),
  handleBackgroundErrors(handle) {
    onBackgroundError = handle;
  },
}).then(
  (code) => {
    process.exitCode ||= code;
  },
  (error) => {
    writeUnexpected('fatal', 'the command', error);
    process.exit(1);
  },
);
