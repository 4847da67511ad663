import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

function fileText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The machine the figures were measured on. */
export function machine() {
  const cpuinfo = fileText('/proc/cpuinfo');
  return {
    cpu: (/model name\s*:\s*(.+)/.exec(cpuinfo) ?? [])[1] ?? cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: fileText('/proc/sys/kernel/osrelease').trim(),
    node: process.version,
  };
}

export const machineText = ({ cpu, cores, memoryGiB, kernel, node }) =>
  `${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}, Node ${node} unless a row says another.`;
