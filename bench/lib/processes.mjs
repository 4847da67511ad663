import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus } from 'node:os';

export const has = (program) => spawnSync('which', [program], { stdio: 'ignore' }).status === 0;

const canPin = has('taskset') && cpus().length > 1;
/** The load generator and the measured server never share a core. */
const CORES = { load: '0', server: '1' };
export const pinned = (part, command) => (canPin ? ['taskset', '-c', CORES[part], ...command] : command);
export const pinning = canPin
  ? `Load on core ${CORES.load}, servers on core ${CORES.server}.`
  : 'Load and servers were not pinned to cores: taskset or a second core is missing.';

/** Returns a free port. */
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

/** Starts a program on the server core. Its output goes to the open file `out` or is discarded. */
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

/** The fields of /proc/PID/stat from the third on; the second may contain spaces. */
function statOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** A process and its descendants; only the process itself on systems without /proc, such as macOS. */
function family(pid) {
  if (!existsSync('/proc/self/stat')) return [pid];
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), Number(statOf(name)?.[1])]);
  const found = [pid];
  for (const one of found) for (const [child, parent] of parents) if (parent === one) found.push(child);
  return found;
}

/** The kernel reports CPU time in USER_HZ ticks of 10 ms, independent of its internal clock. */
const TICK_US = 10_000;

/** CPU time of a process and its descendants in microseconds. */
export function cpuMicros(pid) {
  return family(pid).reduce((sum, one) => {
    const [utime = 0, stime = 0] = (statOf(one)?.slice(11, 13) ?? []).map(Number);
    return sum + (utime + stime) * TICK_US;
  }, 0);
}

/** Memory of a process and its descendants in MiB. Shared pages count once per process. */
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

/** The highest memory that a process has had so far, in MiB; NaN on systems without /proc. */
export function peakRssMiB(pid) {
  try {
    const [, kib] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kib) / 1_024;
  } catch {
    return Number.NaN;
  }
}
