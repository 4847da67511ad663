// What callers see when Atlas, its network or a credential fails: with nothing cached, and with a cached list.
import { apiKey, connectionsOf, listOf, ORGANIZATIONS, PROJECTS, serviceAccount } from '../atlas-world.mjs';
import { pause, startSimulator, until } from '../session.mjs';

const HTML = { headers: { 'Content-Type': 'text/html' }, body: '<html>busy</html>' };
const JSON_TYPE = { 'Content-Type': 'application/vnd.atlas.2023-02-01+json;charset=utf-8' };
const withBody = (body, headers = JSON_TYPE) => ({ status: 200, headers, body });
const LINK = { href: 'https://cloud.mongodb.com/x', rel: 'self' };

/** Only timeouts reveal these faults, so their gateway uses shorter ones. */
const SLOW_FAULTS = { 'no response': { wire: 'hang' }, 'a dripping response': { wire: 'drip' } };

/** Four times the freshness of these lists and more: when the rate limit runs low they count as fresh for up to four times as long. */
const STALE_AFTER_MS = 10;

const FAULTS = {
  'status 500': { status: 500 },
  'status 502 with HTML': { status: 502, ...HTML },
  'status 503': { status: 503 },
  'status 503 with Retry-After': { status: 503, headers: { 'Retry-After': '30' } },
  'status 504': { status: 504 },
  'status 500 once': { status: 500, times: 1 },
  'a timeout while paging': { status: 503, errorCode: 'TIMEOUT_WHILE_PAGING' },
  'status 429 once': { status: 429, errorCode: 'RATE_LIMITED', headers: { 'Retry-After': '0' }, times: 1 },
  'status 400': { status: 400, errorCode: 'VALIDATION_ERROR' },
  'status 401': { status: 401, errorCode: 'NOT_AUTHORIZED' },
  'status 401 as an ended token': {
    status: 401,
    headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
  },
  'status 402': { status: 402, errorCode: 'NO_PAYMENT_INFORMATION_FOUND' },
  'status 403': { status: 403, errorCode: 'FORBIDDEN' },
  'status 403 for the address': { status: 403, errorCode: 'IP_ADDRESS_NOT_ON_ACCESS_LIST' },
  'status 404': { status: 404, errorCode: 'GROUP_NOT_FOUND' },
  'status 409': { status: 409, errorCode: 'CONFLICT' },
  'status 410': { status: 410, errorCode: 'VERSION_GONE' },
  'status 418 with an odd code': { status: 418, errorCode: 'odd code!' },
  'status 404 with HTML': { status: 404, ...HTML },
  'status 204': { status: 204, body: '' },
  'status 206': withBody('{"results":[]}'),
  'status 301': { status: 301, headers: { Location: 'http://127.0.0.1:9/' } },
  'status 307': { status: 307, headers: { Location: '/elsewhere' } },
  'an empty body': withBody(''),
  'a body of HTML': withBody('<html></html>', { 'Content-Type': 'text/html' }),
  'a body that is cut': withBody('{"links":[],"results":[{"id":"on'),
  'a body that is a list': withBody('[]'),
  'a body without results': withBody('{"links":[]}'),
  'results that are not a list': withBody('{"links":[],"results":{}}'),
  'nesting that is deep': withBody(
    `{"links":[],"results":[${'['.repeat(5_000)}${']'.repeat(5_000)}],"totalCount":1}`,
  ),
  'a body that is too short to be the count': withBody(
    JSON.stringify({ links: [LINK], results: [], totalCount: 7 }),
  ),
  'a body of another media type': withBody('{"links":[],"results":[],"totalCount":0}', {
    'Content-Type': 'application/json',
  }),
  'a body with an unknown coding': withBody('x', { ...JSON_TYPE, 'Content-Encoding': 'zstd' }),
  'a body that is not gzip': withBody('x', { ...JSON_TYPE, 'Content-Encoding': 'gzip' }),
  'a good body with odd members': withBody('{"odd":1,"links":[],"results":[{"a":"\\u00e9"}],"totalCount":1}'),
  'a connection that is reset': { wire: 'reset' },
  'a connection that is reset once': { wire: 'reset', times: 1 },
  'a connection that is cut': { wire: 'cut' },
  'tokens that end': { killTokens: true, times: 1 },
};

/** Each fault meets a list of its own, so that no failure is remembered; successes in between keep the circuit breaker closed. */
async function recordFaults({ open }, { name, faults, timeout }) {
  const session = await open({
    name,
    settings: {
      upstream: { timeout, maxBody: '64KiB' },
      // Every list is stale at once, and still there when Atlas fails.
      cache: { fresh: '1ms', staleWhileRevalidate: '1ms', staleIfError: '1h' },
    },
  });
  for (const [index, [label, fault]] of Object.entries(faults).entries()) {
    const target = listOf('orders', `clusters/c${index}/backup/snapshots?itemsPerPage=1`);
    const ask = async (moment) => {
      await pause(STALE_AFTER_MS);
      await session.ask(`${label}, ${moment}`, target);
    };
    const fail = () => session.simulator.fail({ target: 'clusters/', ...fault });
    await fail();
    await ask('cold');
    await session.simulator.recover();
    await ask('afterwards');
    await fail();
    await ask('cached');
    await session.simulator.recover();
    await session.prepare(listOf('orders', `clusters/other${index}/backup/snapshots`));
    await ask('at the end');
  }
  await session.ask('a body that is too large', connectionsOf('payments', '?itemsPerPage=1'));
  await session.close();
}

/** Atlas names a long wait: its budget is empty for as long, for every list of the same kind and project. */
async function recordRateLimit({ open }) {
  const session = await open({ name: 'rate limit of Atlas' });
  const read = (label, list) => session.ask(label, listOf('orders', `${list}?itemsPerPage=1`));
  await read('cached before', 'clusters');
  await session.simulator.fail({ status: 429, errorCode: 'RATE_LIMITED', headers: { 'Retry-After': '120' } });
  await read('another list', 'streams/privateLinkConnections');
  await session.simulator.recover();
  await read('the list afterwards', 'streams/privateLinkConnections');
  await read('a list of the same kind', 'streams');
  await read('the cached list', 'clusters');
  await session.close();
}

async function recordCircuit({ open }) {
  const session = await open({ name: 'circuit breaker' });
  const read = (label, list) => session.ask(label, listOf('orders', `${list}?itemsPerPage=1`));
  await read('cached before', 'clusters');
  await session.simulator.fail({ status: 503 });
  for (const list of ['peers', 'containers', 'processes', 'streams']) await read(`${list} fails`, list);
  await session.ask('cached and forced', listOf('orders', 'clusters?itemsPerPage=1'), {
    headers: { 'cache-control': 'no-cache' },
  });
  await session.close();
}

async function recordTornWalks({ open }) {
  const session = await open({ name: 'walks' });
  const target = connectionsOf('payments', '?itemsPerPage=1');
  await session.simulator.fail({ target: 'pageNum=2', status: 500, times: 1 });
  await session.ask('a page fails once', target);
  await session.simulator.fail({ target: 'pageNum=2', status: 403, errorCode: 'FORBIDDEN' });
  await session.ask('a page is forbidden', connectionsOf('ledger', '?itemsPerPage=1'));
  await session.close();
}

/** Gateways whose Atlas cannot be reached, or whose credential is refused. */
async function recordBrokenSetups({ open }) {
  const wrongSecret = { clientId: { env: 'CLIENT_ID' }, clientSecret: { env: 'WRONG_SECRET' } };
  const wrongKey = { publicKey: { env: 'PUBLIC_KEY' }, privateKey: { env: 'WRONG_SECRET' } };
  const setups = {
    'Atlas is down': { upstream: { origin: 'http://127.0.0.1:9', timeout: '5s' } },
    'Atlas has no TLS': ({ origin }) => ({
      upstream: { origin: origin.replace('http:', 'https:'), timeout: '5s' },
    }),
    'the secret of the service account is wrong': {
      credentials: [{ name: 'sample', serviceAccount: wrongSecret }],
    },
    'the private key is wrong': { credentials: [{ name: 'sample', apiKey: wrongKey }] },
  };
  const simulator = await startSimulator();
  for (const [name, settings] of Object.entries(setups)) {
    const session = await open({
      name,
      simulator,
      settings: typeof settings === 'function' ? settings(simulator) : settings,
    });
    await session.ask('a list', connectionsOf('orders', '?itemsPerPage=1'));
    await session.ask('a list again', connectionsOf('orders', '?itemsPerPage=1'));
    await session.ask('all projects', '/api/atlas/v2/groups');
    await session.askAdmin('ready', '/readyz');
    await session.close({ observe: false });
  }
  await simulator.stop();
}

async function recordCredentials({ open }) {
  const digest = await open({
    name: 'digest credential',
    settings: { credentials: [{ name: 'sample', apiKey }] },
  });
  await digest.ask('a list', connectionsOf('orders', '?itemsPerPage=1'));
  await digest.ask('a long list', connectionsOf('payments', '?itemsPerPage=1'));
  await digest.simulator.fail({ killNonces: true, times: 1, target: 'peers' });
  await digest.ask('a nonce that ended', listOf('orders', 'peers?itemsPerPage=1'));
  await digest.close();
  const two = await open({
    name: 'two credentials',
    settings: {
      credentials: [
        { name: 'store', serviceAccount, projects: [PROJECTS.orders, PROJECTS.payments] },
        {
          name: 'lab',
          apiKey,
          projects: [PROJECTS.ledger],
          organizations: [ORGANIZATIONS.lab],
          expires: '2099-12-31',
        },
      ],
    },
  });
  for (const project of ['orders', 'ledger', 'search', 'hidden', 'unknown'])
    await two.ask(`connections of ${project}`, connectionsOf(project, '?itemsPerPage=1'));
  for (const path of [
    'groups',
    'orgs',
    `orgs/${ORGANIZATIONS.lab}/teams`,
    `orgs/${ORGANIZATIONS.store}/teams`,
    'clusters',
    'eventTypes',
  ])
    await two.ask(path, `/api/atlas/v2/${path}?itemsPerPage=2`);
  await two.close();
}

async function recordOverload({ open }) {
  const session = await open({ name: 'overload', settings: { listen: { maxInFlight: 1 } } });
  await session.simulator.fail({ target: 'privateLink', delayMs: 1_000 });
  const slow = session.ask('a slow request', connectionsOf('orders', '?itemsPerPage=1'));
  await until(async () => (await session.status()).inFlight === 1, 'a request in flight');
  await session.ask('one request too many', connectionsOf('orders', '?itemsPerPage=1'));
  await session.askAdmin('ready under load', '/readyz');
  await slow;
  await session.close();
}

export async function recordUpstreamFailures(context) {
  await recordFaults(context, { name: 'failures', faults: FAULTS, timeout: '10s' });
  await recordFaults(context, { name: 'slow failures', faults: SLOW_FAULTS, timeout: '1s' });
  await recordRateLimit(context);
  await recordCircuit(context);
  await recordTornWalks(context);
  await recordBrokenSetups(context);
  await recordCredentials(context);
  await recordOverload(context);
}
