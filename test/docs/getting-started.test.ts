import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const MARK = '@@ block ';

/** The shell blocks of the page but for those with a `…`, which stands for something only the reader knows. */
const blocks = [...readFileSync('docs/getting-started.md', 'utf8').matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(
  ([, block = '']) => (block.includes('…') ? [] : [block]),
);

/** Ports that are free now, each another one. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    const address = server.address();
    if (typeof address === 'object' && address !== null) ports.push(address.port);
  }
  for (const server of servers) await new Promise((closed) => server.close(closed));
  return ports;
}

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
let shell: ChildProcess | undefined;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'atlas-gateway-started-'));
});
afterAll(() => {
  // Ends what it started in the background too.
  shell?.kill('SIGTERM');
  rmSync(home, { recursive: true, force: true });
});

/** Runs all blocks in one bash, as someone would who pastes them; tells what each printed. */
async function paste(): Promise<{ code: number | null; printed: string[]; err: string }> {
  const shim = join(home, 'atlas-gateway');
  writeFileSync(shim, `#!/bin/sh\nexec '${process.execPath}' '${resolve('bin/atlas-gateway.js')}' "$@"\n`);
  chmodSync(shim, 0o755);
  const [atlas, gateway, admin] = await freePorts(3);
  const script = ['set -eo pipefail', "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    .concat(blocks.map((block, index) => `echo '${MARK}${index}'\n${block}`))
    .join('\n')
    .replaceAll('8443', String(atlas))
    .replaceAll('8080', String(gateway))
    .replaceAll('9090', String(admin))
    .replaceAll(
      'until atlas-gateway healthcheck;',
      `until atlas-gateway healthcheck --url http://127.0.0.1:${admin};`,
    );
  const child = spawn('bash', ['--norc', '-c', script], {
    env: {
      HOME: home,
      PATH: `${home}:${process.env['PATH'] ?? ''}`,
      // The first start has no file that could say so.
      ATLAS_GATEWAY_LISTEN_PORT: String(gateway),
      ATLAS_GATEWAY_ADMIN_PORT: String(admin),
    },
  });
  shell = child;
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  const code = await new Promise<number | null>((ended) => child.on('close', ended));
  return { code, printed: out.split(new RegExp(`^${MARK}\\d+\\n`, 'm')).slice(1), err };
}

test.skipIf(noShell)(
  'every line of getting-started.md works when pasted, with the simulated Atlas',
  async () => {
    const { code, printed, err } = await paste();
    expect([code, err.replaceAll(/^not ready: .*\n/gm, '')]).toEqual([0, '']);
    /** What the block printed that holds these words. */
    const after = (words: string) => {
      const place = blocks.findIndex((block) => block.includes(words));
      expect(place, words).toBeGreaterThanOrEqual(0);
      return printed[place] ?? '';
    };
    const statuses = (text: string) => [...text.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => status);

    const first = after('itemsPerPage=5&pageNum=2');
    expect(statuses(first)).toEqual(['200', '200']);
    expect(first).toMatch(/fwd=miss; stored[\s\S]*Cache-Status: atlas-gateway; hit/);

    const checked = after('--online --projects');
    expect(checked).toMatch(/ok {6}main: service account, \d+ ms, sees 8 projects and organizations\n/);

    expect(
      statuses(after('GATEWAY_PID=$!\nuntil atlas-gateway healthcheck; do sleep 0.5; done\ncurl')),
    ).toEqual(['200']);
    const halves = after('--digest');
    expect(statuses(halves)).toEqual(['401', '200']);
    expect(halves).toMatch(/\{"access_token":"eyJ[^"]+","expires_in":3600,"token_type":"Bearer"\}/);

    const refused = after('64b7c0ffee0000000000a001/clusters');
    expect(statuses(refused)).toEqual(['403', '401']);
    expect(refused).toContain('PROJECT_FORBIDDEN');

    expect(JSON.parse(readFileSync(join(home, 'gateway/list.json'), 'utf8'))).toHaveProperty(
      'totalCount',
      42,
    );
    const seen = after('/cache/purge');
    expect(seen).toContain('caller="team-orders"');
    expect(seen).toMatch(/"purged":\{"soft":false,"project":"64b7c0ffee0000000000a004"\}/);
  },
  // A dozen starts of the program, on machines that do other things too.
  90_000,
);
