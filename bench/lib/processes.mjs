import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus } from 'node:os';

export const has = (program) => spawnSync('which', [program], { stdio: 'ignore' }).status === 0;

const canPin = has('taskset') && cpus().length > 1;
/** The load and what is measured never share a core. */
const CORES = { load: '0', server: '1' };
export const pinned = (part, command) => (canPin ? ['taskset', '-c', CORES[part], ...command] : command);
export const pinning = canPin
  ? `Load on core ${CORES.load}, servers on core ${CORES.server}.`
  : 'Load and servers were not pinned to cores: taskset or a second core is missing.';

/** A port that nothing listens on now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Starts a program on the servers' core. What it prints goes to the open file `out`, or nowhere. */
export function start(command, { env = {}, out = 'ignore', cwd } = {}) {
  const [program, ...args] = pinned('server', command);
  const child = spawn(program, args, {
    cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME ?? '/', ...env },
    stdio: ['ignore', out, process.env.BENCH_DEBUG === undefined ? 'ignore' : 'inherit'],
  });
  const ended = new Promise((resolve) => {
    child.once('close', resolve);
    child.once('error', resolve);
  });
  return {
    pid: child.pid,
    alive: () => child.exitCode === null && child.signalCode === null,
    async stop() {
      child.kill('SIGINT');
      const immediate = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await ended;
      clearTimeout(immediate);
    },
  };
}

/** The fields of /proc/PID/stat from the third on; the second may hold spaces. */
function statOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** A process and all that come from it; only itself where there is no /proc to look in, as on macOS. */
function family(pid) {
  if (!existsSync('/proc/self/stat')) return [pid];
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), Number(statOf(name)?.[1])]);
  const found = [pid];
  for (const one of found) for (const [child, parent] of parents) if (parent === one) found.push(child);
  return found;
}

/** The kernel counts processor time in ticks of a hundredth of a second, whatever its own clock. */
const TICK_US = 10_000;

/** Microseconds of processor time a process and its children have taken. */
export function cpuMicros(pid) {
  return family(pid).reduce((sum, one) => {
    const [utime = 0, stime = 0] = (statOf(one)?.slice(11, 13) ?? []).map(Number);
    return sum + (utime + stime) * TICK_US;
  }, 0);
}

/** MiB of memory a process and its children hold. Pages they share with one another count once for each. */
export function rssMiB(pid) {
  return family(pid).reduce((sum, one) => {
    try {
      const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${one}/status`, 'utf8')) ?? [];
      return sum + Number(kib ?? 0) / 1_024;
    } catch {
      return sum;
    }
  }, 0);
}
