import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { SAMPLE_CREDENTIALS } from '../../src/simulator/world.ts';

/** The built gateway in a separate process. */
export interface Built {
  readonly origin: string;
  readonly admin: string;
  /** Path of its configuration file. */
  readonly path: string;
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<number | null>;
}

/** The configuration of a gateway in front of `atlas`; `more` is YAML at the top level. */
export const builtConfiguration = (atlas: string, more = '') => `listen: { port: 0 }
admin: { port: 0 }
upstream: { origin: '${atlas}', timeout: 2s }
credentials:
  - name: sample
    serviceAccount: { clientId: { env: ID }, clientSecret: { env: SECRET } }
anonymous: { projects: all, organizations: all }
${more}`;

const folders: string[] = [];

/** A folder that is removed by `removeFolders`. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-test-'));
  folders.push(folder);
  return folder;
}

export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** Starts `bin/atlas-gateway.js serve` and waits until it listens. */
export async function serveBuilt(
  configuration: string,
  options: { env?: Record<string, string>; main?: string; cwd?: string; uid?: number } = {},
): Promise<Built> {
  const folder = makeFolder();
  // The user that the process runs as must be able to read it.
  chmodSync(folder, 0o755);
  const path = join(folder, 'gateway.yaml');
  writeFileSync(path, configuration, { mode: 0o644 });
  const { clientId, clientSecret } = SAMPLE_CREDENTIALS.serviceAccount;
  const child = spawn(process.execPath, [options.main ?? 'bin/atlas-gateway.js', 'serve', '--config', path], {
    env: { PATH: process.env['PATH'] ?? '', ID: clientId, SECRET: clientSecret, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  await expect.poll(() => output, { timeout: 15_000 }).toContain('listening on');
  const [origin = '', admin = ''] = output.match(/https?:\/\/[\d.:]+/g) ?? [];
  return { origin, admin, path, child, output: () => output, ended };
}
