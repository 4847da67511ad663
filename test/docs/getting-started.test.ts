import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { expectPromisesKept, gettingStartedBlocks } from '../support/getting-started.ts';
import { paste } from '../support/shell.ts';

const isMissing = (program: string): boolean => {
  const missing = spawnSync(program, ['--version']).error !== undefined;
  if (missing)
    process.stdout.write(
      `skipped: ${program} is not installed, so the lines of getting-started.md are not run\n`,
    );
  return missing;
};
const noShell = isMissing('bash') || isMissing('curl');

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'atlas-gateway-started-'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

test.skipIf(noShell)(
  'every line of getting-started.md works when pasted, with the simulated Atlas',
  async () => {
    const program = join(home, 'atlas-gateway');
    writeFileSync(
      program,
      `#!/bin/sh\nexec '${process.execPath}' '${resolve('bin/atlas-gateway.js')}' "$@"\n`,
    );
    chmodSync(program, 0o755);
    const ports = { atlas: await freePort(), gateway: await freePort(), admin: await freePort() };
    const blocks = gettingStartedBlocks(ports);
    const env = {
      HOME: home,
      PATH: `${home}${delimiter}${process.env['PATH'] ?? ''}`,
      // The first start has no configuration that could name them, and the healthcheck reads none.
      ATLAS_GATEWAY_LISTEN_PORT: String(ports.gateway),
      ATLAS_GATEWAY_ADMIN_PORT: String(ports.admin),
    };
    expectPromisesKept(blocks, await paste(blocks, { cwd: home, env }));
  },
  // A dozen starts of the program, on machines that do other things too.
  90_000,
);

test('no block of getting-started.md has a comment, which an interactive zsh takes for a command', () => {
  const blocks = gettingStartedBlocks({ atlas: 1, gateway: 2, admin: 3 });
  expect(blocks.filter((block) => /(?:^|\s)#/m.test(block))).toEqual([]);
});
