import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';

function fileText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The commit that is measured; `unknown` outside a repository. */
function commit() {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

/** The program and the machine the figures were measured on, and the day. */
export function machine() {
  const cpuinfo = fileText('/proc/cpuinfo');
  return {
    day: new Date().toISOString().slice(0, 10),
    version,
    commit: commit(),
    cpu: (/model name\s*:\s*(.+)/.exec(cpuinfo) ?? [])[1] ?? cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release().split('.').slice(0, 2).join('.'),
    node: process.version,
  };
}

export const machineText = ({ day, version: program, commit: hash, cpu, cores, memoryGiB, kernel, node }) =>
  `${day}, atlas-gateway ${program} (${hash}). ${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}, Node ${node} unless a row says another.`;
