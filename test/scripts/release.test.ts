import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { changelogEntry, problemsOf, repositoryUrl } from '../../scripts/release-checks.mjs';
import { makeFolder, removeFolders } from '../support/built.ts';

afterAll(removeFolders);

const COMMIT = 'c'.repeat(40);
const DIGEST = `sha256:${'d'.repeat(64)}`;
const READY = {
  version: '1.2.3',
  repository: 'https://git.example/team/atlas-gateway',
  changelog: '# Changelog\n\n## 1.2.3\n\nFaster.\n\n## 1.2.2\n\nSlower.\n',
  changes: '',
  commit: COMMIT,
  passed: COMMIT,
  digest: DIGEST,
};

describe('what stands against a release', () => {
  test('is nothing when everything is ready', () => {
    expect(problemsOf(READY)).toEqual([]);
  });

  test.each([
    [{ repository: undefined }, '--repository'],
    [{ changelog: '# Changelog\n\n## Unreleased\n\nFaster.\n' }, '## 1.2.3'],
    [{ changelog: '## 1.2.3\n\n## 1.2.2\n\nSlower.\n' }, 'says nothing'],
    [{ changes: ' M src/main.ts' }, 'not committed'],
    [{ passed: '' }, '.ci/run has not passed'],
    [{ passed: 'e'.repeat(40) }, '.ci/run has not passed'],
    [{ digest: '' }, 'NODE_DIGEST'],
    [{ digest: 'latest' }, 'NODE_DIGEST'],
  ])('%o', (change, named) => {
    const problems = problemsOf({ ...READY, ...change });
    expect(problems).toEqual([expect.stringContaining(named)]);
  });

  test('is reported all at once', () => {
    expect(
      problemsOf({ ...READY, changes: '?? a', passed: '', digest: '', repository: undefined }),
    ).toHaveLength(4);
  });
});

test.each([
  ['## 1.2.3 (2026-01-02)\n\nOne.\n', 'One.'],
  ['## 1.2.30\n\nTwo.\n', undefined],
  ['### 1.2.3\n\nThree.\n', undefined],
])('the entry of a version: %j', (changelog, entry) => {
  expect(changelogEntry(changelog, '1.2.3')).toBe(entry);
});

test.each([
  ['https://git.example/team/atlas-gateway.git', 'https://git.example/team/atlas-gateway'],
  ['https://git.example/team/atlas-gateway/', 'https://git.example/team/atlas-gateway'],
  ['git@git.example:team/atlas-gateway', undefined],
  ['http://git.example/team/atlas-gateway', undefined],
  ['https://user:secret@git.example/team/atlas-gateway', undefined],
  ['https://git.example/', undefined],
  ['', undefined],
])('the repository %j', (text, url) => {
  expect(repositoryUrl(text)).toBe(url);
});

describe('npm run release', () => {
  /** A small project in a repository of its own, ready but for what a test changes. */
  function makeProject() {
    const folder = makeFolder();
    for (const path of [
      'scripts',
      'bin',
      'config',
      'LICENSE',
      'README.md',
      'package-lock.json',
      '.gitignore',
    ])
      cpSync(path, join(folder, path), { recursive: true });
    const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...manifest, version: '1.2.3' }));
    writeFileSync(join(folder, 'CHANGELOG.md'), READY.changelog);
    mkdirSync(join(folder, 'deploy'));
    writeFileSync(join(folder, 'deploy/Dockerfile'), `ARG NODE_DIGEST=${DIGEST}\nFROM node@$NODE_DIGEST\n`);
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
    const git = (...args: string[]) => {
      const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com'];
      return spawnSync('git', [...identity, ...args], { cwd: folder, encoding: 'utf8' }).stdout.trim();
    };
    git('init', '--quiet');
    // The link is no folder, so .gitignore's line for folders does not cover it everywhere.
    writeFileSync(join(folder, '.git/info/exclude'), 'node_modules\n.ci/passed\nrelease/\n');
    git('add', '--all');
    git('commit', '--quiet', '--message', 'ready');
    mkdirSync(join(folder, '.ci'));
    writeFileSync(join(folder, '.ci/passed'), `${git('rev-parse', 'HEAD')}\n`);
    const release = (...args: string[]) =>
      spawnSync(process.execPath, ['scripts/release.mjs', ...args], { cwd: folder, encoding: 'utf8' });
    return { folder, git, release };
  }

  test('packs what is ready, names the repository in it, and says what comes next', () => {
    const { folder, git, release } = makeProject();
    const { status, stdout, stderr } = release('--repository', READY.repository);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('npm publish');
    expect(readdirSync(join(folder, 'release')).toSorted()).toEqual([
      'SHA256SUMS',
      'atlas-gateway-1.2.3.tgz',
      'atlas-gateway.cdx.json',
      'licences.md',
    ]);
    const packed = spawnSync('tar', ['-xOf', 'release/atlas-gateway-1.2.3.tgz', 'package/package.json'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(JSON.parse(packed.stdout)).toMatchObject({
      repository: { type: 'git', url: `git+${READY.repository}.git` },
      homepage: `${READY.repository}#readme`,
      bugs: { url: `${READY.repository}/issues` },
    });
    expect(git('status', '--porcelain')).toBe('');
  });

  test('refuses with every reason, and makes nothing', () => {
    const { folder, release } = makeProject();
    writeFileSync(join(folder, 'CHANGELOG.md'), '# Changelog\n');
    const { status, stderr } = release();
    expect(status).toBe(1);
    for (const reason of ['--repository', 'CHANGELOG.md', 'not committed']) expect(stderr).toContain(reason);
    expect(existsSync(join(folder, 'release'))).toBe(false);
  });

  test('explains an unknown flag', () => {
    const { status, stderr } = makeProject().release('--repo', 'x');
    expect(status).toBe(2);
    expect(stderr).toContain('usage:');
  });
});
