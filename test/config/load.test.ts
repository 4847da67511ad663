import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatProblem } from '../../src/config/config-error.ts';
import { variableOf } from '../../src/config/env-overrides.ts';
import { toJsonSchema } from '../../src/config/json-schema.ts';
import { type SecretsInForce, secretsInForce } from '../../src/config/kept-secrets.ts';
import { loadConfig } from '../../src/config/load.ts';
import { SCALAR_SETTINGS } from '../../src/config/schema.ts';
import { createCertificate } from '../support/certificate.ts';

const KNOWN = {
  operations: new Set(['listGroups', 'listGroupClusters']),
  tags: new Set(['Clusters']),
  readTags: new Set(['Clusters', 'Auditing']),
};
const GOOD = `credentials:
  - name: c
    apiKey: { publicKey: { env: PUB }, privateKey: { file: key } }
callers:
  - name: team
    projects: all
`;

function load(
  text: string | undefined,
  env: Record<string, string | undefined> = {},
  inForce?: SecretsInForce,
  referenced: Readonly<Record<string, string>> = {},
) {
  const files: Record<string, string> = { 'dir/gateway.yaml': text ?? '' };
  const readFile = (path: string) => {
    if (path.endsWith('/dir/key')) return 'a-private-key-of-some-length\n';
    const content = files[path] ?? referenced[basename(path)];
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
    ...(inForce === undefined ? {} : { inForce }),
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

  test.each(['lists', 'reads', "[Clusters, 'reads:Clusters', 'reads:Auditing', listGroups]"])(
    'may grant %s',
    (operations) => {
      expect(load(`${GOOD}    operations: ${operations}\n`).ok).toBe(true);
    },
  );
  test('takes the proxy from HTTPS_PROXY, unless it names one itself', () => {
    const proxyOf = (more: string, env: Record<string, string>) => {
      const loaded = load(`${GOOD}${more}`, env);
      return loaded.ok && loaded.config.upstream.proxy;
    };
    expect(proxyOf('', { HTTPS_PROXY: 'http://proxy' })).toEqual({ env: 'HTTPS_PROXY' });
    expect(proxyOf('', { HTTPS_PROXY: 'http://proxy', NO_PROXY: '*' })).toBeUndefined();
    const own = { HTTPS_PROXY: 'http://proxy', OWN: 'http://own', NO_PROXY: '*' };
    expect(proxyOf('upstream: { proxy: { env: OWN } }\n', own)).toEqual({ env: 'OWN' });
  });

  test('takes the proxy to a key server from HTTPS_PROXY, unless the issuer names one itself', () => {
    const proxyOf = (url: string, env: Record<string, string>, own = '') => {
      const loaded = load(
        `${GOOD}issuers: [{ issuer: a, audience: b, jwks: { url: ${url}${own} } }]\nupstream: { proxy: { env: OWN } }\n`,
        { OWN: 'http://own', ...env },
      );
      if (!loaded.ok) return problemsOf(loaded);
      return loaded.config.issuers.map(({ jwks }) => ('url' in jwks ? jwks.proxy : undefined));
    };
    const [issuer, proxied] = ['https://a.example/keys', { HTTPS_PROXY: 'http://proxy' }];
    expect(proxyOf(issuer, {})).toEqual([undefined]);
    expect(proxyOf(issuer, proxied)).toEqual([{ env: 'HTTPS_PROXY' }]);
    expect(proxyOf(issuer, { ...proxied, NO_PROXY: '.example' })).toEqual([undefined]);
    expect(proxyOf('http://127.0.0.1/keys', proxied)).toEqual([undefined]);
    expect(proxyOf(issuer, proxied, ', proxy: { env: OWN }')).toEqual([{ env: 'OWN' }]);
    const message =
      'is not a valid proxy address; use http://user:password@host:port, with special characters in the password percent-encoded';
    expect(proxyOf(issuer, { HTTPS_PROXY: 'socks5://user:hunter2@proxy' })).toEqual([
      `environment HTTPS_PROXY: ${message}`,
    ]);
  });

  test('trusts proxies on a Unix socket only where the gateway listens on one', () => {
    const trusting = (more: string) => load(`${GOOD}listen: { trustedProxies: ['unix:']${more} }\n`);
    expect(trusting(', socket: a.sock, publicUrl: http://localhost').ok).toBe(true);
    expect(problemsOf(trusting(''))).toEqual([
      'dir/gateway.yaml:7 listen.trustedProxies[0]: stands for the proxies on listen.socket, which is not set; set it, or write the networks of the proxies',
    ]);
  });

  test('reports TLS on a socket', () => {
    const text = `${GOOD}admin: { socket: a.sock, tls: { cert: { file: key }, key: { file: key } } }\n`;
    expect(problemsOf(load(text)).join()).toContain(
      'dir/gateway.yaml:7 admin.tls: is not for a socket, which no network carries; remove it, or admin.socket',
    );
  });

  test('reports an invalid proxy where it is configured, without its password', () => {
    const env = { HTTPS_PROXY: 'socks5://user:hunter2@proxy' };
    const message =
      'is not a valid proxy address; use http://user:password@host:port, with special characters in the password percent-encoded';
    expect(problemsOf(load(GOOD, env))).toEqual([`environment HTTPS_PROXY: ${message}`]);
    expect(problemsOf(load(`${GOOD}upstream: { proxy: { env: HTTPS_PROXY } }\n`, env))).toEqual([
      `dir/gateway.yaml:7 upstream.proxy: ${message}`,
    ]);
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
      'dir/gateway.yaml:1 listen.publicUrl: is required with cache.shared, because shared lists contain links; write the address under which clients reach this gateway',
    ],
    [
      "cache: { shared: { url: 'redis://host', encryptionKey: { env: LONG } } }",
      'dir/gateway.yaml:7 cache.shared.url: a secret must not be written in this file; write { env: NAME } or { file: PATH }',
    ],
    [
      'listen: { host: 0.0.0.0 }',
      'dir/gateway.yaml:7 listen.publicUrl: is required because other machines reach 0.0.0.0, and links would lead to that address; write the address under which clients reach this gateway',
    ],
    [
      'listen: { socket: api.sock }',
      'dir/gateway.yaml:7 listen.publicUrl: is required with listen.socket, because links cannot lead to a socket; write the address under which clients reach this gateway',
    ],
    [
      "listen: { publicUrl: 'https://gw/api/x' }",
      'dir/gateway.yaml:7 listen.publicUrl: must not have a path under /api, which is where the API itself is',
    ],
    [
      "listen: { publicUrl: 'https://gw/a/../b' }",
      "dir/gateway.yaml:7 listen.publicUrl: 'https://gw/a/../b' is not a valid address; write scheme, host and optionally a path, e.g. https://host/atlas",
    ],
    [
      "listen: { publicUrl: 'http://gw', socket: a.sock }\nadmin: { socket: a.sock }",
      'dir/gateway.yaml:8 admin.socket: is also listen.socket; choose another path',
    ],
    [
      `admin: { socket: ${'a'.repeat(104)} }`,
      'dir/gateway.yaml:7 admin.socket: is too long for a Unix socket; use at most 103 bytes',
    ],
    ['cachee: {}', "dir/gateway.yaml:7 cachee: is not a known setting: did you mean 'cache'?"],
    [
      'cache: { operations: { listGroup: {} } }',
      "dir/gateway.yaml:7 cache.operations.listGroup: is not a known operation: did you mean 'listGroups'?",
    ],
    ['listen: { port: 80800 }', 'dir/gateway.yaml:7 listen.port: a port is a number from 0 to 65535'],
    [
      'listen: { port: many }',
      "dir/gateway.yaml:7 listen.port: 'many' is not a valid port; write a number from 0 to 65535",
    ],
    [
      'listen: { publicUrl: gateway }',
      "dir/gateway.yaml:7 listen.publicUrl: 'gateway' is not a valid address; write scheme, host and optionally a path, e.g. https://host/atlas",
    ],
    [
      'upstream: { origin: "http://atlas.example" }',
      "dir/gateway.yaml:7 upstream.origin: 'http://atlas.example' would send credentials unencrypted; write an https address",
    ],
    [
      "listen: { host: 0.0.0.0, publicUrl: 'http://gw' }\nanonymous: {}",
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
    ['a misspelt word', `${GOOD}    operations: read\n`, "did you mean 'reads'?"],
    [
      'a tag of reads that does not exist',
      `${GOOD}    operations: ['reads:Cluster']\n`,
      "did you mean 'reads:Clusters'?",
    ],
    [
      'a tag without lists',
      `${GOOD}    operations: [Auditing]\n`,
      "'Auditing' has no lists; write 'reads:Auditing'",
    ],
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

  test.each([
    [
      'settings',
      'cache: { fresh: soon }\nlisten: { port: -1 }\nadmin:\n  port: x\ncredentials: []\nextra: 1\n',
      6,
    ],
    ['duplicates inside and outside', 'log:\n  a: 1\n  a: 2\nadmin: {}\nadmin: {}\n', 2],
    ['YAML errors', 'a: @x\nb: @y\nc: "\\q"\n', 3],
  ])('reports wrong %s in the order of the file', (_what, text, count) => {
    const lines = problemsOf(load(text)).map((problem) => Number(/^\S*?:(\d+)/.exec(problem)?.[1]));
    expect(lines).toHaveLength(count);
    expect(lines).toEqual(lines.toSorted((one, other) => one - other));
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
    const publicUrl = { ATLAS_GATEWAY_LISTEN_PUBLIC_URL: 'https://a.example' };
    expect(load(GOOD, { ...(key === 'socket' ? publicUrl : {}), [variable]: value }).ok).toBe(true);
    if (section === 'listen' && key === 'host') return;
    expect(problemsOf(load(GOOD, { [variable]: '' })).join()).toContain(`environment ${variable}: `);
  });

  test('reports an environment variable that is not a setting', () => {
    expect(problemsOf(load(GOOD, { ATLAS_GATEWAY_LISTEN_PRT: '1' }))).toEqual([
      "environment ATLAS_GATEWAY_LISTEN_PRT: is not a known setting: did you mean 'ATLAS_GATEWAY_LISTEN_PORT'?",
    ]);
  });
});

describe('at a reload, a live secret that cannot be read', () => {
  const TOKENS = 'admin: { token: { env: TOKEN } }\ntokens: { signingKey: { env: LONG } }\n';
  const started = load(`${GOOD}${TOKENS}`, { TOKEN: 'the admin token in force' });
  const inForce = started.ok ? secretsInForce(started) : undefined;
  const reload = (text: string, env: Record<string, string | undefined> = {}) => load(text, env, inForce);

  test.each<[what: string, text: string, env: Record<string, string | undefined>, kept: string]>([
    [
      'is not set',
      TOKENS,
      {},
      'dir/gateway.yaml:7 admin.token: the environment variable TOKEN is not set; export it before starting the gateway; the previous value stays in force',
    ],
    [
      'is too short',
      TOKENS,
      { TOKEN: 'short' },
      'dir/gateway.yaml:7 admin.token: is too short to be a secret; write at least 16 random characters; the previous value stays in force',
    ],
    [
      'is to come from elsewhere',
      TOKENS.replace('{ env: TOKEN }', '{ file: nowhere }'),
      {},
      'dir/gateway.yaml:7 admin.token: the file nowhere cannot be read; check that it exists and is readable by this user; the previous value stays in force',
    ],
  ])('because it %s → the one in force is kept', (_, text, env, kept) => {
    const loaded = reload(`${GOOD}${text}`, env);
    expect(loaded.ok && loaded.kept.map(formatProblem)).toEqual([kept]);
    const { token } = (loaded.ok && loaded.config.admin) || {};
    expect(loaded.ok && token && loaded.secretOf(token)).toBe('the admin token in force');
  });

  test('of a credential → kept by its name, wherever it is in the list', () => {
    const credentials = GOOD.replace(
      'credentials:\n',
      'credentials:\n  - name: a\n    apiKey: { publicKey: { env: LONG2 }, privateKey: { env: LONG2 } }\n',
    );
    const loaded = reload(credentials, { PUB: undefined, LONG2: 'another-key-of-some-length' });
    const [, second] = loaded.ok ? loaded.config.credentials : [];
    expect(loaded.ok && second?.apiKey && loaded.secretOf(second.apiKey.publicKey)).toBe('public');
  });

  test.each([
    ['of a new credential', GOOD.replace('name: c', 'name: new'), { PUB: undefined }],
    [
      'that two settings share, which had different ones',
      `${GOOD}${TOKENS.replace('TOKEN', 'ONE').replace('LONG', 'ONE')}`,
      {},
    ],
  ])('%s → the configuration is rejected', (_, text, env) => {
    expect(reload(text, env).ok).toBe(false);
  });
});

describe('at a reload, a live file that cannot be read or used', () => {
  const caller = (name: string, id: string, ha1: string) =>
    `  - { name: ${name}, projects: all, keys: [{ id: ${id}, sha256: '${'0'.repeat(64)}', ha1: { file: ${ha1} } }] }\n`;
  const [ONE, TWO] = [caller('one', 'agw_SampleKey001', 'ha1-1'), caller('two', 'agw_SampleKey002', 'ha1-2')];
  const ISSUER = 'issuers: [{ issuer: a, audience: b, jwks: { file: jwks } }]\n';
  const jwks = JSON.stringify({
    keys: [generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })],
  });
  const files = { 'ha1-1': '1'.repeat(32), 'ha1-2': '2'.repeat(32), jwks };
  const unreadable = 'cannot be read; check that it exists and is readable by this user';

  function reload(text: string, next: Record<string, string>, first = text, started = files) {
    const before = load(first, {}, undefined, started);
    if (!before.ok) throw new Error(problemsOf(before).join());
    return load(text, {}, secretsInForce(before), next);
  }

  test('→ its previous value stays in force, everything else applies', () => {
    const { jwks: _damaged, 'ha1-2': _missing, ...others } = files;
    const text = `${GOOD}${ONE}${TWO}${ISSUER}`;
    const loaded = reload(text, { ...others, 'ha1-1': '3'.repeat(32), jwks: '{' });
    expect(loaded.ok && loaded.kept.map(formatProblem)).toEqual([
      `dir/gateway.yaml:8 callers[2].keys[0].ha1: the file ha1-2 ${unreadable}; the previous value stays in force`,
      'dir/gateway.yaml:9 issuers[0].jwks: the file jwks contains no JSON Web Key Set; a key set begins with {"keys": [; the previous value stays in force',
    ]);
    expect(loaded.ok && ['ha1-1', 'ha1-2', 'jwks'].map((file) => loaded.secretOf({ file }))).toEqual([
      '3'.repeat(32),
      '2'.repeat(32),
      jwks,
    ]);
  });

  test('of a caller → kept by the names of caller and key, wherever they are in the list', () => {
    const loaded = reload(`${GOOD}${TWO}`, {}, `${GOOD}${ONE}${TWO}`);
    expect(loaded.ok && loaded.secretOf({ file: 'ha1-2' })).toBe('2'.repeat(32));
  });

  test.each([
    ['of a new key of the caller', `${GOOD}${ONE.replace('Key001', 'Key009')}`, ONE],
    ['of a new caller', `${GOOD}${ONE.replace('name: one', 'name: new')}`, ONE],
  ])('%s → the configuration is rejected', (_, text, before) => {
    const loaded = reload(text, {}, `${GOOD}${before}`);
    expect(problemsOf(loaded)).toEqual([
      `dir/gateway.yaml:7 callers[1].keys[0].ha1: the file ha1-1 ${unreadable}`,
    ]);
  });

  const noOpenssl = spawnSync('openssl', ['version']).error !== undefined;
  test.skipIf(noOpenssl)('a certificate and a key that do not match → both previous ones stay', () => {
    const text = `${GOOD}listen: { tls: { cert: { file: cert }, key: { file: tls-key } } }\n`;
    const [before, after] = [createCertificate(), createCertificate()];
    const pair = ({ cert, key }: typeof before) => ({ cert, 'tls-key': key });
    const loaded = reload(text, { ...pair(before), cert: after.cert }, text, { ...files, ...pair(before) });
    expect(loaded.ok && loaded.kept.map(formatProblem)).toEqual([
      'dir/gateway.yaml:7 listen.tls.key: the file tls-key does not match the certificate; use the key that the certificate was requested with; the previous value stays in force',
    ]);
    expect(loaded.ok && [loaded.secretOf({ file: 'cert' }), loaded.secretOf({ file: 'tls-key' })]).toEqual([
      before.cert,
      before.key,
    ]);
    const renewed = reload(text, pair(after), text, { ...files, ...pair(before) });
    expect(renewed.ok && [renewed.kept, renewed.secretOf({ file: 'cert' })]).toEqual([[], after.cert]);
  });
});

describe('startup without a file', () => {
  test.each([
    [
      { MONGODB_ATLAS_CLIENT_ID: 'a', MONGODB_ATLAS_CLIENT_SECRET: 'a-secret-of-22-letters' },
      { serviceAccount: {} },
    ],
    [{ MONGODB_ATLAS_PUBLIC_KEY: 'a', MONGODB_ATLAS_PRIVATE_KEY: 'a-secret-of-22-letters' }, { apiKey: {} }],
  ])('takes its credentials from %j, and reads are open on loopback', (env, credential) => {
    expect(load(undefined, env)).toMatchObject({
      ok: true,
      config: {
        credentials: [credential],
        anonymous: { projects: 'all', operations: ['reads'] },
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
