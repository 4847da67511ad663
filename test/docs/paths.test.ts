import { existsSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { pages } from '../support/markdown.ts';

/** Made by the build. */
const BUILT = new Set(['bin', 'dist']);
const foldersIn = (path: string) =>
  readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !BUILT.has(entry.name))
    .map(({ name }) => name);
const FOLDERS = new Set([...foldersIn('.'), ...foldersIn('src')]);

/** Pages name files of `src/` without that folder and without `.ts`. */
const isFile = (path: string) =>
  ['', 'src/'].some((folder) => ['', '.ts'].some((extension) => existsSync(`${folder}${path}${extension}`)));

test('every file and folder of the project that a page names exists', () => {
  const named = pages.flatMap(({ path, text }) =>
    [...text.matchAll(/`([a-z][\w.-]*)((?:\/[\w.-]+)+\/?|\/)`/g)]
      .filter(([, folder = '']) => FOLDERS.has(folder))
      .map(([, folder = '', rest = '']) => ({ page: path, name: `${folder}${rest}` })),
  );
  expect(named.length).toBeGreaterThan(50);
  expect(named.filter(({ name }) => !isFile(name))).toEqual([]);
});
