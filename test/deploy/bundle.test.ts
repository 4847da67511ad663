import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSystemClock } from '../../src/lib/clock.ts';
import { createSystemRandom } from '../../src/lib/random.ts';
import { createSimulator } from '../../src/simulator/server.ts';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { builtConfiguration, makeFolder, removeFolders, serveBuilt } from '../support/built.ts';
import { ENCRYPTION_KEY, hasRedis, startRedis } from '../support/redis.ts';
import { ask, linksOf } from '../support/running.ts';

const HEADERS = { accept: 'application/vnd.atlas.2023-02-01+json' };

describe('the program alone, with no package anywhere near it', () => {
  let folder: string;
  let main: string;
  const children: ChildProcessWithoutNullStreams[] = [];
  beforeAll(() => {
    folder = makeFolder();
    main = join(folder, 'bin/atlas-gateway.js');
    for (const path of ['bin', 'config', 'package.json'])
      cpSync(path, join(folder, path), { recursive: true });
  });
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
    removeFolders();
  });

  function start(...args: string[]) {
    const child = spawn(process.execPath, [main, ...args], {
      cwd: folder,
      env: {
        PATH: process.env['PATH'] ?? '',
        MONGODB_ATLAS_CLIENT_ID: 'a',
        MONGODB_ATLAS_CLIENT_SECRET: 'a-secret-of-22-letters',
      },
    });
    children.push(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        output += chunk;
      });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    return { child, output: () => output, ended };
  }

  test.each([
    [['--version'], 0, JSON.parse(readFileSync('package.json', 'utf8')).version],
    [['help'], 0, 'Usage: atlas-gateway <command>'],
    [['help', 'serve'], 0, 'ATLAS_GATEWAY_LISTEN_PORT'],
    [['completion', 'bash'], 0, '--admin-port'],
    [['new-key', '--caller', 'team'], 0, 'Authorization: Bearer agw_'],
    [['check', '--config', 'config/gateway.yaml'], 0, 'The configuration is valid.'],
    [['healthcheck', '--url', 'http://127.0.0.1:1'], 1, 'no response'],
  ])('%j ends with %i and says: %s', async (args, code, sentence) => {
    const { output, ended } = start(...args);
    expect(await ended).toBe(code);
    expect(output()).toContain(sentence);
  });

  test('demo answers lists and, with --verbose, writes lines for people', async () => {
    const demo = start('demo', '--verbose', '--port', '0', '--admin-port', '0');
    await expect.poll(demo.output, { timeout: 15_000 }).toContain('Press Ctrl-C to stop');
    const [, origin = ''] = /'(http:\S+:\d+)\/api/.exec(demo.output()) ?? [];
    expect((await ask(origin, linksOf(SAMPLE_PROJECTS.payments), { headers: HEADERS })).status).toBe(200);
    await expect.poll(demo.output).toMatch(/INFO.*\n/);
    demo.child.kill('SIGINT');
    expect(await demo.ended).toBe(0);
  });

  test.skipIf(!hasRedis)('serve answers lists, metrics and pages, and shares its cache', async () => {
    const simulator = createSimulator({}, { clock: createSystemClock(), random: createSystemRandom() });
    const redis = await startRedis();
    const configuration = builtConfiguration(
      await simulator.listen(0),
      'cache: { shared: { url: { env: REDIS }, encryptionKey: { env: KEY } } }\n',
    ).replace('listen: {', "listen: { publicUrl: 'http://gateway.example',");
    const gateway = await serveBuilt(configuration, {
      main,
      cwd: folder,
      env: { REDIS: redis.url, KEY: ENCRYPTION_KEY },
    });
    const list = linksOf(SAMPLE_PROJECTS.payments);
    expect((await ask(gateway.origin, list, { headers: HEADERS })).status).toBe(200);
    for (const page of ['/', '/metrics', `/projects/${SAMPLE_PROJECTS.payments.id}/private-link-connections`])
      expect((await ask(gateway.admin, page)).status, page).toBe(200);
    await expect.poll(() => Number(redis.cli('dbsize'))).toBeGreaterThan(0);
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toBe(0);
    await redis.stop();
    await simulator.close();
  });
});
