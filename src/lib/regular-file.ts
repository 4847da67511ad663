import { readFileSync, statSync } from 'node:fs';

/** Reads a text file. Throws for a pipe, which could block the process for ever, and for a device, which may have no end. */
export function readRegularFile(path: string): string {
  if (!statSync(path).isFile()) throw new Error('not a regular file');
  return readFileSync(path, 'utf8');
}
