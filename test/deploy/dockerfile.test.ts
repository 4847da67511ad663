import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createContextFilter, execForm, lastOf, pairs, readDockerfile } from '../../scripts/dockerfile.mjs';

// What the steps make is proved by `npm run image:check`, which runs them; here is what no running shows.
const { args, stages } = readDockerfile(readFileSync('deploy/Dockerfile', 'utf8'));
const filter = createContextFilter(readFileSync('deploy/Dockerfile.dockerignore', 'utf8'));
const image = stages.at(-1);
if (image === undefined) throw new Error('the Dockerfile has no stage');
const manifest: { version: string; license: string } = JSON.parse(readFileSync('package.json', 'utf8'));

test('all stages build on one release of Node.js', () => {
  expect(args.get('NODE_VERSION')).toMatch(/^\d+$/);
  expect(stages.map(({ base }) => base)).toEqual(stages.map(() => `node:${args.get('NODE_VERSION')}-slim`));
});

test('the image itself installs nothing: what it holds was made by the stages before it', () => {
  expect(image.instructions.filter(({ keyword }) => keyword === 'RUN' || keyword === 'ADD')).toEqual([]);
});

test('no script of a package runs while it is built', () => {
  const installs = stages
    .flatMap(({ instructions }) => instructions)
    .filter(({ text }) => /npm (ci|install)/.test(text));
  expect(installs).toHaveLength(1);
  for (const { text } of installs) expect(text).toContain('--ignore-scripts');
});

test('the context holds what is copied and nothing else', () => {
  const copied = stages
    .flatMap(({ instructions }) => instructions)
    .filter(({ keyword, flags }) => keyword === 'COPY' && flags['from'] === undefined)
    .flatMap(({ text }) =>
      text
        .split(' ')
        .slice(0, -1)
        .map((path) => path.replace('./', '')),
    );
  expect([...new Set(copied)].sort()).toEqual([...filter.admitted].sort());
  for (const path of copied) expect(existsSync(path), path).toBe(true);
  for (const path of ['.git', 'node_modules', 'deploy/compose/secrets/admin-token', '.env'])
    expect(filter.admits(path)).toBe(false);
});

test('it runs as a number that is not root, and is told to end by a signal it hears', () => {
  expect(lastOf(image, 'USER')?.text).toBe('65532:65532');
  expect(lastOf(image, 'STOPSIGNAL')?.text).toBe('SIGTERM');
  // Exec form: no shell between the signal and the gateway.
  expect(execForm(lastOf(image, 'ENTRYPOINT')?.text ?? '')).toEqual([
    'node',
    '--disable-sigusr1',
    '/app/bin/atlas-gateway.js',
  ]);
  expect(execForm(lastOf(image, 'CMD')?.text ?? '')).toEqual(['serve']);
});

test('its health is what the healthcheck command says', () => {
  const { text = '' } = lastOf(image, 'HEALTHCHECK') ?? {};
  expect(execForm(text.replace(/^CMD /, ''))).toEqual(['node', '/app/bin/atlas-gateway.js', 'healthcheck']);
});

test('it finds its configuration where the deployments put it, and holds no secret', () => {
  const environment = pairs(image, 'ENV');
  expect(Object.fromEntries(environment)).toEqual({
    NODE_ENV: 'production',
    ATLAS_GATEWAY_CONFIG: '/etc/atlas-gateway/gateway.yaml',
    ATLAS_GATEWAY_LISTEN_HOST: '0.0.0.0',
  });
});

test('labels say what it is, where it comes from and what it is built on', () => {
  const labels = pairs(image, 'LABEL');
  expect(labels.get('org.opencontainers.image.licenses')).toBe(manifest.license);
  const texts = ['title', 'description', 'version', 'revision', 'created', 'source', 'documentation'];
  for (const name of texts) expect(labels.get(`org.opencontainers.image.${name}`)).toBeTruthy();
  expect(labels.get('org.opencontainers.image.base.name')).toMatch(/node:\d+-slim$/);
});

test('the base is pinned by the digest of a build argument, which is empty here', () => {
  expect(args.get('NODE_DIGEST')).toBe('');
  const digest = `sha256:${'1'.repeat(64)}`;
  const text = readFileSync('deploy/Dockerfile', 'utf8');
  const { stages: pinned } = readDockerfile(text, { NODE_DIGEST: digest });
  expect(pinned.map(({ base }) => base)).toEqual(
    pinned.map(() => `node:${args.get('NODE_VERSION')}-slim@${digest}`),
  );
  const [, label] =
    [...pairs(pinned.at(-1) ?? image, 'LABEL')].find(([name]) => name.endsWith('base.digest')) ?? [];
  expect(label).toBe(digest);
});

test('a line in shell form is refused, and so is a .dockerignore that lets in more than it names', () => {
  expect(() => execForm('node main.js')).toThrow();
  expect(() => createContextFilter('node_modules\n')).toThrow();
  expect(() => createContextFilter('*\n!**/*.ts\n')).toThrow();
});

test('continued lines, comments between them, flags and arguments are read', () => {
  const read = readDockerfile(
    'ARG A=1\nFROM base:$A AS x\nARG B=2\nRUN one \\\n # why\n  && two $B\nCOPY --from=x /a ./\n',
  );
  expect(read.stages).toEqual([
    {
      name: 'x',
      base: 'base:1',
      instructions: [
        { keyword: 'ARG', flags: {}, text: 'B=2' },
        { keyword: 'RUN', flags: {}, text: 'one && two 2' },
        { keyword: 'COPY', flags: { from: 'x' }, text: '/a ./' },
      ],
    },
  ]);
});
