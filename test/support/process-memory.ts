import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

// Node gives the collector only to who asks for it; a context that is made after the flag is set has it.
setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** Bytes that this process holds once garbage is collected: JavaScript's own, and those of buffers, which are let go of a moment later. */
export async function heldByProcess(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
