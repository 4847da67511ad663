// All authentication schemes with valid and invalid credentials, and the lists that each kind of caller may read.
import { generateKeyPair } from 'jose';
import { connectionsOf, listOf, ORGANIZATIONS, PROJECTS } from '../atlas-world.mjs';
import { callerKey, createIssuer, digestAuthorization, digestChallenge } from '../caller-keys.mjs';

const ALGORITHMS = ['MD5', 'SHA-256'];
const TOKEN_TYPE = 'application/x-www-form-urlencoded';

const KEYS = Object.fromEntries(
  [
    'Orders',
    'OrdersNext',
    'Everything',
    'ByName',
    'ByTag',
    'Store',
    'Nothing',
    'Expired',
    'NoDigest',
    'Limited',
    'Spender',
    'Unknown',
  ].map((name) => [name, callerKey(name)]),
);

const withDigest = (name) => ({
  id: KEYS[name].id,
  sha256: KEYS[name].sha256,
  ha1: { file: `keys/${name}.ha1` },
});

const CALLERS = [
  { name: 'orders', keys: [withDigest('Orders'), withDigest('OrdersNext')], projects: [PROJECTS.orders] },
  { name: 'everything', keys: [withDigest('Everything')], projects: 'all', organizations: 'all' },
  {
    name: 'by-name',
    keys: [withDigest('ByName')],
    projects: 'all',
    operations: ['listGroupClusters', 'listDatabaseUsers'],
  },
  { name: 'by-tag', keys: [withDigest('ByTag')], projects: 'all', operations: ['Streams', 'Database Users'] },
  {
    name: 'store',
    keys: [withDigest('Store')],
    projects: [PROJECTS.payments, PROJECTS.orders],
    organizations: [ORGANIZATIONS.store],
  },
  { name: 'nothing', keys: [withDigest('Nothing')] },
  { name: 'expired', keys: [{ ...withDigest('Expired'), expires: '2001-01-01' }], projects: 'all' },
  { name: 'no-digest', keys: [{ id: KEYS.NoDigest.id, sha256: KEYS.NoDigest.sha256 }], projects: 'all' },
  { name: 'limited', keys: [withDigest('Limited')], projects: 'all', requests: { perMinute: 3 } },
  { name: 'spender', keys: [withDigest('Spender')], projects: 'all', spend: { perMinute: 2 } },
];

const TARGETS = {
  'orders connections': connectionsOf('orders', '?itemsPerPage=1'),
  'payments connections': connectionsOf('payments', '?itemsPerPage=1'),
  'hidden connections': connectionsOf('hidden', '?itemsPerPage=1'),
  'connections of an unknown project': connectionsOf('unknown', '?itemsPerPage=1'),
  'orders clusters': listOf('orders', 'clusters?itemsPerPage=1'),
  'orders database users': listOf('orders', 'databaseUsers?itemsPerPage=1'),
  'orders events': listOf('orders', 'events?itemsPerPage=1'),
  'store teams': `/api/atlas/v2/orgs/${ORGANIZATIONS.store}/teams?itemsPerPage=1`,
  'lab teams': `/api/atlas/v2/orgs/${ORGANIZATIONS.lab}/teams?itemsPerPage=1`,
  'projects of store': `/api/atlas/v2/orgs/${ORGANIZATIONS.store}/groups`,
  'all projects': '/api/atlas/v2/groups',
  'all projects by pages': '/api/atlas/v2/groups?itemsPerPage=1&pageNum=2',
  'all organizations': '/api/atlas/v2/orgs',
  'all clusters': '/api/atlas/v2/clusters?itemsPerPage=1',
  'rate limits': '/api/atlas/v2/rateLimits?itemsPerPage=1',
  'rate limits of orders': `/api/atlas/v2/rateLimits?itemsPerPage=1&groupId=${PROJECTS.orders}`,
  'event types': '/api/atlas/v2/eventTypes?itemsPerPage=1',
  'an unknown path': '/api/atlas/v2/nothing',
  'a wrong query': connectionsOf('orders', '?pageNum=none'),
};
const TARGET = TARGETS['orders connections'];

const basic = (id, secret) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;

const WRONG_AUTHORIZATIONS = {
  'the secret of another key': `Bearer ${KEYS.Orders.id}_${KEYS.Store.secret}`,
  'an unknown key': KEYS.Unknown.bearer,
  'an expired key': KEYS.Expired.bearer,
  'a key that is cut': KEYS.Orders.bearer.slice(0, -1),
  'a key that is too long': `${KEYS.Orders.bearer}x`,
  'a key after two spaces': KEYS.Orders.bearer.replace(' ', '  '),
  'a key in a lower-case scheme': KEYS.Orders.bearer.replace('Bearer', 'bearer'),
  'the scheme alone': 'Bearer',
  'text that is not a token': 'Bearer token',
  'an empty value': '',
  'the basic scheme': KEYS.Orders.basic,
  'an unknown scheme': 'Negotiate abc',
  'a digest without parameters': 'Digest',
  'a digest with one parameter': 'Digest username="x"',
  'a key without its scheme': KEYS.Orders.bearer.slice('Bearer '.length),
};

async function recordPolicies(session, bearerOf) {
  for (const [caller, authorization] of Object.entries(bearerOf))
    for (const [label, target] of Object.entries(TARGETS))
      await session.ask(`${caller} reads ${label}`, target, { headers: { authorization } });
}

async function challengeFor(session, algorithm) {
  const response = await session.prepare(TARGET);
  const values = response.headers.filter(([name]) => name === 'www-authenticate').map(([, value]) => value);
  return digestChallenge(values, algorithm);
}

async function recordDigest(session, algorithm) {
  const challenge = await challengeFor(session, algorithm);
  const key = KEYS.Orders;
  const ask = (label, authorization, target = TARGET, method = 'GET') =>
    session.ask(`digest ${algorithm} ${label}`, target, { method, headers: { authorization } });
  const valid = (count, more = {}) => digestAuthorization(challenge, key, { target: TARGET, count, ...more });
  await ask('valid', valid(1));
  await ask('replayed', valid(1));
  await ask('with the next count', valid(2));
  await ask('for HEAD', valid(3, { method: 'HEAD' }), TARGET, 'HEAD');
  await ask('for another method', valid(4, { method: 'POST' }));
  await ask('for another target', valid(5), TARGETS['orders clusters']);
  await ask(
    'with a forged nonce',
    digestAuthorization({ ...challenge, nonce: 'A'.repeat(32) }, key, { target: TARGET }),
  );
  await ask(
    'with another realm',
    digestAuthorization({ ...challenge, realm: 'elsewhere' }, key, { target: TARGET }),
  );
  await ask(
    'with the wrong secret',
    digestAuthorization(challenge, { ...key, secret: 'wrong' }, { target: TARGET, count: 6 }),
  );
  await ask('of an unknown key', digestAuthorization(challenge, KEYS.Unknown, { target: TARGET, count: 7 }));
  await ask('of an expired key', digestAuthorization(challenge, KEYS.Expired, { target: TARGET, count: 8 }));
  await ask(
    'of a key without digest',
    digestAuthorization(challenge, KEYS.NoDigest, { target: TARGET, count: 9 }),
  );
  await ask(
    'of a caller without projects',
    digestAuthorization(challenge, KEYS.Nothing, { target: TARGET, count: 10 }),
  );
  await ask('without qop', valid(11).replace('qop=auth, ', ''));
  await ask('with a parameter twice', `${valid(12)}, nc=0000000d`);
  await ask('with a wrong count', valid(13).replace('nc=0000000d', 'nc=13'));
}

async function recordTokens(session) {
  const exchange = (label, authorization, body = 'grant_type=client_credentials', path = 'token') =>
    session.askBare(`oauth ${label}`, `/api/oauth/${path}`, {
      method: 'POST',
      body,
      headers: { 'content-type': TOKEN_TYPE, ...(authorization === undefined ? {} : { authorization }) },
    });
  const response = await exchange('exchange', KEYS.Orders.basic);
  const { access_token: token, ...rest } = JSON.parse(response.body.toString());
  session.record('oauth token', { rest, ...claimNames(token) });
  const use = (label) =>
    session.ask(`oauth ${label}`, TARGET, { headers: { authorization: `Bearer ${token}` } });
  await use('token is used');
  await use('token is used again');
  await session.ask('oauth token with a changed end', TARGET, {
    headers: { authorization: `Bearer ${token.slice(0, -4)}AAAA` },
  });
  await exchange('exchange without credentials');
  await exchange('exchange with the wrong secret', basic(KEYS.Orders.id, 'wrong'));
  await exchange('exchange with an unknown key', KEYS.Unknown.basic);
  await exchange('exchange with an expired key', KEYS.Expired.basic);
  await exchange('exchange with a bearer', KEYS.Orders.bearer);
  await exchange('exchange with a basic value that is not base64', 'Basic !');
  await exchange('exchange of another grant', KEYS.Orders.basic, 'grant_type=password');
  await exchange('exchange without a grant', KEYS.Orders.basic, '');
  await session.askBare('oauth token by get', '/api/oauth/token');
  await exchange('revocation by another key', KEYS.Store.basic, `token=${token}`, 'revoke');
  await use('token after another key revoked it');
  await exchange(
    'revocation with the wrong secret',
    basic(KEYS.Orders.id, 'wrong'),
    `token=${token}`,
    'revoke',
  );
  await exchange('revocation', KEYS.Orders.basic, `token=${token}`, 'revoke');
  await exchange('revocation of nothing', KEYS.Orders.basic, 'token=none', 'revoke');
  await use('token after it was revoked');
}

function claimNames(token) {
  const [header, payload] = token
    .split('.')
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()));
  return { header, claims: Object.keys(payload).sort(), issuer: payload.iss, subject: payload.sub };
}

async function recordIssuedTokens(session, { issuer, other, unreachable }) {
  const ask = async (label, authorization, target = TARGET) =>
    session.ask(`jwt ${label}`, target, { headers: { authorization: await authorization } });
  const stranger = await generateKeyPair('RS256');
  await ask('by subject', issuer.bearer());
  await ask('by subject for another project', issuer.bearer(), TARGETS['payments connections']);
  await ask('by claim', issuer.bearer({ sub: 'somebody', team: 'search' }));
  await ask('without a rule', issuer.bearer({ sub: 'somebody' }));
  await ask('for another audience', issuer.bearer({ aud: 'elsewhere' }));
  await ask('of an unknown issuer', other.bearer());
  await ask('that claims the issuer', other.bearer({ iss: issuer.issuer }));
  await ask('that is expired', issuer.bearer({}, { expiresAt: 1_000_000_000 }));
  await ask('that is not valid yet', issuer.bearer({ nbf: 4_000_000_000 }, { expiresAt: 4_100_000_000 }));
  await ask('of another signer', issuer.bearer({}, { signWith: stranger.privateKey }));
  await ask('of an unknown key id', issuer.bearer({}, { header: { kid: 'other' } }));
  await ask(
    'with an algorithm that is not allowed',
    issuer.bearer({}, { header: { alg: 'PS256' } }).catch(() => 'Bearer a.b.c'),
  );
  await ask(
    'without a signature',
    `Bearer ${unsigned({ alg: 'none' }, { iss: issuer.issuer, aud: issuer.audience, sub: 'workload' })}`,
  );
  await ask('of an issuer whose keys cannot be read', unreachable.bearer());
  await ask('that is too long', `Bearer ${'a'.repeat(9_000)}.b.c`);
}

const unsigned = (header, payload) =>
  `${[header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;

async function recordLimits(session) {
  const read = (label, key, target) => session.ask(label, target, { headers: { authorization: key.bearer } });
  for (let request = 1; request <= 5; request++)
    await read(`limited request ${request}`, KEYS.Limited, TARGET);
  for (const list of ['clusters', 'peers', 'containers', 'flexClusters'])
    await read(`spender reads ${list}`, KEYS.Spender, listOf('search', `${list}?itemsPerPage=1`));
  await read('spender reads a cached list', KEYS.Spender, TARGET);
}

/** The token endpoint limits how often a key may be tried; unknown keys share one allowance. */
async function recordAttempts({ open }) {
  const session = await open({ name: 'attempts' });
  const attempt = () =>
    session.prepare('/api/oauth/token', {
      method: 'POST',
      headers: { authorization: basic('agw_Guess0000000', 'x') },
    });
  const statuses = [];
  for (let index = 0; index < 70; index++) statuses.push((await attempt()).status);
  session.record('with unknown keys', { first: statuses[0], last: statuses.at(-1) });
  // Attempts are allowed again as time passes, so their counts depend on it.
  await session.abandon();
}

export async function recordCallers(context) {
  const issuer = await createIssuer({ issuer: 'https://issuer.example', audience: 'gateway' });
  const other = await createIssuer({ issuer: 'https://other.example', audience: 'gateway' });
  const unreachable = await createIssuer({ issuer: 'https://unreachable.example', audience: 'gateway' });
  const ha1Files = Object.entries(KEYS).map(([name, { ha1 }]) => [`keys/${name}.ha1`, ha1]);
  const session = await context.open({
    name: 'callers',
    files: { ...Object.fromEntries(ha1Files), 'jwks.json': issuer.jwks },
    settings: {
      anonymous: undefined,
      issuers: [
        { issuer: issuer.issuer, audience: issuer.audience, jwks: { file: 'jwks.json' } },
        { issuer: unreachable.issuer, audience: 'gateway', jwks: { url: 'http://127.0.0.1:9/keys' } },
      ],
      callers: [
        ...CALLERS,
        {
          name: 'workload',
          jwt: { issuer: issuer.issuer, subject: 'workload' },
          projects: [PROJECTS.orders],
        },
        {
          name: 'searchers',
          jwt: { issuer: issuer.issuer, claim: { name: 'team', value: 'search' } },
          projects: [PROJECTS.orders, PROJECTS.search],
        },
      ],
    },
  });
  await session.ask('without authorization', TARGET);
  for (const [label, authorization] of Object.entries(WRONG_AUTHORIZATIONS))
    await session.ask(label, TARGET, { headers: { authorization } });
  await session.ask('second key of a caller', TARGET, { headers: { authorization: KEYS.OrdersNext.bearer } });
  const names = ['Orders', 'Everything', 'ByName', 'ByTag', 'Store', 'Nothing'];
  await recordPolicies(session, Object.fromEntries(names.map((name) => [name, KEYS[name].bearer])));
  for (const algorithm of ALGORITHMS) await recordDigest(session, algorithm);
  await recordTokens(session);
  await recordIssuedTokens(session, { issuer, other, unreachable });
  await recordLimits(session);
  await session.close();
  await recordAttempts(context);
}
