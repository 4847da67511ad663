// Makes a release out of this commit: release/atlas-gateway-X.Y.Z.tgz, whose manifest names the repository, its SHA-256 and the SBOM; then
// prints what a person does next. The tree stays as it is. Refuses, with every reason, what is not ready.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readDockerfile } from './dockerfile.mjs';
import { problemsOf, repositoryUrl, withRepository } from './release-checks.mjs';

const USAGE = `usage: npm run release -- --repository URL
  --repository URL  the https address of the repository, which the package and the image name
  --help            this text
`;

/** The flags; undefined after an error, which is printed with the usage. */
function readFlags() {
  try {
    return parseArgs({ options: { repository: { type: 'string' }, help: { type: 'boolean' } } }).values;
  } catch (error) {
    process.stderr.write(`${error.message}\n${USAGE}`);
    return undefined;
  }
}

const root = process.cwd();
const read = (path) => readFileSync(join(root, path), 'utf8');

function run(program, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: root,
    encoding: 'utf8',
    ...options,
  });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout.trim();
}

/** The commit on which .ci/run passed last; '' if it never did. */
function passedCommit() {
  try {
    return read('.ci/passed').trim();
  } catch {
    return '';
  }
}

/** Packs the built program under a manifest that names the repository; returns the archive. */
function pack(manifest, target) {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-release-'));
  try {
    for (const path of manifest.files) cpSync(join(root, path), join(folder, path), { recursive: true });
    writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', target];
    const [{ filename }] = JSON.parse(run('npm', args, { cwd: folder }));
    return join(target, filename);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const nextSteps = ({ name, version, commit, repository, digest, archive }) => `
Next, by a person:
  1. Tag this commit:   git tag --sign v${version} ${commit.slice(0, 12)} && git push origin v${version}
  2. Build the image:   docker buildx build --file deploy/Dockerfile --platform linux/amd64,linux/arm64 --sbom=true --provenance=mode=max \\
                          --build-arg VERSION=${version} --build-arg REVISION=${commit} --build-arg SOURCE=${repository} \\
                          --build-arg CREATED="$(date -u +%Y-%m-%dT%H:%M:%SZ)" --tag REGISTRY/${name}:${version} --push .
     on the base ${digest}
  3. Sign both:         cosign sign REGISTRY/${name}:${version}; cosign sign-blob ${archive}
  4. Publish:           npm publish ${archive} --provenance
  5. Package the chart: helm package deploy/helm/${name} && helm push ${name}-${version}.tgz oci://REGISTRY/charts
  6. Roll it out to one place first: atlas_gateway_build_info shows the version, and no alert fires for an hour.
`;

function release({ repository: address = '' }) {
  const manifest = JSON.parse(read('package.json'));
  const { name, version } = manifest;
  const repository = repositoryUrl(address);
  const commit = run('git', ['rev-parse', 'HEAD']);
  const digest = readDockerfile(read('deploy/Dockerfile')).args.get('NODE_DIGEST') ?? '';
  const changes = run('git', ['status', '--porcelain']);
  const facts = {
    version,
    repository,
    changelog: read('CHANGELOG.md'),
    changes,
    commit,
    passed: passedCommit(),
    digest,
  };
  const problems = problemsOf(facts);
  if (problems.length > 0) {
    process.stderr.write(`Not released:\n${problems.map((one) => `  - ${one}\n`).join('')}`);
    return 1;
  }
  const target = join(root, 'release');
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  const archive = pack(withRepository(manifest, repository), target);
  const sum = createHash('sha256').update(readFileSync(archive)).digest('hex');
  writeFileSync(join(target, 'SHA256SUMS'), `${sum}  ${archive.slice(target.length + 1)}\n`);
  run(process.execPath, [join(root, 'scripts/sbom.mjs'), '--out', target]);
  process.stdout.write(`${archive}\nsha256 ${sum}\n`);
  process.stdout.write(nextSteps({ name, version, commit, repository, digest, archive }));
  return 0;
}

const flags = readFlags();
if (flags?.help) process.stdout.write(USAGE);
else process.exitCode = flags === undefined ? 2 : release(flags);
