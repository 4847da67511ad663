// How a response comes about: hits and misses, request directives, purges, lists that are stale, requests that share a load.
import { connectionsOf, listOf, ORGANIZATIONS, PROJECTS } from '../atlas-world.mjs';
import { pause, until } from '../session.mjs';

const DIRECTIVES = [
  'no-cache',
  'max-age=0',
  'max-age=60',
  'max-age="60"',
  'max-age=none',
  'max-stale',
  'max-stale=60',
  'min-fresh=60',
  'no-store',
  'only-if-cached',
  'only-if-cached, no-cache',
  'only-if-cached, max-age=0',
  'No-Cache',
  'no-cache=field',
  'unheard-of',
  '',
];
/** One more than a caller may force in a minute, with those that came before. */
const FORCED_LOADS = 22;
const SHORT_MS = 150;

async function recordDirectives({ open }) {
  const session = await open({ name: 'directives' });
  const ask = (label, directive, project, pragma) =>
    session.ask(label, connectionsOf(project, '?itemsPerPage=1'), {
      headers: {
        ...(directive === undefined ? {} : { 'cache-control': directive }),
        ...(pragma ? { pragma } : {}),
      },
    });
  await ask('only-if-cached on a cold list', 'only-if-cached', 'orders');
  await ask('cold', undefined, 'orders');
  await ask('warm', undefined, 'orders');
  for (const directive of DIRECTIVES) await ask(`'${directive}' on a warm list`, directive, 'orders');
  await ask('pragma no-cache', undefined, 'orders', 'no-cache');
  await ask('pragma beside cache-control', 'max-age=60', 'orders', 'no-cache');
  for (const [index, directive] of DIRECTIVES.entries())
    await session.ask(
      `'${directive}' on a cold list`,
      `/api/atlas/v2/orgs/${ORGANIZATIONS.store}/teams/${String(index).padStart(24, '0')}/users?itemsPerPage=1`,
      {
        headers: { 'cache-control': directive },
      },
    );
  for (let load = 1; load <= FORCED_LOADS; load++) await ask(`forced load ${load}`, 'no-cache', 'single');
  await session.close();
}

async function recordPurges({ open }) {
  const session = await open({ name: 'purges' });
  const read = async (label) => {
    await session.ask(label, connectionsOf('orders', '?itemsPerPage=1'));
    await session.settle();
  };
  const purge = (label, scope) =>
    session.askAdmin(label, '/cache/purge', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof scope === 'string' ? scope : JSON.stringify(scope),
    });
  await read('before any purge');
  const operation = 'listGroupStreamPrivateLinkConnections';
  const scopes = {
    everything: {},
    'an empty body': '',
    'everything softly': { soft: true },
    'the project': { project: PROJECTS.orders },
    'the project softly': { project: PROJECTS.orders, soft: true },
    'the operation': { operation },
    'the operation by its older name': { operation: 'listPrivateLinkConnections' },
    'the operation softly': { operation, soft: true },
    'both softly': { project: PROJECTS.orders, operation, soft: true },
    'another project': { project: PROJECTS.single },
    'a project that is unknown': { project: PROJECTS.unknown },
    'another operation': { operation: 'listGroupClusters' },
    'an operation that is unknown': { operation: 'listNothing' },
    'no JSON': '{',
    'a list': '[]',
    'an unknown member': { projekt: PROJECTS.orders },
    'a member of another type': { soft: 'yes' },
    'a wrong id': { project: 'orders' },
  };
  for (const [name, scope] of Object.entries(scopes)) {
    await purge(`purge of ${name}`, scope);
    await read(`after the purge of ${name}`);
    await read(`once more after the purge of ${name}`);
  }
  await purge('purge that is too large', `{"soft":${' '.repeat(5_000)}true}`);
  await session.simulator.fail({ status: 503 });
  await purge('soft purge while Atlas fails', { soft: true });
  await read('after a soft purge while Atlas fails');
  await purge('purge while Atlas fails', {});
  await read('after a purge while Atlas fails');
  await session.close();
}

async function recordStaleLists({ open }) {
  const session = await open({
    name: 'stale lists',
    settings: {
      cache: {
        fresh: `${SHORT_MS}ms`,
        staleWhileRevalidate: '1h',
        operations: {
          listGroupClusters: { staleWhileRevalidate: '1ms', staleIfError: '1h' },
          listGroupPeers: { staleWhileRevalidate: '1ms', staleIfError: '2ms' },
          listGroupContainers: { staleWhileRevalidate: '1ms' },
        },
      },
    },
  });
  const seen = async () => (await session.simulator.requests()).length;
  const read = (label, rest, headers) =>
    session.ask(label, listOf('orders', `${rest}?itemsPerPage=1`), { headers });
  for (const rest of ['clusters', 'peers', 'containers', 'streams/privateLinkConnections'])
    await read(`${rest} cold`, rest);
  await pause(SHORT_MS + 50);
  const before = await seen();
  await read('stale while it is revalidated', 'streams/privateLinkConnections');
  await until(async () => (await seen()) > before, 'revalidation');
  await session.simulator.fail({ target: 'containers', status: 404, errorCode: 'GROUP_NOT_FOUND' });
  await read('gone', 'containers');
  await session.simulator.recover();
  await session.simulator.fail({ status: 503 });
  await read('after it was gone', 'containers');
  await pause(SHORT_MS + 50);
  await read('stale because Atlas fails', 'clusters');
  await read('too stale although Atlas fails', 'peers');
  await read('stale with max-stale', 'clusters', { 'cache-control': 'max-stale=3600' });
  await read('stale with only-if-cached', 'clusters', { 'cache-control': 'only-if-cached' });
  // Revalidations in the background make the counts of this session depend on the moment.
  await session.close({ observe: false });
}

async function recordSharedLoads({ open }) {
  const session = await open({ name: 'shared loads' });
  const target = connectionsOf('orders', '?itemsPerPage=1');
  await session.simulator.fail({ target: 'privateLink', delayMs: 1_000, times: 1 });
  const first = session.ask('the request that loads', target);
  await until(async () => (await session.status()).inFlight === 1, 'a load');
  const second = session.ask('the request that joins', target);
  const third = session.ask('the request that joins for another page', `${target}&pageNum=2`);
  await Promise.all([first, second, third]);
  await session.ask('a request afterwards', target);
  await session.close();
}

export async function recordCaching(context) {
  await recordDirectives(context);
  await recordPurges(context);
  await recordStaleLists(context);
  await recordSharedLoads(context);
}
