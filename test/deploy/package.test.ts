import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isPermissive, productionPackages } from '../../scripts/licences.mjs';
import { makeFolder, removeFolders } from '../support/built.ts';

const manifest: { version: string; files: string[]; dependencies: Record<string, string> } = JSON.parse(
  readFileSync('package.json', 'utf8'),
);

function run(program: string, args: readonly string[], cwd = '.') {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

/** Packs a folder, as it is built; gives the archive and what is in it. */
function pack(folder: string) {
  const target = makeFolder();
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', target];
  const [report]: { filename: string; size: number; files: { path: string; mode: number }[] }[] = JSON.parse(
    run('npm', args, folder),
  );
  if (report === undefined) throw new Error('npm pack made nothing');
  const archive = join(target, report.filename);
  return { ...report, archive, sha256: createHash('sha256').update(readFileSync(archive)).digest('hex') };
}

const list = (folder: string) => readdirSync(folder, { recursive: true, encoding: 'utf8' });

afterAll(removeFolders);

describe('the package', () => {
  let packed: ReturnType<typeof pack>;
  beforeAll(() => {
    packed = pack('.');
  });

  test('is the same archive whenever and wherever it is packed', () => {
    const elsewhere = makeFolder();
    for (const path of [...manifest.files, 'package.json'])
      cpSync(path, join(elsewhere, path), { recursive: true });
    for (const path of list(elsewhere)) utimesSync(join(elsewhere, path), 1_000_000, 1_000_000);
    expect(pack(elsewhere).sha256).toBe(packed.sha256);
  });

  test('holds the built program and what its users read, and nothing else', () => {
    const paths = packed.files.map(({ path }) => path);
    const folders = new Set(paths.map((path) => path.split('/')[0]));
    expect([...folders].sort()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'bin',
      'config',
      'package.json',
    ]);
    expect(paths).toContain('bin/atlas-gateway.js');
    expect(paths).toContain('config/gateway.yaml');
    expect(paths).toContain('config/gateway.schema.json');
  });

  test('is small', () => {
    expect(packed.size).toBeLessThan(1_250_000);
  });

  test('tells by manifest and licence which packages are in it, those of production only', () => {
    const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
    const known = new Set(productionPackages(lock).map(({ name, version }) => `${name}@${version}`));
    const told = readdirSync('bin/third-party').map((folder) => {
      const files = readdirSync(join('bin/third-party', folder));
      expect(files, folder).toContainEqual(expect.stringMatching(/^licen[cs]e/i));
      const { name, version } = JSON.parse(
        readFileSync(join('bin/third-party', folder, 'package.json'), 'utf8'),
      );
      return `${name}@${version}`;
    });
    expect(told.filter((one) => !known.has(one))).toEqual([]);
    for (const [name, version] of Object.entries(manifest.dependencies))
      expect(told).toContain(`${name}@${version}`);
  });

  test('the program is executable after every build', () => {
    expect(statSync('bin/atlas-gateway.js').mode & 0o111).toBe(0o111);
    expect(packed.files.find(({ path }) => path === 'bin/atlas-gateway.js')?.mode).toBe(0o755);
  });

  test('is installed globally, into a project without development packages, and by npx', () => {
    const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--omit=dev'];
    const prefix = makeFolder();
    run('npm', ['install', '--global', '--prefix', prefix, ...quiet, packed.archive]);
    expect(run(join(prefix, 'bin/atlas-gateway'), ['--version']).trim()).toBe(manifest.version);
    const project = makeFolder();
    writeFileSync(join(project, 'package.json'), '{ "name": "project", "private": true }');
    run('npm', ['install', ...quiet, packed.archive], project);
    expect(run('npx', ['--no-install', 'atlas-gateway', '--version'], project).trim()).toBe(manifest.version);
    const elsewhere = makeFolder();
    const help = run('npx', ['--yes', `--package=${packed.archive}`, 'atlas-gateway', 'help'], elsewhere);
    expect(help).toContain('Usage: atlas-gateway <command>');
  }, 120_000);

  test('has nothing that publint objects to', async () => {
    const { buffer } = Uint8Array.from(readFileSync(packed.archive));
    const { messages } = await publint({ pack: { tarball: buffer }, strict: true });
    expect(messages).toEqual([]);
  });
});

describe('the list of what it is made of', () => {
  test('names every package of production, by version and licence, and no other', () => {
    const folder = makeFolder();
    const printed = run(process.execPath, ['scripts/sbom.mjs', '--out', folder]);
    const bom: { metadata: { component: { name: string } }; components: { name: string }[] } = JSON.parse(
      readFileSync(join(folder, 'atlas-gateway.cdx.json'), 'utf8'),
    );
    expect(printed).toContain(`${bom.components.length} components`);
    expect(bom.metadata.component.name).toBe('atlas-gateway');
    const names = bom.components.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['hono', 'zod', 'pino', 'undici']));
    for (const development of ['vitest', 'typescript', 'express']) expect(names).not.toContain(development);
    const licences = readFileSync(join(folder, 'licences.md'), 'utf8');
    for (const [name, version] of Object.entries(manifest.dependencies))
      expect(licences).toContain(`| ${name} | ${version} |`);
  });

  test.each([
    'MIT',
    '(MIT OR GPL-3.0-only)',
    'GPL-2.0 OR Apache-2.0',
    'MIT AND ISC',
    '((MIT OR ISC) AND BSD-3-Clause)',
  ])('%s is permissive', (expression) => {
    expect(isPermissive(expression)).toBe(true);
  });

  test.each([
    undefined,
    '',
    'GPL-3.0-only',
    'MIT AND GPL-3.0-only',
    '(MIT AND LGPL-2.1) OR MPL-2.0',
    'SEE LICENSE IN LICENSE.txt',
    'UNLICENSED',
    'MIT OR',
    '(MIT',
    'MIT ISC',
  ])('%s is not', (expression) => {
    expect(isPermissive(expression)).toBe(false);
  });
});
