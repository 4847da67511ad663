// The admin listener with and without a token: pages, probes, signing in, and requests of other sites.
import { connectionsOf, listOf, PROJECTS, SECRETS } from '../atlas-world.mjs';
import { headerOf, send } from '../http-client.mjs';
import { maskMetrics, maskPage, maskStatus } from '../mask.mjs';

const PAGE = { mask: maskPage };
const HTML = { accept: 'text/html' };
const JSON_TYPE = { 'content-type': 'application/json' };
const connections = (project, query = '') =>
  `/projects/${PROJECTS[project]}/private-link-connections${query}`;

const QUERIES = [
  '',
  '?sort=-state',
  '?sort=region',
  '?sort=nothing',
  '?state=FAILED',
  '?provider=AWS&vendor=MSK',
  '?q=vpce',
  '?page=2',
  '?page=999',
  '?page=none',
  '?unknown=1',
];

const maskPurged = (text) => text;

async function recordPages(session, label, headers = {}) {
  const ask = (name, target, options = {}) =>
    session.askAdmin(`${label}${name}`, target, { ...options, headers: { ...headers, ...options.headers } });
  await ask('status page', '/', PAGE);
  await ask('status page in HTML', '/', { headers: HTML, ...PAGE });
  await ask('head of the status page', '/', { method: 'HEAD' });
  for (const query of QUERIES) await ask(`connections${query}`, connections('orders', query), PAGE);
  for (const project of ['payments', 'empty', 'single', 'unknown'])
    await ask(`connections of ${project}`, connections(project), PAGE);
  await ask('connections of a wrong id', '/projects/orders/private-link-connections');
  await ask('unknown path', '/nothing');
  await ask('unknown path in HTML', '/nothing', { headers: HTML, ...PAGE });
  await ask('purge by get', '/cache/purge');
  await ask('post to the status', '/status.json', { method: 'POST' });
  await ask('status as JSON', '/status.json', {
    mask: (text) => (text.startsWith('{"state"') ? maskStatus(JSON.parse(text)) : text),
  });
  await ask('metrics', '/metrics', { mask: (text) => ({ lines: maskMetrics(text) }) });
  for (const path of ['/healthz', '/readyz'])
    for (const method of ['GET', 'HEAD', 'POST']) await ask(`${method} ${path}`, path, { method });
}

async function recordOtherSites(session, headers = {}) {
  const purge = (label, more, body = '{}') =>
    session.askAdmin(`purge ${label}`, '/cache/purge', {
      method: 'POST',
      body,
      mask: maskPurged,
      headers: { ...headers, ...JSON_TYPE, ...more },
    });
  await purge('of another site', { 'sec-fetch-site': 'cross-site' });
  await purge('of the same site', { 'sec-fetch-site': 'same-origin' });
  await purge('of the same registrable domain', { 'sec-fetch-site': 'same-site' });
  await purge('by a person', { 'sec-fetch-site': 'none' });
  await purge('of another origin', { origin: 'http://evil.example' });
  await purge('of no origin', { origin: 'null' });
  await purge('as a form of a browser', { 'sec-fetch-site': 'same-origin', 'content-type': 'text/plain' });
  await purge('for another host', { host: 'evil.example' });
  await session.askAdmin('status for another host', '/status.json', {
    headers: { ...headers, host: 'evil.example' },
    mask: (text) => text.slice(0, 8),
  });
  await session.askAdmin('probe for another host', '/healthz', { headers: { host: 'evil.example' } });
  await session.askAdmin('health for localhost', '/healthz', { headers: { host: 'localhost' } });
}

async function warmUp(session) {
  for (const project of ['orders', 'empty', 'single', 'payments'])
    await session.prepare(connectionsOf(project));
  for (const list of ['clusters', 'clusters', 'peers', 'nothing'])
    await session.prepare(listOf('orders', list));
}

async function recordSignIn(session) {
  const post = (label, path, body, headers = {}) =>
    session.askAdmin(label, path, {
      method: 'POST',
      body,
      ...PAGE,
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    });
  const token = SECRETS.ADMIN_TOKEN;
  await post('sign in with a wrong token', '/sign-in', 'token=wrong');
  await post('sign in without a token', '/sign-in', '');
  await post('sign in with a large form', '/sign-in', 'x'.repeat(5_000));
  await post('sign in from another site', '/sign-in', `token=${token}`, { 'sec-fetch-site': 'cross-site' });
  await post('sign in to elsewhere', '/sign-in', `token=${token}&next=http://evil.example/`);
  const response = await post('sign in', '/sign-in', `token=${token}&next=${connections('orders')}`);
  const cookie = headerOf(response, 'set-cookie')?.split(';', 1)[0] ?? '';
  await recordPages(session, 'signed in: ', { cookie });
  await post('sign out', '/sign-out', '', { cookie });
  await session.askAdmin('after signing out', '/status.json', { headers: { cookie } });
}

export async function recordAdmin({ open }) {
  const session = await open({ name: 'admin', settings: { metrics: { privateLinkConnections: true } } });
  await recordPages(session, 'cold: ');
  await warmUp(session);
  await recordPages(session, 'warm: ');
  await recordOtherSites(session);
  await session.close();

  const guarded = await open({
    name: 'admin with a token',
    settings: { admin: { port: 0, token: { env: 'ADMIN_TOKEN' } } },
  });
  await warmUp(guarded);
  const authorization = `Bearer ${SECRETS.ADMIN_TOKEN}`;
  await recordPages(guarded, 'without the token: ');
  await recordPages(guarded, 'with a wrong token: ', { authorization: 'Bearer wrong' });
  await recordPages(guarded, 'with the token: ', { authorization });
  await recordOtherSites(guarded, { authorization });
  await recordSignIn(guarded);
  await guarded.close();
  await send(guarded.origin, '/').catch(() => undefined);
}
