import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Exit code and output of a program. */
interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** Standard input. */
  readonly input?: string;
}

/** Runs a program until it ends. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { input, env, ...rest } = options;
  return new Promise((resolve) => {
    const child = spawn(program, args, { ...rest, env: { ...process.env, ...env } });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    child.on('close', (code) => resolve({ code, out, err }));
    child.stdin.end(input);
  });
}

export const print = (line: string) => process.stderr.write(`${line}\n`);

/** Whether a program is not installed; says so. */
export function isMissing(program: string, argument: string): boolean {
  const missing = spawnSync(program, [argument]).error !== undefined;
  if (missing) print(`skipped: ${program} is not installed, so the clients that need it are not tried`);
  return missing;
}

/** Downloads a client, and returns whether that is impossible here; says so. */
export async function isUnavailable(
  client: string,
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<boolean> {
  const { code } = await run(program, args, options);
  if (code !== 0) print(`skipped: ${client} cannot be downloaded here, so it is not tried`);
  return code !== 0;
}

/** A temporary folder for downloads, and how to remove it. */
export function createDownloads(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-clients-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
