import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createCacheFile } from '../../src/cache/snapshot-file.ts';
import { createSystemRandom } from '../../src/lib/random.ts';
import { makeFolder, removeFolders } from '../support/built.ts';

afterAll(removeFolders);

const fileAt = (path: string) =>
  createCacheFile(
    { path, encryptionKey: 'k'.repeat(40), namespace: 'test', maxBytes: 1_048_576 },
    { random: createSystemRandom() },
  );

test('records are read as they were written, and a missing file has none', async () => {
  const file = fileAt(join(makeFolder(), 'cache'));
  expect(file.read()).toEqual([]);
  const records = [Buffer.from('one'), Buffer.alloc(0), Buffer.alloc(100_000, 7)];
  await file.write(records);
  expect(file.read()).toEqual(records);
});

test('a file that is larger than the cache is rejected by its size, without being read into memory', () => {
  const path = join(makeFolder(), 'cache');
  writeFileSync(path, '');
  // Sparse, and larger than Node.js reads at once.
  truncateSync(path, 3 * 1_024 ** 3);
  expect(() => fileAt(path).read()).toThrow('larger than the cache');
});
