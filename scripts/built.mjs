// Builds the program unless it is newer than everything it is built from: a build takes longer than most people wait for a demo.
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const PROGRAM = 'bin/atlas-gateway.js';
const SOURCES = [
  'src',
  'scripts',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
];

const modifiedAt = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** When a file, or any file or folder in a folder, was last changed; a folder changes when a file in it is deleted. */
function newest(path) {
  if (!statSync(path).isDirectory()) return modifiedAt(path);
  const inside = readdirSync(path).map((name) => newest(join(path, name)));
  return Math.max(modifiedAt(path), ...inside);
}

if (Math.max(...SOURCES.map(newest)) > modifiedAt(PROGRAM)) {
  process.stderr.write('Building …\n');
  process.exitCode = spawnSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' }).status ?? 1;
}
