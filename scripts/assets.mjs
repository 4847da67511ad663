// Replaces the compiled modules that read scripts and styles of pages from files by modules that contain their text. Part of the build.
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

for (const folder of ['lib', 'status', 'server/landing'])
  cpSync(join(root, 'src', folder, 'assets'), join(root, 'dist', folder, 'assets'), { recursive: true });

for (const folder of ['status', 'server/landing']) {
  const path = join(root, 'dist', folder, 'assets.js');
  const texts = Object.entries(await import(path));
  writeFileSync(
    path,
    texts.map(([name, read]) => `export const ${name} = () => ${JSON.stringify(read())};\n`).join(''),
  );
}
