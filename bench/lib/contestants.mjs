// The contestants. Each runs in front of an upstream with the same bodies, and receives the same requests.
import { execFileSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { ask } from './ask.mjs';
import { caller, callerKey, startGateway } from './gateway.mjs';
import { startNginx } from './nginx.mjs';
import { freePort, has, start } from './processes.mjs';
import { startVarnish } from './varnish.mjs';

const key = callerKey(1);

const nodeServer =
  (file, { logs = false } = {}) =>
  async ({ stub, folder, node, name }) => {
    const port = await freePort();
    const logPath = join(folder, `${name.replaceAll(' ', '-')}.log`);
    const server = start([node, new URL(`../servers/${file}`, import.meta.url).pathname], {
      env: {
        PORT: String(port),
        UPSTREAM: stub,
        TOKEN: key.bearer.slice('Bearer '.length),
        NODE_ENV: 'production',
      },
      out: logs ? openSync(logPath, 'a') : 'ignore',
    });
    return { ...server, origin: `http://127.0.0.1:${port}`, ...(logs ? { logPath } : {}) };
  };

const gateway = ({ atlas, folder, node, name }) =>
  startGateway({ atlas, folder, node, name: name.replaceAll(' ', '-'), callers: caller('bench', [key]) });

/** Requests a gateway token in exchange for the caller key. */
async function tokenOf(origin) {
  const { body } = await ask(origin, '/api/oauth/token', {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${key.id}:${key.secret}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: 'grant_type=client_credentials',
  });
  return `Bearer ${JSON.parse(body.toString()).access_token}`;
}

/** `runs` is the binary, `node` once for each of `--node`. `authorization` is called once it is up, if it does not use the caller key. */
const CONTESTANTS = [
  {
    name: 'nginx',
    runs: 'nginx',
    start: (given) => startNginx({ ...given, upstream: given.stub, name: 'nginx', log: false }),
  },
  {
    name: 'nginx+log',
    runs: 'nginx',
    start: (given) => startNginx({ ...given, upstream: given.stub, name: 'nginx-log', log: true }),
  },
  { name: 'varnish', runs: 'varnishd', start: (given) => startVarnish({ ...given, upstream: given.stub }) },
  { name: 'bare', runs: 'node', start: nodeServer('bare.mjs') },
  { name: 'gateway', runs: 'node', start: gateway },
  { name: 'gateway-token', runs: 'node', start: gateway, authorization: tokenOf },
  { name: 'hono-lean', runs: 'node', start: nodeServer('hono-lean.mjs') },
  { name: 'hono-full', runs: 'node', start: nodeServer('hono-full.mjs', { logs: true }) },
  { name: 'express-apicache', runs: 'node', start: nodeServer('express-apicache.mjs') },
];

export const NAMES = CONTESTANTS.map(({ name }) => name);
/** Titles in the table, by name. */
export const TITLES = {
  nginx: 'nginx, no log',
  'nginx+log': 'nginx, access log',
  varnish: 'Varnish',
  bare: 'bare node:http, a Map',
  gateway: 'atlas-gateway',
  'gateway-token': 'atlas-gateway, its own token',
  'hono-lean': 'Hono, router and c.body',
  'hono-full': 'Hono, pino, prom-client, auth',
  'express-apicache': 'express, apicache',
};

/** The selected contestants, those on Node.js once per node binary; `tell` is called for each that is skipped. */
export function chosen({ names, nodes, tell }) {
  const versions = nodes.map((node) => ({
    node,
    version: execFileSync(node, ['--version'], { encoding: 'utf8' }).trim(),
  }));
  return CONTESTANTS.filter(({ name }) => names.includes(name)).flatMap((one) => {
    if (one.runs === 'node')
      return versions.map(({ node, version }, index) => ({
        ...one,
        node,
        kind: one.name,
        version,
        name: versions.length > 1 ? `${one.name} node${/\d+/.exec(version)[0]}` : one.name,
        title: `${TITLES[one.name]}${versions.length > 1 ? ` (Node ${/\d+/.exec(version)[0]})` : ''}`,
        onFirstNode: index === 0,
      }));
    if (has(one.runs)) return [{ ...one, kind: one.name, title: TITLES[one.name] }];
    tell(`${one.name} is left out: ${one.runs} is not installed`);
    return [];
  });
}

/** The default Authorization header. */
export const BEARER = key.bearer;
