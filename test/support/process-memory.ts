import { readFileSync } from 'node:fs';
import { getHeapCodeStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

// V8 only exposes gc() with this flag; contexts created after it is set have it.
setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/**
 * Memory of this process after garbage collection: the heap, and buffers, which are released a moment later. Without compiled code, which
 * grows with what has become hot, not with what is kept.
 */
export async function heldByProcess(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external } = process.memoryUsage();
  const { code_and_metadata_size, bytecode_and_metadata_size } = getHeapCodeStatistics();
  return heapUsed + external - code_and_metadata_size - bytecode_and_metadata_size;
}

/** Resident bytes of a process that is running (Linux). */
export function residentBytes(pid: number | undefined): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} has no resident set`);
  return Number(kilobytes) * 1_024;
}
