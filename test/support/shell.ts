import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Precedes the output of each block. */
const MARK = '@@ block ';

export interface ShellOptions {
  /** Default: bash. */
  readonly program?: 'bash' | 'zsh';
  readonly cwd: string;
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** User and group, if the test runs as root. */
  readonly uid?: number | undefined;
}

/** A running shell. It and what it started in the background are one process group, as in a terminal. */
export interface Shell {
  readonly output: () => string;
  readonly errors: () => string;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  /** Like Ctrl-C in a terminal. */
  readonly interrupt: () => void;
  /** Ends all that is left of the group. */
  readonly kill: () => void;
}

export function startShell(script: string, { program = 'bash', cwd, env, uid }: ShellOptions): Shell {
  const child = spawn(program, [program === 'bash' ? '--norc' : '-f', '-c', script], {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  const signal = (name: NodeJS.Signals) => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, name);
    } catch {
      // Nothing is left of the group.
    }
  };
  return {
    output: () => out,
    errors: () => err,
    ended: new Promise((resolve) => child.on('close', (code, name) => resolve(code ?? name))),
    interrupt: () => signal('SIGINT'),
    kill: () => signal('SIGKILL'),
  };
}

export interface Pasted {
  readonly code: number | NodeJS.Signals | null;
  readonly errors: string;
  /** What each block printed. */
  readonly printed: readonly string[];
}

/** Runs blocks one after another in one shell, as someone does who pastes them; the first failure ends it. */
export async function paste(blocks: readonly string[], options: ShellOptions): Promise<Pasted> {
  const marked = blocks.map((block, index) => `echo '${MARK}${index}'\n${block}`);
  const shell = startShell(['set -eo pipefail', ...marked].join('\n'), options);
  try {
    const code = await shell.ended;
    const printed = shell.output().split(new RegExp(`^${MARK}\\d+\\n`, 'm'));
    return { code, errors: shell.errors(), printed: printed.slice(1) };
  } finally {
    shell.kill();
  }
}

/** Whether every user can run a file: the Node.js of a home folder cannot be started by another user. */
export function isRunnableByAll(path: string): boolean {
  const above = dirname(path);
  return (statSync(path).mode & 0o001) !== 0 && (above === path || isRunnableByAll(above));
}
