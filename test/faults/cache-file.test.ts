import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createCacheFile } from '../../src/cache/snapshot-file.ts';
import { createSystemRandom } from '../../src/lib/random.ts';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { makeFolder, removeFolders } from '../support/built.ts';
import { linksOf, startGateway, startSimulator } from '../support/running.ts';

const { orders } = SAMPLE_PROJECTS;
const ENCRYPTION_KEY = 'k'.repeat(40);

afterAll(removeFolders);

const cacheFileAt = (path: string) =>
  createCacheFile(
    { path, encryptionKey: ENCRYPTION_KEY, namespace: 'test', maxBytes: 1_048_576 },
    { random: createSystemRandom() },
  );

/** A program that writes the cache file at `path`; `records` is the source of an iterable. */
const writer = (path: string, records: string) => `
  import { createCacheFile } from ${JSON.stringify(resolve('dist/cache/snapshot-file.js'))};
  import { createSystemRandom } from ${JSON.stringify(resolve('dist/lib/random.js'))};
  const file = createCacheFile(
    { path: ${JSON.stringify(path)}, encryptionKey: ${JSON.stringify(ENCRYPTION_KEY)}, namespace: 'test', maxBytes: 1_048_576 },
    { random: createSystemRandom() },
  );
  await file.write(${records});
`;
const nodeArguments = (program: string) => ['--input-type=module', '--eval', program];

/** A gateway that persists its lists in `folder`. */
const startWithFile = (atlas: string, folder: string) =>
  startGateway({
    origin: atlas,
    files: { key: ENCRYPTION_KEY },
    config: { cache: { snapshot: { path: join(folder, 'cache'), encryptionKey: { file: 'key' } } } },
  });

/** Kills a process while it writes the file. */
async function killWhileWriting(path: string): Promise<void> {
  const endless =
    "(function* () { for (let n = 0; ; n++) { if (n === 2) console.log('writing'); yield Buffer.alloc(4_096); } })()";
  const child = spawn(process.execPath, nodeArguments(writer(path, endless)));
  await new Promise((begun) => child.stdout.once('data', begun));
  child.kill('SIGKILL');
  await new Promise((gone) => child.once('close', gone));
}

test('94: SIGKILL while the cache file is written, 60 times → the old file is read, no temporary files remain', {
  timeout: 60_000,
}, async () => {
  const { simulator, atlas } = await startSimulator();
  const folder = makeFolder();
  const first = await startWithFile(atlas, folder);
  await first.get(linksOf(orders));
  await first.stop();
  for (let round = 0; round < 15; round++)
    await Promise.all(Array.from({ length: 4 }, () => killWhileWriting(join(folder, 'cache'))));
  expect(readdirSync(folder)).toHaveLength(61);
  const second = await startWithFile(atlas, folder);
  expect(readdirSync(folder)).toEqual(['cache']);
  expect(second.logLines.join('')).toContain('"outcome":"restored","listings":1');
  await second.stop();
  await simulator.close();
});

test('94: other files in the folder of the cache file → are not deleted', () => {
  const folder = makeFolder();
  const others = [
    'cache.tmp',
    'cache.0123abcd',
    'cache.0123ABCD.tmp',
    'cache.0123abcd.tmp.old',
    'cache.0123abcde.tmp',
    'other.0123abcd.tmp',
    'my.cache.0123abcd.tmp',
    'cacheX0123abcd.tmp',
  ];
  for (const name of [...others, 'cache.0123abcd.tmp']) writeFileSync(join(folder, name), '');
  cacheFileAt(join(folder, 'cache')).removeLeftovers();
  expect(readdirSync(folder).sort()).toEqual([...others].sort());
});

test('94: a folder that does not exist or cannot be listed → the gateway starts', async () => {
  const { simulator, atlas } = await startSimulator();
  const folder = makeFolder();
  const none = await startWithFile(atlas, join(folder, 'none'));
  await none.get(linksOf(orders));
  await none.stop();
  expect(existsSync(join(folder, 'none/cache'))).toBe(true);
  writeFileSync(join(folder, 'file'), '');
  const wrong = await startWithFile(atlas, join(folder, 'file'));
  expect((await wrong.get(linksOf(orders))).status).toBe(200);
  expect(wrong.logLines.join('')).toContain('unfinished files cannot be removed');
  await wrong.stop();
  await simulator.close();
});

test.each([
  ['in a record', 4_096],
  // 22 bytes of mark, 12 of initialization vector, 4 of length and 16 of tag: the limit of 1 024 bytes lies in the tag.
  ['in the last bytes', 1_024 + 8 - 22 - 12 - 4 - 16],
])(
  '94: a short write %s → an error, the good file stays, no temporary files remain',
  async (_where, recordBytes) => {
    const folder = makeFolder();
    const path = join(folder, 'cache');
    const good = [Buffer.from('good')];
    await cacheFileAt(path).write(good);
    const before = readFileSync(path);
    // A file size limit behaves like a full disk: first a short write, then an error.
    const { status, stderr } = spawnSync(
      'sh',
      [
        '-c',
        'ulimit -f 2; exec "$@"',
        'sh',
        process.execPath,
        ...nodeArguments(writer(path, `[Buffer.alloc(${recordBytes})]`)),
      ],
      { encoding: 'utf8' },
    );
    expect(status).toBe(1);
    expect(stderr).toContain('EFBIG');
    expect(readFileSync(path)).toEqual(before);
    expect(cacheFileAt(path).read()).toEqual(good);
    expect(readdirSync(folder)).toEqual(['cache']);
  },
);
