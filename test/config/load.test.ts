import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { formatProblem } from '../../src/config/config-error.ts';
import { variableOf } from '../../src/config/env-overrides.ts';
import { toJsonSchema } from '../../src/config/json-schema.ts';
import { loadConfig } from '../../src/config/load.ts';
import { SCALAR_SETTINGS } from '../../src/config/schema.ts';

const KNOWN = { operations: new Set(['listGroups', 'listGroupClusters']), tags: new Set(['Clusters']) };
const GOOD = `credentials:
  - name: c
    apiKey: { publicKey: { env: PUB }, privateKey: { file: key } }
callers:
  - name: team
    projects: all
`;

function load(text: string | undefined, env: Record<string, string> = {}) {
  const files: Record<string, string> = { 'dir/gateway.yaml': text ?? '' };
  const readFile = (path: string) => {
    if (path.endsWith('/dir/key')) return 'a-private-key-of-some-length\n';
    const content = files[path];
    if (content === undefined) throw new Error('ENOENT');
    return content;
  };
  return loadConfig({
    env: {
      PUB: 'public',
      REDIS: 'redis://:secret@host',
      BAD_URL: 'redis://:sec/ret@host',
      LONG: 'a key that is long enough to encrypt with',
      ...env,
    },
    readFile,
    whyNotWritable: () => undefined,
    known: KNOWN,
    ...(text === undefined ? {} : { path: 'dir/gateway.yaml' }),
  });
}
const problemsOf = (loaded: ReturnType<typeof load>) => (loaded.ok ? [] : loaded.problems.map(formatProblem));

describe('a configuration', () => {
  test('is completed with defaults, durations in milliseconds and sizes in bytes', () => {
    const loaded = load(`${GOOD}cache: { maxBytes: 1MiB, fresh: 1m }\n`);
    expect(loaded).toMatchObject({
      ok: true,
      config: {
        listen: { port: 8_080 },
        cache: { maxBytes: 1_048_576, fresh: 60_000, staleIfError: 86_400_000 },
      },
    });
  });

  test('applies cache.staleIfError to an operation that only overrides fresh', () => {
    const loaded = load(
      `${GOOD}cache: { staleIfError: 1h, operations: { listGroupClusters: { fresh: 10s } } }\n`,
    );
    expect(loaded.ok && loaded.config.cache.operations).toEqual({ listGroupClusters: { fresh: 10_000 } });
  });

  test('has its secrets read from files relative to it, without the trailing newline', () => {
    const loaded = load(GOOD);
    expect(loaded.ok && [loaded.secretOf({ env: 'PUB' }), loaded.secretOf({ file: 'key' })]).toEqual([
      'public',
      'a-private-key-of-some-length',
    ]);
  });

  test.each([
    [
      'cache: { maxBytes: 64MBs }',
      "dir/gateway.yaml:7 cache.maxBytes: '64MBs' is not a valid size; use e.g. 64MiB or 67108864",
    ],
    ['cache: { fresh: 30 }', "dir/gateway.yaml:7 cache.fresh: '30' is not a valid duration; use e.g. 30s"],
    [
      'cache: { fresh: soon }',
      "dir/gateway.yaml:7 cache.fresh: 'soon' is not a valid duration; use e.g. 30s",
    ],
    [
      'cache: { projectShare: 2 }',
      'dir/gateway.yaml:7 cache.projectShare: must be greater than 0 and at most 1',
    ],
    [
      'cache:\n  freshh: 1s',
      "dir/gateway.yaml:8 cache.freshh: is not a known setting: did you mean 'fresh'?",
    ],
    [
      "listen: { publicUrl: 'http://gw' }\ncache: { shared: { url: { env: BAD_URL }, encryptionKey: { env: LONG } } }",
      'dir/gateway.yaml:8 cache.shared.url: is not a valid Redis URL; use redis://, rediss://, redis+sentinel://…/primary or redis+cluster://, with special characters in the password percent-encoded',
    ],
    [
      "listen: { publicUrl: 'http://gw' }\ncache: { shared: { url: { env: REDIS }, encryptionKey: { env: PUB } } }",
      'dir/gateway.yaml:8 cache.shared.encryptionKey: is too short to be a secret; write at least 32 random characters',
    ],
    [
      'cache: { shared: { url: { env: REDIS }, encryptionKey: { env: LONG } } }',
      'dir/gateway.yaml:1 listen.publicUrl: is required with cache.shared, because shared lists contain links; write the address under which clients reach these gateways',
    ],
    [
      "cache: { shared: { url: 'redis://host', encryptionKey: { env: LONG } } }",
      'dir/gateway.yaml:7 cache.shared.url: a secret must not be written in this file; write { env: NAME } or { file: PATH }',
    ],
    ['cachee: {}', "dir/gateway.yaml:7 cachee: is not a known setting: did you mean 'cache'?"],
    [
      'cache: { operations: { listGroup: {} } }',
      "dir/gateway.yaml:7 cache.operations.listGroup: is not a known list operation: did you mean 'listGroups'?",
    ],
    ['listen: { port: 80800 }', 'dir/gateway.yaml:7 listen.port: a port is a number from 0 to 65535'],
    [
      'listen: { port: many }',
      "dir/gateway.yaml:7 listen.port: 'many' is not a valid port; write a number from 0 to 65535",
    ],
    [
      'listen: { publicUrl: gateway }',
      "dir/gateway.yaml:7 listen.publicUrl: 'gateway' is not a valid origin; write only scheme and host, e.g. https://host:8080",
    ],
    [
      'upstream: { origin: "http://atlas.example" }',
      "dir/gateway.yaml:7 upstream.origin: 'http://atlas.example' would send credentials unencrypted; write an https address",
    ],
    [
      'listen: { host: 0.0.0.0 }\nanonymous: {}',
      'dir/gateway.yaml:8 anonymous: would admit everyone who can reach 0.0.0.0; listen on 127.0.0.1, or write allowRemote: true',
    ],
    [
      'admin: { host: 0.0.0.0 }',
      'dir/gateway.yaml:7 admin.token: is required because 0.0.0.0 is reachable from other machines; write { file: PATH }',
    ],
    [
      'admin: { token: hunter2 }',
      'dir/gateway.yaml:7 admin.token: a secret must not be written in this file; write { env: NAME } or { file: PATH }',
    ],
    ['admin: { token: { file: nowhere } }', 'dir/gateway.yaml:7 admin.token: the file '],
    [
      'admin: { token: { env: NOT_SET } }',
      'dir/gateway.yaml:7 admin.token: the environment variable NOT_SET is not set; export it before starting the gateway',
    ],
    [
      'listen: [',
      'dir/gateway.yaml:8: is not valid YAML: a bracket is not closed, or the indentation is wrong',
    ],
    [
      'cache: {}\ncache: {}',
      'dir/gateway.yaml:8: is not valid YAML: this setting appears twice; remove one of them',
    ],
  ])('with %j reports: %s', (text, problem) => {
    const problems = problemsOf(load(`${GOOD}${text}\n`));
    expect(problems).toHaveLength(1);
    expect(problems[0]?.replace(process.cwd(), '')).toContain(problem);
  });

  test.each([
    ['callers: []', GOOD.split('callers')[0] ?? '', 'no caller could read anything'],
    ['a caller twice', `${GOOD}  - name: team\n`, "callers[1].name: the name 'team' is already in use"],
    [
      'a key that is none',
      `${GOOD}    keys: [{ id: x, sha256: y }]\n`,
      'create one with atlas-gateway new-key',
    ],
    [
      'a project that is none',
      GOOD.replace('projects: all', 'projects: [abc]'),
      'is not a valid id; write 24 lower-case hexadecimal digits',
    ],
    ['an unknown operation', `${GOOD}    operations: [listGroup]\n`, "did you mean 'listGroups'?"],
    ['no credentials', 'callers: [{ name: t }]\n', 'credentials: is missing'],
    [
      'both kinds of credential',
      GOOD.replace(
        '    apiKey',
        '    serviceAccount: { clientId: { env: PUB }, clientSecret: { env: PUB } }\n    apiKey',
      ),
      'write either serviceAccount or apiKey',
    ],
    [
      'neither kind of credential',
      GOOD.replace(/ {4}apiKey.*\n/, ''),
      'write either serviceAccount or apiKey',
    ],
    ['a list', '- a\n', 'must be a mapping of settings'],
    ['nothing', '', 'must be a mapping of settings'],
  ])('with %s is refused', (_name, text, problem) => {
    expect(problemsOf(load(text)).join('\n')).toContain(problem);
  });

  test('reports all problems at once', () => {
    expect(
      problemsOf(
        load('cache: { fresh: soon, maxBytes: big }\nlisten: { port: -1 }\ncredentials: []\nextra: 1\n'),
      ),
    ).toHaveLength(6);
  });

  test('never shows a secret that was written where its name belongs', () => {
    expect(problemsOf(load(GOOD.replace('{ env: PUB }', 'hunter2'))).join()).not.toContain('hunter2');
  });

  test.each(SCALAR_SETTINGS)('%s can be set, and set wrongly, by the environment', (setting) => {
    const [section, key] = setting.split('.');
    const variable = variableOf(setting);
    const value =
      {
        host: '127.0.0.1',
        port: '1234',
        publicUrl: 'https://a.example',
        origin: 'https://b.example',
        timeout: '5s',
        maxBody: '1MiB',
        maxBytes: '1MiB',
        projectShare: '0.5',
        maxItems: '7',
        maxInFlight: '7',
        maxConnections: '7',
        level: 'warn',
      }[key ?? ''] ?? '5s';
    expect(load(GOOD, { [variable]: value }).ok).toBe(true);
    if (section === 'listen' && key === 'host') return;
    expect(problemsOf(load(GOOD, { [variable]: '' })).join()).toContain(`environment ${variable}: `);
  });

  test('reports an environment variable that is not a setting', () => {
    expect(problemsOf(load(GOOD, { ATLAS_GATEWAY_LISTEN_PRT: '1' }))).toEqual([
      "environment ATLAS_GATEWAY_LISTEN_PRT: is not a known setting: did you mean 'ATLAS_GATEWAY_LISTEN_PORT'?",
    ]);
  });
});

describe('startup without a file', () => {
  test.each([
    [
      { MONGODB_ATLAS_CLIENT_ID: 'a', MONGODB_ATLAS_CLIENT_SECRET: 'a-secret-of-22-letters' },
      { serviceAccount: {} },
    ],
    [{ MONGODB_ATLAS_PUBLIC_KEY: 'a', MONGODB_ATLAS_PRIVATE_KEY: 'a-secret-of-22-letters' }, { apiKey: {} }],
  ])('takes its credentials from %j, and lists are open on loopback', (env, credential) => {
    expect(load(undefined, env)).toMatchObject({
      ok: true,
      config: {
        credentials: [credential],
        anonymous: { projects: 'all', operations: ['lists'] },
        listen: { host: '127.0.0.1' },
      },
    });
  });

  test('without credentials suggests both kinds of credential and the demo', () => {
    expect(problemsOf(load(undefined)).join()).toMatch(
      /--config FILE.*MONGODB_ATLAS_CLIENT_ID.*MONGODB_ATLAS_PUBLIC_KEY.*atlas-gateway demo/,
    );
  });

  test('with half a pair reports the missing half', () => {
    expect(problemsOf(load(undefined, { MONGODB_ATLAS_CLIENT_ID: 'a' })).join()).toContain(
      'MONGODB_ATLAS_CLIENT_ID is set but MONGODB_ATLAS_CLIENT_SECRET is not; set both',
    );
  });
});

test('the sample is valid', () => {
  const text = readFileSync('config/gateway.yaml', 'utf8');
  const env = { MONGODB_ATLAS_CLIENT_ID: 'a', MONGODB_ATLAS_CLIENT_SECRET: 'a-secret-of-22-letters' };
  expect(
    problemsOf(
      loadConfig({
        env,
        readFile: () => text,
        whyNotWritable: () => undefined,
        known: KNOWN,
        path: 'gateway.yaml',
      }),
    ),
  ).toEqual([]);
});

test('the JSON Schema is up to date; npm run schema generates it', () => {
  expect(JSON.parse(readFileSync('config/gateway.schema.json', 'utf8'))).toEqual(
    JSON.parse(JSON.stringify(toJsonSchema())),
  );
});

describe('authentication settings', () => {
  const withCaller = (lines: string) => GOOD.replace('  - name: team\n', `  - name: team\n${lines}`);

  test.each([
    [
      'an issuer that is not there',
      withCaller('    jwt: { issuer: https://a, subject: s }\n'),
      "callers[0].jwt.issuer: 'https://a' is not listed under issuers",
    ],
    [
      'a rule without subject and claim',
      `${withCaller('    jwt: { issuer: https://a }\n')}issuers: [{ issuer: https://a, audience: b, jwks: { url: https://a/keys } }]\n`,
      'callers[0].jwt: write either subject or claim',
    ],
    [
      'keys over an open connection',
      `${GOOD}issuers: [{ issuer: a, audience: b, jwks: { url: http://a.example/keys } }]\n`,
      'issuers[0].jwks.url: write an https address',
    ],
    [
      'a symmetric algorithm',
      `${GOOD}issuers: [{ issuer: a, audience: b, algorithms: [HS256], jwks: { url: https://a/keys } }]\n`,
      'write an asymmetric algorithm such as RS256',
    ],
    [
      'an issuer without an audience',
      `${GOOD}issuers: [{ issuer: a, jwks: { url: https://a/keys } }]\n`,
      'issuers[0].audience: is missing',
    ],
    [
      'a key set that is none',
      `${GOOD}issuers: [{ issuer: a, audience: b, jwks: { file: key } }]\n`,
      'contains no JSON Web Key Set',
    ],
    [
      'a certificate that is none',
      `${GOOD}listen: { tls: { cert: { file: key }, key: { file: key } } }\n`,
      'listen.tls.cert: the file key contains no certificate in PEM form',
    ],
    [
      'a certificate that is not there',
      `${GOOD}listen: { tls: { cert: { file: nowhere }, key: { file: key } } }\n`,
      'the file nowhere cannot be read',
    ],
    [
      'a short signing key',
      `${GOOD}tokens: { signingKey: { env: PUB } }\n`,
      'tokens.signingKey: is too short to be a secret',
    ],
    [
      'no rate',
      withCaller('    spend: { perMinute: 0 }\n'),
      'callers[0].spend.perMinute: must be at least 1',
    ],
    [
      'HA1 that is none',
      withCaller(`    keys: [{ id: agw_abcdefghijkl, sha256: '${'0'.repeat(64)}', ha1: { file: key } }]\n`),
      'callers[0].keys[0].ha1: the file key contains no HA1',
    ],
  ])('with %s is refused', (_name, text, problem) => {
    expect(problemsOf(load(text)).join('\n')).toContain(problem);
  });
});
