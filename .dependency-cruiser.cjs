// Dependency-cruiser reads TypeScript with swc, but does not tell it which files hold JSX: without this it stops at the first of them.
const swc = require('@swc/core');
const { parseFileSync } = swc;
swc.parseFileSync = (file, options) => parseFileSync(file, { ...options, tsx: file.endsWith('.tsx') });

// The house of ARCHITECTURE.md: imports go down this list only, and folders on one level do not import each other.
const layers = [
  ['compose'],
  ['config'],
  ['server', 'status', 'simulator'],
  ['observability'],
  ['gateway'],
  ['cluster'],
  ['cache'],
  ['upstream'],
  ['atlas'],
  ['lib'],
];
const above = (level) => layers.slice(0, level).flat();
const path = (name) => `^src/${name}/`;
const only = (library, places) => ({
  name: `only-${places.join('-or-')}-knows-${library.replaceAll('/', '-')}`,
  severity: 'error',
  from: { path: '^src/', pathNot: places.map((place) => `^src/${place}`) },
  to: { path: `^node_modules/${library}/` },
});

module.exports = {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'src-knows-no-tests',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|scripts)/' },
    },
    ...layers.flatMap((names, level) =>
      names.map((name) => ({
        name: `${name}-imports-downwards`,
        severity: 'error',
        from: { path: path(name) },
        to: {
          path: [
            '^src/main\\.ts$',
            '^src/cli/',
            ...[...above(level), ...names.filter((other) => other !== name)].map(path),
          ],
        },
      })),
    ),
    {
      name: 'main-goes-through-cli',
      severity: 'error',
      from: { path: '^src/main\\.ts$' },
      to: { path: '^src/', pathNot: ['^src/cli/', '^src/lib/'] },
    },
    only('hono', ['server/', 'status/', 'simulator/']),
    only('@hono/node-server', ['server/', 'simulator/']),
    only('pino', ['observability/']),
    only('prom-client', ['observability/']),
    only('@opentelemetry', ['observability/otlp-tracer\\.ts']),
    only('ioredis', ['cluster/redis-connection\\.ts']),
    only('commander', ['cli/(run|help|parser)\\.ts']),
    only('undici', ['upstream/(dispatcher|transport)\\.ts']),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // TypeScript 7 has no API that dependency-cruiser could read it with.
    parser: 'swc',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
