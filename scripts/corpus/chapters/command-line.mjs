// Command lines that end by themselves: help, wrong usage, checks of good and bad configurations, keys, completion, probes.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ORGANIZATIONS, PROJECTS, SECRETS } from '../atlas-world.mjs';
import { callerKey } from '../caller-keys.mjs';
import { maskKey, maskOutput } from '../mask.mjs';
import { runCommand } from '../processes.mjs';
import { commandRecord } from '../records.mjs';

const COMMANDS = ['serve', 'demo', 'check', 'new-key', 'healthcheck', 'simulator', 'completion', 'help'];
const CONCURRENCY = 2;

const WRONG_USAGE = [
  [],
  ['--hepl'],
  ['--version', 'more'],
  ['nothing'],
  ['serv'],
  ['serve', '--confg', 'x'],
  ['serve', '--config'],
  ['serve', '--config', 'nowhere.yaml'],
  ['serve', 'gateway.yaml'],
  ['serve'],
  ['check', '--projects'],
  ['check', '--online=yes'],
  ['check', '--config', 'nowhere.yaml'],
  ['demo', '--port', 'many'],
  ['demo', '--port', '99999'],
  ['simulator', '--port', '-1'],
  ['simulator', '--port', '1.5'],
  ['new-key'],
  ['new-key', '--caller'],
  ['new-key', '--caller', 'two words'],
  ['new-key', '--caller', 'team', '--ha1-file', '/nowhere/at/all'],
  ['completion'],
  ['completion', 'powershell'],
  ['completion', 'bash', 'zsh'],
  ['healthcheck', '--url', 'nonsense'],
  ['healthcheck', '--url', 'http://127.0.0.1:9'],
  ['help', 'nothing'],
  ['help', 'serve', 'demo'],
];

const HELP = [
  ['--help'],
  ['-h'],
  ['--version'],
  ['help'],
  ...COMMANDS.flatMap((name) => [
    [name, '--help'],
    ['help', name],
  ]),
  ['serve', '-h'],
];

const GOOD = `credentials:
  - name: sample
    apiKey: { publicKey: { env: PUBLIC_KEY }, privateKey: { file: key } }
callers:
  - name: team
    projects: all
`;
const KEY = callerKey('Table');
const withCaller = (lines) => GOOD.replace('  - name: team\n', `  - name: team\n${lines}\n`);

/** By name; settings are added to the good configuration, whole configurations replace it. */
const CONFIGURATIONS = {
  good: GOOD,
  'a good one with everything': `${withCaller(`    keys: [{ id: ${KEY.id}, sha256: '${KEY.sha256}', expires: 2099-01-01 }]
    spend: { perMinute: 5 }
    requests: { perMinute: 6 }
    operations: [lists, listGroupAlertConfigs, Streams]`)}anonymous: { projects: ['${PROJECTS.orders}'], organizations: ['${ORGANIZATIONS.lab}'] }
listen: { port: 0, publicUrl: 'https://gateway.example', maxInFlight: 10 }
admin: { port: 0, token: { env: ADMIN_TOKEN } }
upstream: { origin: 'https://atlas.example', timeout: 5s, maxBody: 1MiB }
cache: { maxBytes: 1MiB, projectShare: 0.5, fresh: 1m, maxItems: 5, operations: { listGroupClusters: { fresh: 10s, whole: false } } }
drain: { delay: 1s, deadline: 2s }
metrics: { privateLinkConnections: true }
`,
  nothing: '',
  'a list': '- a\n',
  'a text': 'hello\n',
  'no YAML': `${GOOD}listen: [\n`,
  'a key twice': `${GOOD}cache: {}\ncache: {}\n`,
  'no credentials': 'callers: [{ name: t }]\n',
  'an empty list of credentials': 'credentials: []\ncallers: [{ name: t }]\n',
  'no callers': GOOD.split('callers')[0],
  'a caller twice': `${GOOD}  - name: team\n`,
  'both kinds of credential': GOOD.replace(
    '    apiKey',
    '    serviceAccount: { clientId: { env: PUBLIC_KEY }, clientSecret: { env: PUBLIC_KEY } }\n    apiKey',
  ),
  'neither kind of credential': GOOD.replace(/ {4}apiKey.*\n/, ''),
  'a secret in the file': GOOD.replace('{ env: PUBLIC_KEY }', 'hunter2'),
  'a variable that is not set': GOOD.replace('PUBLIC_KEY', 'NOT_SET'),
  'a file that is not there': GOOD.replace('file: key', 'file: nowhere'),
  'a wrong project': GOOD.replace('projects: all', 'projects: [abc]'),
  'a wrong name': GOOD.replace('name: team', 'name: "my team"'),
  'an unknown operation': withCaller('    operations: [listGroup]'),
  'a wrong key': withCaller('    keys: [{ id: x, sha256: y }]'),
  'a hash without quotes': withCaller(`    keys: [{ id: ${KEY.id}, sha256: 123 }]`),
  'a wrong expiry': withCaller(`    keys: [{ id: ${KEY.id}, sha256: '${KEY.sha256}', expires: soon }]`),
  'a day that does not exist': withCaller(
    `    keys: [{ id: ${KEY.id}, sha256: '${KEY.sha256}', expires: '2026-13-01' }]`,
  ),
  'a file of HA1 that contains something else': withCaller(
    `    keys: [{ id: ${KEY.id}, sha256: '${KEY.sha256}', ha1: { file: key } }]`,
  ),
  'a key of two callers': `${withCaller(`    keys: [{ id: ${KEY.id}, sha256: '${KEY.sha256}' }]`)}  - name: other\n    keys: [{ id: ${KEY.id}, sha256: '${KEY.sha256}' }]\n`,
  'a rate of zero': withCaller('    spend: { perMinute: 0 }'),
  'a rate that is text': withCaller('    requests: { perMinute: many }'),
  'an unknown issuer': withCaller('    jwt: { issuer: https://a, subject: s }'),
  'a rule without subject': `${withCaller('    jwt: { issuer: https://a }')}issuers: [{ issuer: https://a, audience: b, jwks: { url: https://a/keys } }]\n`,
  'an issuer over http': `${GOOD}issuers: [{ issuer: a, audience: b, jwks: { url: http://a.example/keys } }]\n`,
  'an issuer with a symmetric algorithm': `${GOOD}issuers: [{ issuer: a, audience: b, algorithms: [HS256], jwks: { url: https://a/keys } }]\n`,
  'an issuer without an audience': `${GOOD}issuers: [{ issuer: a, jwks: { url: https://a/keys } }]\n`,
  'an issuer with a file that is not a key set': `${GOOD}issuers: [{ issuer: a, audience: b, jwks: { file: key } }]\n`,
  'many problems': 'cache: { fresh: soon, maxBytes: big }\nlisten: { port: -1 }\ncredentials: []\nextra: 1\n',
};

/** Added to the good configuration. */
const SETTINGS = [
  'cache: { maxBytes: 64MBs }',
  'cache: { maxBytes: -1 }',
  'cache: { fresh: 30 }',
  'cache: { fresh: soon }',
  'cache: { projectShare: 2 }',
  'cache: { projectShare: half }',
  'cache: { maxItems: 0 }',
  'cache:\n  freshh: 1s',
  'cache: { operations: { listGroup: {} } }',
  'cache: { operations: { listGroupClusters: { fresh: 1 } } }',
  "cache: { shared: { url: 'redis://host', encryptionKey: { env: LONG_KEY } } }",
  'cache: { shared: { url: { env: PUBLIC_KEY }, encryptionKey: { env: LONG_KEY } } }',
  'cache: { snapshot: { path: cache, encryptionKey: { env: SHORT_KEY } } }',
  'cache: { snapshot: { encryptionKey: { env: LONG_KEY } } }',
  'cachee: {}',
  'listen: { port: 80800 }',
  'listen: { port: many }',
  'listen: { publicUrl: gateway }',
  "listen: { publicUrl: 'https://gateway/path' }",
  'listen: { maxInFlight: 0 }',
  'listen: { tls: { cert: { file: key }, key: { file: key } } }',
  'listen: { tls: { cert: { file: nowhere }, key: { file: key } } }',
  'listen: { host: 0.0.0.0 }\nanonymous: {}',
  'listen: { host: 0.0.0.0 }\nanonymous: { allowRemote: true }',
  'anonymous: { operations: [nothing] }',
  'admin: { host: 0.0.0.0 }',
  'admin: { token: hunter2 }',
  'admin: { token: { file: nowhere } }',
  'admin: { token: { env: NOT_SET } }',
  'upstream: { origin: "http://atlas.example" }',
  'upstream: { origin: "ftp://atlas.example" }',
  'upstream: { timeout: 1 }',
  'upstream: { maxBody: lots }',
  'tokens: { signingKey: { env: SHORT_KEY } }',
  'drain: { delay: never }',
  'metrics: { privateLinkConnections: perhaps }',
];

const ENVIRONMENTS = {
  'a service account': { MONGODB_ATLAS_CLIENT_ID: 'a', MONGODB_ATLAS_CLIENT_SECRET: 'b' },
  'an API key': { MONGODB_ATLAS_PUBLIC_KEY: 'a', MONGODB_ATLAS_PRIVATE_KEY: 'b' },
  'half a service account': { MONGODB_ATLAS_CLIENT_ID: 'a' },
  'half an API key': { MONGODB_ATLAS_PRIVATE_KEY: 'b' },
  'a variable that is misspelt': {
    MONGODB_ATLAS_CLIENT_ID: 'a',
    MONGODB_ATLAS_CLIENT_SECRET: 'b',
    ATLAS_GATEWAY_LISTEN_PRT: '1',
  },
  'a wrong port': {
    MONGODB_ATLAS_CLIENT_ID: 'a',
    MONGODB_ATLAS_CLIENT_SECRET: 'b',
    ATLAS_GATEWAY_LISTEN_PORT: 'x',
  },
  'an empty duration': {
    MONGODB_ATLAS_CLIENT_ID: 'a',
    MONGODB_ATLAS_CLIENT_SECRET: 'b',
    ATLAS_GATEWAY_CACHE_FRESH: '',
  },
  'other settings': {
    MONGODB_ATLAS_CLIENT_ID: 'a',
    MONGODB_ATLAS_CLIENT_SECRET: 'b',
    ATLAS_GATEWAY_LISTEN_PORT: '1234',
    ATLAS_GATEWAY_UPSTREAM_ORIGIN: 'https://atlas.example',
  },
};

/** Runs the jobs a few at a time; the results are in the order of the jobs. */
async function runAll(jobs) {
  const results = [];
  let next = 0;
  const lane = async () => {
    while (next < jobs.length) {
      const index = next++;
      results[index] = await jobs[index]();
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, lane));
  return results;
}

function usageJobs() {
  return [...HELP, ...WRONG_USAGE, ...['bash', 'zsh', 'fish'].map((shell) => ['completion', shell])].map(
    (args) => ({ name: `command line: ${args.join(' ')}`, args }),
  );
}

function checkJobs(folder) {
  const configurations = [
    ...Object.entries(CONFIGURATIONS),
    ...SETTINGS.map((text) => [text.replaceAll('\n', ' '), `${GOOD}${text}\n`]),
  ];
  return configurations.map(([label, text], index) => {
    const file = join(folder, `${index}.yaml`);
    writeFileSync(file, text);
    return { name: `check: ${label}`, args: ['check', '--config', file], env: SECRETS };
  });
}

const environmentJobs = () =>
  Object.entries(ENVIRONMENTS).map(([label, env]) => ({
    name: `check from the environment: ${label}`,
    args: ['check'],
    env,
  }));

function onlineJobs(folder, atlas) {
  const account = (name, secret) =>
    `  - name: ${name}\n    serviceAccount: { clientId: { env: CLIENT_ID }, clientSecret: { env: ${secret} } }\n`;
  const digest =
    '  - name: digest\n    apiKey: { publicKey: { env: PUBLIC_KEY }, privateKey: { env: PRIVATE_KEY } }\n';
  const configuration = (origin, credentials) =>
    `upstream: { origin: '${origin}', timeout: 2s }\ncredentials:\n${credentials}callers: [{ name: team, projects: ['${PROJECTS.orders}', '${PROJECTS.unknown}'] }]\n`;
  const good = account('good', 'CLIENT_SECRET') + digest;
  const cases = {
    'accepted credentials': [configuration(atlas, good), '--online'],
    'accepted credentials and their projects': [configuration(atlas, good), '--online', '--projects'],
    'a wrong secret': [configuration(atlas, good + account('wrong', 'WRONG_SECRET')), '--online'],
    'an Atlas that is down': [configuration('http://127.0.0.1:9', good), '--online'],
  };
  return Object.entries(cases).map(([label, [text, ...flags]], index) => {
    const file = join(folder, `online-${index}.yaml`);
    writeFileSync(file, text);
    return { name: `check online: ${label}`, args: ['check', '--config', file, ...flags], env: SECRETS };
  });
}

async function recordNewKeys({ recorder, makeFolder }) {
  const folder = makeFolder();
  const replacements = [[folder, '<folder>']];
  const mask = (text, known) => maskKey(maskOutput(text, known));
  const file = join(folder, 'team.ha1');
  for (const args of [
    ['new-key', '--caller', 'team'],
    ['new-key', '--caller', 'team', '--ha1-file', file],
    ['new-key', '--caller', 'team', '--ha1-file', file],
  ].entries())
    recorder.add(
      `new key ${args[0] + 1}`,
      commandRecord(args[1], await runCommand(args[1]), { replacements, mask }),
    );
  recorder.add('new key: file of HA1', { content: maskKey(readFileSync(file, 'utf8')) });
}

export async function recordCommandLine({ recorder, makeFolder, open }) {
  const folder = makeFolder();
  writeFileSync(join(folder, 'key'), 'private\n');
  const session = await open({ name: 'a running gateway' });
  const replacements = [[folder, '<folder>'], ...session.replacements];
  const jobs = [
    ...usageJobs(),
    ...checkJobs(folder),
    ...environmentJobs(),
    ...onlineJobs(folder, session.simulator.origin),
    { name: 'command line: healthcheck of a running gateway', args: ['healthcheck', '--url', session.admin] },
    {
      name: 'command line: healthcheck by the environment',
      args: ['healthcheck'],
      env: { ATLAS_GATEWAY_ADMIN_HOST: '0.0.0.0', ATLAS_GATEWAY_ADMIN_PORT: new URL(session.admin).port },
    },
    { name: 'command line: healthcheck of another server', args: ['healthcheck', '--url', session.origin] },
  ];
  const results = await runAll(
    jobs.map(
      ({ args, env }) =>
        () =>
          runCommand(args, env),
    ),
  );
  for (const [index, { name, args }] of jobs.entries())
    recorder.add(name, commandRecord(args, results[index], { replacements }));
  await recordNewKeys({ recorder, makeFolder });
  await session.close({ observe: false });
}
