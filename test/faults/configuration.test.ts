import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { variableOf } from '../../src/config/env-overrides.ts';
import { toJsonSchema } from '../../src/config/json-schema.ts';
import { SCALAR_SETTINGS } from '../../src/config/schema.ts';
import { isServiceVariable } from '../../src/config/service-variables.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { whyNotWritable } from '../../src/lib/writable-path.ts';
import { makeFolder, removeFolders } from '../support/built.ts';
import { say } from '../support/command.ts';
import { createFakeClock } from '../support/fake-clock.ts';

afterAll(removeFolders);

const GOOD = `credentials:
  - name: c
    serviceAccount: { clientId: { env: ID }, clientSecret: { file: secret } }
callers:
  - name: team
    projects: all
`;
const ENV = { ID: 'mdb_sa_id_1', LONG: 'a key that is long enough to encrypt with', REDIS: 'redis://host' };

interface World {
  readonly env?: Record<string, string>;
  readonly files?: Record<string, string>;
  readonly whyNotWritable?: (path: string) => string | undefined;
  readonly clock?: Clock;
}

/** Output of a command for a configuration, with these files and variables. */
async function ask(command: 'check' | 'serve', text: string, { env, files, ...rest }: World) {
  const all: Record<string, string> = { 'gateway.yaml': text, secret: 'mdb_sa_sk_of_this_test', ...files };
  return say([command, '--config', 'gateway.yaml'], {
    env: { ...ENV, ...env },
    readFile(path) {
      const content = all[path.replace(`${process.cwd()}/`, '')];
      if (content === undefined) throw new Error('ENOENT');
      return content;
    },
    ...rest,
  });
}

/** Every problem that `check` reports; `serve` reports the same before it starts. */
async function problemsOf(text: string, world: World = {}): Promise<string[]> {
  const [checked, served] = [await ask('check', text, world), await ask('serve', text, world)];
  expect(served).toEqual(checked);
  expect([checked.code, checked.out]).toEqual([2, '']);
  return checked.err.replaceAll(`${process.cwd()}/`, '').trimEnd().split('\n');
}

const isGood = async (text: string, world: World = {}) => {
  const { code, err } = await ask('check', text, world);
  expect(err).toBe('');
  expect(code).toBe(0);
};

const noOpenssl = spawnSync('openssl', ['version']).error !== undefined;
if (noOpenssl) process.stderr.write('skipped: openssl is not installed, so certificates are not checked\n');

/** A certificate and its key, PEM. */
function certify(name: string, algorithm: readonly string[]): { cert: string; key: string } {
  const folder = makeFolder();
  const { status } = spawnSync(
    'openssl',
    ['req', '-x509', '-newkey', ...algorithm, '-nodes', '-days', '1', '-subj', `/CN=${name}`].concat([
      '-keyout',
      'key.pem',
      '-out',
      'cert.pem',
    ]),
    { cwd: folder },
  );
  expect(status).toBe(0);
  const read = (file: string) => readFileSync(join(folder, file), 'utf8');
  return { cert: read('cert.pem'), key: read('key.pem') };
}

describe('95: every problem at once', () => {
  test('schema, checks between settings, secrets, files and variables → in the order of the file', async () => {
    const text = `listen: { port: 80800, tls: { cert: { file: cert }, key: { file: nowhere } } }
upstream: { origin: 'http://atlas.example', timeout: soon }
credentials:
  - name: bad name
    apiKey: { publicKey: { env: ID }, privateKey: { env: ID } }
  - name: c
    serviceAccount: { clientId: { env: NOT_SET }, clientSecret: { file: secret } }
  - name: c
    serviceAccount: { clientId: { env: ID }, clientSecret: { file: broken } }
callers:
  - { name: one, projects: all, operations: [listNothing] }
  - { name: two, projects: [abc] }
  - { name: three, projects: all, jwt: { issuer: https://a, subject: s } }
issuers: [{ issuer: https://a }]
cache:
  maxBytes: 64MBs
  snapshot: { path: taken/cache, encryptionKey: { env: ID } }
  operations: { listNothing: {} }
`;
    const problems = await problemsOf(text, {
      files: { cert: 'garbage', broken: 'two\nlines' },
      env: { ATLAS_GATEWAY_LISTEN_PRT: '1' },
      whyNotWritable: () => 'cannot be written: no',
    });
    expect(problems.map((problem) => problem.replace(/: .*/, ''))).toEqual([
      'gateway.yaml:1 listen.port',
      'gateway.yaml:1 listen.tls.cert',
      'gateway.yaml:1 listen.tls.key',
      'gateway.yaml:2 upstream.timeout',
      'gateway.yaml:2 upstream.origin',
      'gateway.yaml:4 credentials[0].name',
      'gateway.yaml:7 credentials[1].serviceAccount.clientId',
      'gateway.yaml:8 credentials[2].name',
      'gateway.yaml:9 credentials[2].serviceAccount.clientSecret',
      'gateway.yaml:11 callers[0].operations',
      'gateway.yaml:12 callers[1].projects[0]',
      'gateway.yaml:14 issuers[0].audience',
      'gateway.yaml:14 issuers[0].jwks',
      'gateway.yaml:16 cache.maxBytes',
      'gateway.yaml:17 cache.snapshot.encryptionKey',
      'gateway.yaml:17 cache.snapshot.path',
      'gateway.yaml:18 cache.operations.listNothing',
      'environment ATLAS_GATEWAY_LISTEN_PRT',
    ]);
  });

  test.each([
    ['callers that are all wrong', GOOD.replace('projects: all', 'projects: [abc]'), 'callers[0].projects'],
    [
      'an anonymous that is wrong',
      `${GOOD.split('callers')[0]}anonymous: { projects: none }\n`,
      'anonymous.projects',
    ],
    ['a token that is wrong', `${GOOD}admin: { host: 0.0.0.0, token: hunter2 }\n`, 'admin.token'],
    ['half a credential', GOOD.replace(', clientSecret: { file: secret }', ''), 'clientSecret'],
    [
      'an address that is wrong',
      `${GOOD}listen: { publicUrl: gw }\ncache: { shared: { url: { env: REDIS }, encryptionKey: { env: LONG } } }\n`,
      'listen.publicUrl',
    ],
    ['a port that is wrong', `${GOOD}listen: { port: x }\nadmin: { port: 8080 }\n`, 'listen.port'],
    [
      'credentials that are no list',
      GOOD.replace(/credentials:[\s\S]*?callers/, 'credentials: 5\ncallers'),
      'credentials',
    ],
  ])('%s → one problem without consequential ones', async (_what, text, setting) => {
    const problems = await problemsOf(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(setting);
  });

  test.each([
    ['listen: [', 1, 'a bracket is not closed'],
    ['a: "x', 1, 'a bracket, quote, comma, colon or dash is missing'],
    ['a: b: c', 1, 'a value contains a colon'],
    ['a:\n\tb: 1', 2, 'a tab is used as indentation; use spaces'],
    ['a: @x', 1, 'a value cannot begin with this character; put the value in quotes'],
    ['a: "\\q"', 1, 'use single quotes'],
    ['a: 1\na: 2', 2, 'this setting appears twice; remove one of them'],
    ['a: 1\n---\nb: 2', 2, 'a second document begins at ---; remove it'],
    ['a: }', 1, 'check for a missing or extra bracket'],
    ['a\nb: 1', 1, 'a setting has no colon after its name; write name: value'],
    ['a: &x &y 1', 1, 'a value has two anchors'],
    ['- a\nb: hunter2', 2, 'unexpected character'],
  ])(
    'a text that is not YAML (%j) → line, words and remedy, with the variables that are wrong',
    async (text, line, words) => {
      const env = { ATLAS_GATEWAY_LISTEN_PRT: '1', ATLAS_GATEWAY_CACHE_FRESH: 'soon' };
      const problems = await problemsOf(text, { env });
      expect(problems[0]).toContain(`gateway.yaml:${line}: is not valid YAML: `);
      expect(problems[0]).toContain(words);
      expect(problems.join()).not.toContain('hunter2');
      expect(problems.slice(-2)).toEqual([
        "environment ATLAS_GATEWAY_LISTEN_PRT: is not a known setting: did you mean 'ATLAS_GATEWAY_LISTEN_PORT'?",
        "environment ATLAS_GATEWAY_CACHE_FRESH: 'soon' is not a valid duration; use e.g. 30s",
      ]);
    },
  );

  test('no configuration and invalid variables → all problems', async () => {
    const { code, err } = await say(['check'], {
      env: { ATLAS_GATEWAY_LISTEN_PORT: 'x', ATLAS_GATEWAY_X: '1' },
    });
    expect(code).toBe(2);
    expect(
      err
        .trimEnd()
        .split('\n')
        .map((line) => line.replace(/: .*/, '')),
    ).toEqual(['environment', 'environment ATLAS_GATEWAY_X', 'environment ATLAS_GATEWAY_LISTEN_PORT']);
  });

  const snapshotAt = (path: string) =>
    `${GOOD}cache: { snapshot: { path: '${path}', encryptionKey: { env: LONG } } }\n`;

  test('a cache file that cannot be written → reported with the reason', async () => {
    const folder = makeFolder();
    writeFileSync(join(folder, 'file'), '');
    for (const [path, reason] of [
      [folder, 'is a folder; use the path of a file in it'],
      [join(folder, 'file/cache'), `cannot be written: ${join(folder, 'file')} is not a folder`],
      [join(folder, 'file/a/b/cache'), `cannot be written: ${join(folder, 'file')} is not a folder`],
      ['/dev/null', 'is not a regular file'],
      ['gateway.yaml', 'is the configuration or a file it references, and would be overwritten'],
      ['secret', 'is the configuration or a file it references, and would be overwritten'],
    ] as const) {
      const problems = await problemsOf(snapshotAt(path), { whyNotWritable });
      expect(problems).toEqual([
        expect.stringContaining(`gateway.yaml:7 cache.snapshot.path: ${path} ${reason}`),
      ]);
    }
    for (const path of ['cache', 'made/later/cache', 'file'])
      await isGood(snapshotAt(join(folder, path)), { whyNotWritable });
  });

  /** Whether every user can access a file. */
  const isForAll = (path: string): boolean =>
    (statSync(path).mode & 0o001) !== 0 && (dirname(path) === path || isForAll(dirname(path)));

  test.skipIf(!isForAll(process.execPath) || !isForAll(process.cwd()))(
    'a cache file in a folder of somebody else → named',
    () => {
      const folder = makeFolder();
      chmodSync(folder, 0o755);
      mkdirSync(join(folder, 'closed'), { mode: 0o555 });
      const path = join(folder, 'gateway.yaml');
      writeFileSync(
        path,
        snapshotAt(join(folder, 'closed/cache')).replace('{ file: secret }', '{ env: ID }'),
      );
      const user = process.getuid?.() === 0 ? { uid: 65_532, gid: 65_532 } : {};
      const { status, stderr } = spawnSync(
        process.execPath,
        ['bin/atlas-gateway.js', 'check', '--config', path],
        { env: ENV, encoding: 'utf8', ...user },
      );
      expect(status).toBe(2);
      expect(stderr).toContain(`the folder ${join(folder, 'closed')} is not writable for this user`);
    },
  );
});

describe('125: the variables that Kubernetes sets for a Service called atlas-gateway', () => {
  test.each([
    'SERVICE_HOST',
    'SERVICE_PORT',
    'SERVICE_PORT_HTTP',
    'SERVICE_PORT_HTTP_ALT',
    'PORT',
    'PORT_8080_TCP',
    'PORT_8080_TCP_PROTO',
    'PORT_8080_TCP_PORT',
    'PORT_8080_TCP_ADDR',
    'PORT_53_UDP',
    'PORT_53_UDP_ADDR',
  ])('ATLAS_GATEWAY_%s → ignored', async (name) => {
    await isGood(GOOD, { env: { [`ATLAS_GATEWAY_${name}`]: 'tcp://10.0.0.1:8080' } });
  });

  test.each([
    'SERVICE',
    'SERVICE_HOSTS',
    'SERVICE_PORTS',
    'SERVICE_PORT_',
    'PORTS',
    'PORT_8080',
    'PORT_8080_SCTP',
    'PORT_HTTP_TCP',
    'PORT_8080_TCP_HOST',
    'PORT_8080_TCP_',
    'X_PORT_8080_TCP',
    'service_host',
  ])('ATLAS_GATEWAY_%s → still an error', async (name) => {
    const problems = await problemsOf(GOOD, { env: { [`ATLAS_GATEWAY_${name}`]: '1' } });
    expect(problems).toEqual([
      expect.stringContaining(`environment ATLAS_GATEWAY_${name}: is not a known setting`),
    ]);
  });

  test('none of them is a setting', () => {
    expect(SCALAR_SETTINGS.map(variableOf).filter(isServiceVariable)).toEqual([]);
  });
});

describe('126: errors that would only appear at startup or later', () => {
  /** By setting: an invalid value and its message; given in the file and by its variable. */
  const VALUES: readonly [setting: (typeof SCALAR_SETTINGS)[number], value: string, sentence: string][] = [
    ['listen.host', '999.0.0.1', "'999.0.0.1' is not a valid host; write an IP address or a name"],
    ['listen.host', 'http://gateway', 'is not a valid host'],
    ['listen.host', '127.0.0.1:8080', 'is not a valid host'],
    ['listen.host', '[::1]', 'is not a valid host'],
    ['listen.host', 'two words', 'is not a valid host'],
    ['listen.host', '', "'' is not a valid host"],
    ['admin.host', '-gateway', 'is not a valid host'],
    ['listen.port', '9090', '9090 is also used by admin.port; choose another port'],
    ['admin.port', '8080', '8080 is also used by listen.port; choose another port'],
    ['listen.port', '-1', 'port'],
    ['listen.publicUrl', 'https://user:password@gw', 'is not a valid address'],
    ['listen.publicUrl', 'https://gw?a=b', 'is not a valid address'],
    ['listen.publicUrl', 'ftp://gw', 'is not a valid address'],
    ['listen.publicUrl', 'https://gw:99999', 'is not a valid address'],
    ['listen.maxInFlight', '0', 'must be at least 1'],
    ['upstream.origin', 'ftp://atlas', 'is not a valid origin'],
    ['upstream.origin', 'https://user@atlas', 'is not a valid origin'],
    ['upstream.timeout', '0s', 'must be greater than 0; use e.g. 10s'],
    ['upstream.timeout', '-5s', "'-5s' is not a valid duration; use e.g. 10s"],
    ['upstream.timeout', '25d', 'is too long; use at most 24d'],
    ['upstream.maxBody', '0MiB', "'0MiB' is not a valid size"],
    ['upstream.maxBody', '0', 'is not a valid size'],
    ['cache.maxBytes', '99999999999GiB', 'is not a valid size'],
    ['cache.projectShare', '0', 'must be greater than 0'],
    ['cache.fresh', '-1s', 'is not a valid duration'],
    ['cache.staleIfError', '99999999999d', 'is too long; use at most 3650d'],
    ['cache.maxItems', '0', 'must be at least 1'],
    ['drain.delay', '30d', 'is too long; use at most 24d'],
    ['drain.deadline', '30d', 'is too long; use at most 24d'],
  ];
  const isNumber = (value: string) => /^-?\d+$/.test(value);

  test.each(VALUES)('%s: %j in the file → its line: %s', async (setting, value, sentence) => {
    const [section, key] = setting.split('.');
    const problems = await problemsOf(
      `${GOOD}${section}:\n  ${key}: ${isNumber(value) ? value : JSON.stringify(value)}\n`,
    );
    expect(problems).toEqual([expect.stringContaining(`gateway.yaml:8 ${setting}: `)]);
    expect(problems[0]).toContain(sentence);
  });

  test.each(VALUES)('%s: %j by its environment variable → its name: %s', async (setting, value, sentence) => {
    const variable = variableOf(setting);
    const problems = await problemsOf(GOOD, { env: { [variable]: value } });
    expect(problems).toEqual([expect.stringContaining(`environment ${variable}: `)]);
    // In a variable, a negative number is a string, which is invalid as well.
    if (value !== '-1') expect(problems[0]).toContain(sentence);
  });

  const KEY = `    keys: [{ id: agw_abcdefghijkl, sha256: '${'0'.repeat(64)}', expires: `;
  const PROJECT = '64b7c0ffee0000000000a001';
  const shared = (more: string) =>
    `${GOOD}listen: { publicUrl: 'https://gw' }\ncache:\n  shared: { url: { env: REDIS }, encryptionKey: { env: LONG }, ${more} }\n`;
  const issuer = (jwks: string) => `${GOOD}issuers:\n  - { issuer: a, audience: b, jwks: ${jwks} }\n`;
  const jwt = (name: string) => `  - { name: ${name}, jwt: { issuer: a, subject: s } }\n`;

  test.each([
    [
      'a day that is not in the calendar',
      `${GOOD}${KEY}2026-02-30 }]\n`,
      "7 callers[0].keys[0].expires: '2026-02-30' is not an existing date; write a day that exists in that month",
    ],
    [
      'the day of a credential',
      GOOD.replace('  - name: c\n', '  - name: c\n    expires: 2026-13-01\n'),
      "3 credentials[0].expires: '2026-13-01' is not an existing date",
    ],
    [
      'yes for true',
      `${GOOD}anonymous:\n  allowRemote: yes\n`,
      "8 anonymous.allowRemote: 'yes' is not a boolean; write true or false, without quotes",
    ],
    [
      'on for true',
      `${GOOD}metrics:\n  privateLinkConnections: on\n`,
      "8 metrics.privateLinkConnections: 'on' is not a boolean",
    ],
    [
      'no for false',
      `${GOOD}cache:\n  operations: { listGroupClusters: { whole: no } }\n`,
      "8 cache.operations.listGroupClusters.whole: 'no' is not a boolean",
    ],
    [
      'equal ports on overlapping addresses',
      `${GOOD}listen:\n  port: 7000\nadmin: { host: '::1', port: 7000 }\n`,
      undefined,
    ],
    ['a section that is empty', `${GOOD}cache:\n`, '7 cache: is empty; write a value, or remove it'],
    [
      'a section that is a text',
      `${GOOD}cache: 5\n`,
      '7 cache: must be a mapping; write its settings on the lines below it, indented',
    ],
    [
      'a list that is a mapping',
      GOOD.replace('  - name: team\n    projects: all\n', '  name: team\n'),
      '4 callers: must be a list; write each entry on its own line, after a dash',
    ],
    [
      'a text that is a number',
      `${GOOD}issuers: [{ issuer: 5, audience: b, jwks: { url: https://a/keys } }]\n`,
      '7 issuers[0].issuer: must be a string; quote it',
    ],
    [
      'a text that is empty',
      `${GOOD}issuers: [{ issuer: '', audience: b, jwks: { url: https://a/keys } }]\n`,
      '7 issuers[0].issuer: is empty',
    ],
    [
      'no algorithm',
      `${GOOD}issuers: [{ issuer: a, audience: b, algorithms: [], jwks: { url: https://a/keys } }]\n`,
      '7 issuers[0].algorithms: is empty',
    ],
    [
      'a timer without a pause',
      `${GOOD}cache:\n  snapshot: { path: cache, every: 0s, encryptionKey: { env: LONG } }\n`,
      '8 cache.snapshot.every: must be greater than 0',
    ],
    [
      'a timer that would overflow',
      `${GOOD}cache:\n  snapshot: { path: cache, every: 30d, encryptionKey: { env: LONG } }\n`,
      '8 cache.snapshot.every: is too long; use at most 24d',
    ],
    [
      'a shared tier that is always a miss',
      shared('timeout: 0ms'),
      '9 cache.shared.timeout: must be greater than 0',
    ],
    [
      'certificates that are none',
      shared('ca: { file: secret }'),
      '9 cache.shared.ca: the file secret contains no certificate in PEM form',
    ],
    ['a key server that is none', issuer('{ url: keys }'), '8 issuers[0].jwks'],
    [
      'a key server with a password',
      issuer('{ url: https://u:p@a/keys }'),
      '8 issuers[0].jwks.url: write it without user and password',
    ],
    [
      'a project twice',
      `${GOOD}anonymous:\n  projects: [${PROJECT}, ${PROJECT}]\n`,
      `8 anonymous.projects[1]: '${PROJECT}' is listed twice; remove one, or correct it`,
    ],
    [
      'a token for two callers',
      `${GOOD}${jwt('x')}${jwt('y')}issuers: [{ issuer: a, audience: b, jwks: { url: https://a/keys } }]\n`,
      "8 callers[2].jwt: accepts the same tokens as caller 'x'",
    ],
    [
      'a section in the file that is no mapping, and a variable of it',
      `listen: 5\n${GOOD}`,
      '1 listen: must be a mapping',
    ],
  ])('%s → reported with its line', async (_what, text, problem) => {
    if (problem === undefined) return isGood(text);
    const problems = await problemsOf(text, { env: { ATLAS_GATEWAY_LISTEN_MAX_IN_FLIGHT: '7' } });
    expect(problems).toEqual([expect.stringContaining(`gateway.yaml:${problem}`)]);
  });

  test.each([
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1', 'localhost', true],
    ['0.0.0.0', '127.0.0.1', true],
    ['::', '127.0.0.1', true],
    ['::1', '0:0::1', true],
    ['127.0.0.1', '127.0.0.2', false],
    ['127.0.0.1', '::1', false],
    ['0.0.0.0', '::1', false],
  ])('one port on %s and %s → reported if they overlap', async (one, other, overlap) => {
    const text = `${GOOD}listen: { host: '${one}', port: 7000, publicUrl: 'http://gw' }\nadmin: { host: '${other}', port: 7000, token: { env: LONG } }\n`;
    if (!overlap) return isGood(text);
    expect(await problemsOf(text)).toEqual([
      'gateway.yaml:7 listen.port: 7000 is also used by admin.port; choose another port',
    ]);
  });

  test.each([
    [{ ATLAS_GATEWAY_CONFIG: '' }, []],
    [{}, ['--config', '']],
  ])('an empty path of the configuration (%j %j) → reported', async (env, flags) => {
    for (const command of ['check', 'serve']) {
      const { code, err } = await say([command, ...flags], { env });
      expect(code).toBe(2);
      expect(err).toBe(
        flags.length > 0
          ? 'atlas-gateway: --config needs a value\n'
          : 'environment ATLAS_GATEWAY_CONFIG: is empty; set it to the path of the configuration file, or unset it\n',
      );
    }
  });

  test('an expired secret → check prints a note; the gateway starts', async () => {
    const days = GOOD.replace('  - name: c\n', '  - name: c\n    expires: 2026-08-01\n');
    const text = `${days}    keys:
      - { id: agw_abcdefghijkl, sha256: '${'0'.repeat(64)}', expires: 2026-08-10 }
      - { id: agw_mnopqrstuvwx, sha256: '${'0'.repeat(64)}', expires: 2026-08-11 }
`;
    const clock = createFakeClock(Date.UTC(2026, 7, 10));
    const { code, out } = await ask('check', text, { clock });
    expect(code).toBe(0);
    expect(out.split('\n').filter((line) => line.includes('note'))).toEqual([
      '  note         credential c expired on 2026-08-01: create a new secret in Atlas',
      '  note         key agw_abcdefghijkl of team expired on 2026-08-10: remove it, or create a new one with new-key',
    ]);
  });

  const publicKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
  test.each([
    ['no JSON', 'garbage', 'contains no JSON Web Key Set'],
    ['no set', '{}', 'contains no JSON Web Key Set'],
    ['keys that are none', '{"keys":[5]}', 'contains no JSON Web Key Set'],
    ['no key', '{"keys":[]}', 'contains no key that can verify tokens'],
    [
      'a key of another use',
      JSON.stringify({ keys: [{ ...publicKey, use: 'enc' }] }),
      'contains no key that can verify tokens',
    ],
    [
      'a damaged key',
      JSON.stringify({ keys: [publicKey, { ...publicKey, x: 'AAAA' }] }),
      'contains a damaged key, number 2',
    ],
    [
      'an RSA key without a modulus',
      '{"keys":[{"kty":"RSA","e":"AQAB"}]}',
      'contains a damaged key, number 1',
    ],
    [
      'a shared secret',
      '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}',
      'contains a secret key; write public keys only',
    ],
    ['a private key', JSON.stringify({ keys: [{ ...publicKey, d: 'AAAA' }] }), 'contains a secret key'],
  ])('a key set with %s → reported', async (_what, content, sentence) => {
    expect(await problemsOf(issuer('{ file: keys.json }'), { files: { 'keys.json': content } })).toEqual([
      expect.stringContaining(`gateway.yaml:8 issuers[0].jwks: the file keys.json ${sentence}`),
    ]);
  });

  test('a key set with a key of an unknown type and a usable one → accepted', async () => {
    const content = JSON.stringify({ keys: [{ kty: 'new' }, publicKey, { kty: 'EC', crv: 'new' }] });
    await isGood(issuer('{ file: keys.json }'), { files: { 'keys.json': content } });
  });

  const TLS = `${GOOD}listen:\n  tls: { cert: { file: cert.pem }, key: { file: key.pem } }\n`;
  const EC = ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];

  test.skipIf(noOpenssl)('unusable certificates and keys → each reported', async () => {
    const [one, two, weak] = [certify('one', EC), certify('two', EC), certify('weak', ['rsa:512'])];
    const encrypted = spawnSync('openssl', ['pkey', '-aes256', '-passout', 'pass:hunter2'], {
      input: one.key,
      encoding: 'utf8',
    }).stdout;
    const problems: readonly [cert: string, key: string, setting: string, sentence: string][] = [
      [one.cert, two.key, 'key', 'key.pem does not match the certificate'],
      [two.cert + one.cert, one.key, 'key', 'key.pem belongs to a later certificate of the chain'],
      [weak.cert, weak.key, 'key', 'key.pem or its certificate cannot be used for TLS'],
      ['garbage', one.key, 'cert', 'cert.pem contains no certificate in PEM form'],
      ['', one.key, 'cert', 'cert.pem contains no certificate in PEM form'],
      [one.key, one.key, 'cert', 'cert.pem contains no certificate in PEM form'],
      [one.cert.slice(0, 200), one.key, 'cert', 'cert.pem contains a damaged certificate'],
      [one.cert.replace('MII', 'MIX'), one.key, 'cert', 'cert.pem contains a damaged certificate'],
      [one.cert + two.cert.slice(0, 200), one.key, 'cert', 'cert.pem contains a damaged certificate'],
      [one.cert, 'garbage', 'key', 'key.pem contains no private key in PEM form'],
      [one.cert, one.cert, 'key', 'key.pem contains no private key in PEM form'],
      [one.cert, one.key.slice(0, 60), 'key', 'key.pem contains a damaged private key'],
      [one.cert, encrypted, 'key', 'key.pem contains a key with a passphrase'],
    ];
    for (const [cert, key, setting, sentence] of problems)
      expect(await problemsOf(TLS, { files: { 'cert.pem': cert, 'key.pem': key } })).toEqual([
        expect.stringContaining(`gateway.yaml:8 listen.tls.${setting}: the file ${sentence}`),
      ]);
    await isGood(TLS, { files: { 'cert.pem': one.cert + two.cert, 'key.pem': one.key } });
    await isGood(shared('ca: { file: ca }'), { files: { ca: `# authority\n${one.cert}${two.cert}` } });
    expect(
      await problemsOf(shared('ca: { file: ca }'), { files: { ca: one.cert.replace('MII', 'MIX') } }),
    ).toEqual([
      expect.stringContaining('gateway.yaml:9 cache.shared.ca: the file ca contains a damaged certificate'),
    ]);
  });

  /** Paths of all settings, including those in lists and in mappings with arbitrary names. */
  function settingPaths(schema: unknown, path: readonly string[] = []): string[][] {
    if (typeof schema !== 'object' || schema === null) return [];
    const properties =
      'properties' in schema && typeof schema.properties === 'object' ? schema.properties : {};
    const inner = [
      ...Object.entries(properties ?? {}),
      ...('items' in schema ? [['0', schema.items] as const] : []),
      ...('additionalProperties' in schema && typeof schema.additionalProperties === 'object'
        ? [['listGroupClusters', schema.additionalProperties] as const]
        : []),
    ];
    return inner.flatMap(([name, member]) => [[...path, name], ...settingPaths(member, [...path, name])]);
  }

  const nested = (path: readonly string[], value: unknown): unknown =>
    path.reduceRight<unknown>((inner, name) => (name === '0' ? [inner] : { [name]: inner }), value);

  test.each(settingPaths(toJsonSchema()).map((path) => [path.join('.'), path] as const))(
    '%s with a value of a wrong kind → a sentence of the gateway’s own',
    async (_name, path) => {
      for (const value of [null, '', 'yes', 5.5, -1, true, [], [[]], {}, { x: 1 }]) {
        const { err } = await ask('check', JSON.stringify(nested(path, value)), {});
        for (const line of err.trimEnd().split('\n')) {
          expect(line).not.toMatch(
            /Invalid|Too (small|big)|expected|undefined|\[object|has an invalid value/,
          );
        }
      }
    },
  );
});

describe('128: invalid characters in secrets', () => {
  const CANARY = 'canaryCANARYcanary';
  const SECRET = `gateway.yaml:3 credentials[0].serviceAccount.clientSecret: the file secret`;
  test.each([
    ['a byte order mark', `\uFEFF${CANARY}`, 'begins with a byte order mark; save it as UTF-8 without one'],
    ['UTF-16', Buffer.from(`\uFEFF${CANARY}`, 'utf16le').toString('utf8'), 'is not UTF-8'],
    ['a space before it', ` ${CANARY}`, 'begins or ends with a space; remove it'],
    ['a space after it', `${CANARY} `, 'begins or ends with a space'],
    ['a space and a newline after it', `${CANARY} \n`, 'begins or ends with a space'],
    ['a tab after it', `${CANARY}\t`, 'begins or ends with a space'],
    ['a no-break space after it', `${CANARY}\u00A0`, 'begins or ends with a space'],
    ['a space in it', `${CANARY} ${CANARY}`, 'contains a space'],
    ['a no-break space in it', `${CANARY}\u00A0${CANARY}`, 'contains a special space character'],
    ['a zero-width space', `${CANARY}\u200B${CANARY}`, 'contains an invisible character'],
    ['a zero-width joiner at the end', `${CANARY}\u200D`, 'contains an invisible character'],
    ['a soft hyphen', `${CANARY}\u00AD${CANARY}`, 'contains an invisible character'],
    ['a byte order mark in it', `${CANARY}\uFEFF${CANARY}`, 'contains an invisible character'],
    ['a line break in it', `${CANARY}\n${CANARY}`, 'contains a line break; write the secret on one line'],
    ['a carriage return in it', `${CANARY}\r${CANARY}`, 'contains a line break'],
    ['a line separator in it', `${CANARY}\u2028${CANARY}`, 'contains a line break'],
    ['two newlines after it', `${CANARY}\n\n`, 'has empty lines around the secret'],
    ['two CRLF after it', `${CANARY}\r\n\r\n`, 'has empty lines around the secret'],
    ['a newline before it', `\n${CANARY}`, 'has empty lines around the secret'],
    ['a control character', `${CANARY}\u0007`, 'contains control characters'],
    ['spaces only', '  \n', 'is empty; write the secret into it'],
    ['a byte order mark only', '\uFEFF', 'is empty'],
  ])(
    '%s → named by check and serve, in a file and in a variable, without the value',
    async (_what, value, sentence) => {
      const problems = await problemsOf(GOOD, { files: { secret: value } });
      expect(problems).toEqual([expect.stringContaining(`${SECRET} ${sentence}`)]);
      const byVariable = await problemsOf(GOOD, { env: { ID: value } });
      expect(byVariable).toEqual([
        expect.stringContaining(`serviceAccount.clientId: the environment variable ID ${sentence}`),
      ]);
      expect([...problems, ...byVariable].join()).not.toContain(CANARY);
    },
  );

  test.each(['\n', '\r\n', ''])('one trailing newline (%j) → removed', async (end) => {
    await isGood(GOOD, { files: { secret: `${CANARY}${end}` }, env: { ID: `${CANARY}${end}` } });
  });

  test('all other secrets have the same checks; encryption keys may contain spaces', async () => {
    const text = `listen: { publicUrl: 'https://gw' }
admin: { token: { file: token } }
tokens: { signingKey: { file: signing } }
cache:
  snapshot: { path: cache, encryptionKey: { file: snapshot } }
  shared:
    url: { file: url }
    encryptionKey: { file: shared }
    previousEncryptionKey: { file: previous }
${GOOD}`;
    const names = ['token', 'signing', 'snapshot', 'url', 'shared', 'previous'];
    const value = (name: string) =>
      name === 'url' ? 'redis://host' : `a ${name} that is long enough for a key`;
    await isGood(text, { files: Object.fromEntries(names.map((name) => [name, value(name)])) });
    const spoilt = Object.fromEntries(names.map((name) => [name, `${value(name)}\u200B`]));
    const problems = await problemsOf(text, { files: spoilt });
    expect(problems).toHaveLength(names.length);
    for (const problem of problems) expect(problem).toContain('contains an invisible character');
  });
});
