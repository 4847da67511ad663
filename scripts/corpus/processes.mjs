// Runs the built program as child processes on loopback.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../bin/atlas-gateway.js', import.meta.url));
const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;
const ORIGIN = /https?:\/\/[\d.]+:\d+/g;

const children = new Set();

/** Starts a command line; its environment is `env` and nothing of this process's own. */
function spawnProgram(args, env = {}) {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8');
    child[name].on('data', (chunk) => {
      output[name] += chunk;
    });
  }
  const ended = new Promise((resolve) => {
    child.on('close', (exitCode) => {
      children.delete(child);
      resolve(exitCode);
    });
  });
  return { child, output, ended };
}

/** Runs a command line that ends by itself. */
export async function runCommand(args, env) {
  const { output, ended } = spawnProgram(args, env);
  const exitCode = await ended;
  return { exitCode, ...output };
}

/** Starts a command line that goes on running, and waits until it has printed so many origins that it listens on. */
export async function startProgram(args, { env, origins: wanted }) {
  const { child, output, ended } = spawnProgram(args, env);
  const origins = await new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`${args[0]} did not start: ${output.stdout}${output.stderr}`)),
      START_TIMEOUT_MS,
    );
    const settle = (act, value) => {
      clearTimeout(timer);
      act(value);
    };
    child.stdout.on('data', () => {
      const found = output.stdout.match(ORIGIN) ?? [];
      if (found.length >= wanted) settle(resolve, found.slice(0, wanted));
    });
    void ended.then(() =>
      settle(reject, new Error(`${args[0]} ended at its start: ${output.stdout}${output.stderr}`)),
    );
  });
  return {
    origins,
    output,
    ended,
    signal: (name) => child.kill(name),
    /** Sends a signal, and SIGKILL if the process does not exit in time; resolves to the exit code. */
    async stop(signal = 'SIGINT') {
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      const exitCode = await ended;
      clearTimeout(timer);
      return exitCode;
    },
  };
}

/** Stops all children that are still running. */
export function killChildren() {
  for (const child of children) child.kill('SIGKILL');
}
