// Replaces dist/server/openapi-documents.js, which renders the OpenAPI documents, by a module that contains their text. Part of the build.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const path = join(root, 'dist/server/openapi-documents.js');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const documents = Object.entries(await import(path));
writeFileSync(
  path,
  documents
    .map(([name, render]) => `export const ${name} = () => ${JSON.stringify(render(version))};\n`)
    .join(''),
);
