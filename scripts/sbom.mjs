// Writes the SBOM of the production dependencies: sbom/atlas-gateway.cdx.json (CycloneDX) and sbom/licences.md. Fails if a licence is
// unknown or not permissive. --out FOLDER changes the folder.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isPermissive, productionPackages } from './licences.mjs';

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({ options: { out: { type: 'string', default: join(root, 'sbom') } } });
const readJson = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'));

const manifest = readJson('package.json');
const lock = readJson('package-lock.json');
const packages = productionPackages(lock);

/**
 * The SBOM of production. `npm sbom --omit dev` also omits production packages that development packages need (such as hono and zod), so
 * it runs on a copy of the project without development dependencies; the folder's name becomes the name in the SBOM.
 */
function cycloneDx() {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-sbom-'));
  const project = join(folder, manifest.name);
  mkdirSync(project);
  const { devDependencies: _, ...production } = manifest;
  const { devDependencies: __, ...top } = lock.packages[''];
  const kept = { '': top, ...Object.fromEntries(packages.map(({ path }) => [path, lock.packages[path]])) };
  writeFileSync(join(project, 'package.json'), JSON.stringify(production));
  writeFileSync(join(project, 'package-lock.json'), JSON.stringify({ ...lock, packages: kept }));
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only'];
  const { status, stdout, stderr } = spawnSync('npm', args, {
    cwd: project,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  rmSync(folder, { recursive: true });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

const bom = cycloneDx();
const { name, version, license } = manifest;
const refused = packages.filter((one) => !isPermissive(one.license));
const counts = new Map();
for (const one of packages) {
  const licence = one.license ?? 'unknown';
  counts.set(licence, (counts.get(licence) ?? 0) + 1);
}
const rows = packages.map((one) => `| ${one.name} | ${one.version} | ${one.license ?? 'unknown'} |`);

mkdirSync(values.out, { recursive: true });
writeFileSync(join(values.out, `${name}.cdx.json`), bom);
writeFileSync(
  join(values.out, 'licences.md'),
  `# Licences of the dependencies of ${name} ${version} (${license})\n\n| package | version | licence |\n| --- | --- | --- |\n${rows.join('\n')}\n`,
);

const components = JSON.parse(bom).components.length;
process.stdout.write(`${name} ${version}: ${components} components, in ${values.out}\n`);
for (const [licence, count] of [...counts].sort(([, a], [, b]) => b - a))
  process.stdout.write(`${String(count).padStart(4)}  ${licence}\n`);
for (const one of refused)
  process.stderr.write(`${one.name} ${one.version}: '${one.license ?? 'unknown'}' is not permissive\n`);
if (components !== packages.length)
  process.stderr.write(`the SBOM has ${components} components and the lock file ${packages.length}\n`);
process.exitCode = refused.length === 0 && components === packages.length ? 0 : 1;
