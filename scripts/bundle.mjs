// Makes the program that is shipped, bin/, from what the compiler wrote into dist/: finding and reading hundreds of modules was most of a
// start. bin/atlas-gateway.js needs no package beside it. What commands read on demand lies in bin/parts/; name, version and licence of each
// package that went in lie in bin/third-party/, where its licence asks for its text and scanners of images look for its package.json.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, relative } from 'node:path';
import { build } from 'rolldown';
import { productionPackages } from './licences.mjs';

const root = join(import.meta.dirname, '..');
const bin = join(root, 'bin');
const ENTRY = 'atlas-gateway.js';
const LICENCE = /^(licen[cs]e|notice|copying)(\.|$)/i;

/** The folder of the package that a module is of, from the root; undefined for our own. */
const packageOf = (module) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(relative(root, module))?.[1];

/** Whether Node.js has it, some release of it at least: undici asks for node:sqlite and does without. */
const isNodes = (name) => name.startsWith('node:') || isBuiltin(name);

/**
 * Nothing is left to be found in node_modules; and no part imports the entry, which would run the program a second time where Node.js was
 * given its path through a link.
 */
function checkImports(chunks) {
  const files = new Set(chunks.map(({ fileName }) => fileName).filter((name) => name !== ENTRY));
  for (const { fileName, code, imports, dynamicImports } of chunks) {
    const required = [...code.matchAll(/\b__require\("([^"]+)"\)/g)].map(([, name]) => name);
    for (const name of [...imports, ...dynamicImports, ...required])
      if (!files.has(name) && !isNodes(name)) throw new Error(`bin/${fileName} needs ${name}`);
  }
}

/** Writes what went in, and throws where a package is not of production or has no licence text. */
function tellPackages(chunks) {
  // What rolldown adds of its own begins with a NUL.
  const modules = chunks.flatMap(({ modules }) => Object.keys(modules)).filter((id) => !id.startsWith('\0'));
  const paths = new Set(modules.map(packageOf).filter((path) => path !== undefined));
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const production = new Map(productionPackages(lock).map((one) => [one.path, one]));
  for (const path of paths) {
    const known = production.get(path);
    if (known === undefined) throw new Error(`${path} is in the bundle, but no package of production`);
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
  // Comments name the files of ours that a part is made of, from here.
  cwd: root,
  input: join(root, 'dist/main.js'),
  platform: 'node',
  // Ioredis's debug colours its lines where it finds this, which only packages of development bring along.
  resolve: { alias: { 'supports-color': false } },
  output: {
    dir: bin,
    format: 'esm',
    entryFileNames: ENTRY,
    chunkFileNames: 'parts/[name].js',
    minify: false,
    comments: { legal: true },
    // What the entry shares with the commands it reads, so that none of them imports the entry.
    codeSplitting: {
      groups: [{ name: 'command-line', test: /\/dist\/(lib\/|cli\/(command|help|run)\.js$)/ }],
    },
  },
});
const chunks = output.filter(({ type }) => type === 'chunk');
checkImports(chunks);
tellPackages(chunks);
