// Bundles the compiler output in dist/ into bin/, the program that is shipped, because resolving hundreds of modules took most of the
// startup time. bin/atlas-gateway.js needs no packages. bin/parts/ contains the chunks that commands import on demand. bin/third-party/
// contains the licence text of each bundled package, as the licences require, and its package.json for image scanners.
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, relative } from 'node:path';
import { build } from 'rolldown';
import { productionPackages } from './licences.mjs';

const root = join(import.meta.dirname, '..');
const bin = join(root, 'bin');
const ENTRY = 'atlas-gateway.js';
const LICENCE = /^(licen[cs]e|notice|copying)(\.|$)/i;

/** The folder of a module's package, relative to the root; undefined for our own modules. */
const packageOf = (module) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(relative(root, module))?.[1];

/** Whether a module is built into Node.js, in some release at least: undici's import of node:sqlite is optional. */
const isNodeModule = (name) => name.startsWith('node:') || isBuiltin(name);

/**
 * Throws if a chunk imports anything from node_modules, or the entry: importing the entry would run the program twice if Node.js was
 * started with a symlink to it.
 */
function checkImports(chunks) {
  const files = new Set(chunks.map(({ fileName }) => fileName).filter((name) => name !== ENTRY));
  for (const { fileName, code, imports, dynamicImports } of chunks) {
    const required = [...code.matchAll(/\b__require\("([^"]+)"\)/g)].map(([, name]) => name);
    for (const name of [...imports, ...dynamicImports, ...required])
      if (!files.has(name) && !isNodeModule(name)) throw new Error(`bin/${fileName} needs ${name}`);
  }
}

/** Writes the third-party files; throws if a bundled package is not a production dependency or has no licence text. */
function writeThirdParty(chunks) {
  // The ids of rolldown's own modules begin with NUL.
  const modules = chunks.flatMap(({ modules }) => Object.keys(modules)).filter((id) => !id.startsWith('\0'));
  const paths = new Set(modules.map(packageOf).filter((path) => path !== undefined));
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const production = new Map(productionPackages(lock).map((one) => [one.path, one]));
  for (const path of paths) {
    const known = production.get(path);
    if (known === undefined) throw new Error(`${path} is in the bundle, but is not a production dependency`);
    const folder = join(bin, 'third-party', `${known.name.replace('/', '+')}@${known.version}`);
    const licences = readdirSync(join(root, path)).filter((name) => LICENCE.test(name));
    if (licences.length === 0) throw new Error(`${path} has no licence text`);
    mkdirSync(folder, { recursive: true });
    for (const file of licences) copyFileSync(join(root, path, file), join(folder, file));
    const { name, version, license } = known;
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version, license }));
  }
}

rmSync(bin, { recursive: true, force: true });
const { output } = await build({
  // Module comments show paths relative to this folder.
  cwd: root,
  input: join(root, 'dist/main.js'),
  platform: 'node',
  // ioredis's debug package uses this one for colours if present, and only development dependencies install it.
  resolve: { alias: { 'supports-color': false } },
  output: {
    dir: bin,
    format: 'esm',
    entryFileNames: ENTRY,
    chunkFileNames: 'parts/[name].js',
    minify: false,
    comments: { legal: true },
    // Modules shared by the entry and the commands, so that no command imports the entry.
    codeSplitting: {
      groups: [{ name: 'command-line', test: /\/dist\/(lib\/|cli\/(colours|command|help|parser|run)\.js$)/ }],
    },
  },
});
// npm sets it when it installs; a checkout that is run as it is needs it as well.
chmodSync(join(bin, ENTRY), 0o755);
const chunks = output.filter(({ type }) => type === 'chunk');
checkImports(chunks);
writeThirdParty(chunks);
